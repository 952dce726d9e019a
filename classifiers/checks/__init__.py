"""The checks, a file per family, and the registry in which configs find them by name."""

from __future__ import annotations

from classifiers.batch import Check
from rephrase.settings.kinds import Kinds

checks: Kinds[type[Check]] = Kinds(
    "check",
    [
        "classifiers.checks.completion",
        "classifiers.checks.chatter",
        "classifiers.checks.commentary",
        "classifiers.checks.leaked",
        "classifiers.checks.length",
        "classifiers.checks.repetition",
        "classifiers.checks.copied",
        "classifiers.checks.facts",
        "classifiers.checks.arithmetic",
        "classifiers.checks.latex",
        "classifiers.checks.faithful",
        "classifiers.checks.aligned",
        "classifiers.checks.language",
        "classifiers.checks.quality",
        "classifiers.checks.ensemble",
        "classifiers.checks.encoder",
        "classifiers.checks.field",
        "classifiers.checks.contamination",
        "classifiers.checks.datatrove",
        "classifiers.checks.similarity",
        "classifiers.checks.perplexity",
        "classifiers.checks.compiles",
        "classifiers.checks.lint",
        "classifiers.checks.licence_header",
        "classifiers.checks.secrets",
    ],
    Check,
)
"""By the name that a config uses."""
