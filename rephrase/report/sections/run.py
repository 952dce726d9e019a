"""What a run is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rephrase.report.page import Part, Section
from rephrase.report.wording import large

if TYPE_CHECKING:
    from rephrase.report.provenance import Provenance


def about(known: Provenance) -> Section:
    """What the run was made of."""
    engines = [(one.name, one.kind, one.model, one.revision, one.version, one.license) for one in known.engines]
    trusting = [one.model for one in known.engines if one.runs_code]
    trusted = f"Python code that lies beside the model was run (`trust_remote_code`): {', '.join(trusting)}." if trusting else ""
    licenses = [(name, large(tokens)) for name, tokens in known.licenses]
    parts = [
        Part("Models", says=trusted, columns=("engine", "kind", "model", "revision", "server", "licence"), rows=engines),
        Part("Input", columns=("files",), rows=[(path,) for path in known.sources])
        if known.sources
        else Part("Input", says="No documents: the recipes make rows of their own."),
        Part("Licences of the documents", columns=("licence", "#tokens of the mixture"), rows=licenses),
        Part("Checks, in their order", columns=("check", "settings"), rows=known.checks)
        if known.checks
        else Part("Checks", says="Those by default: `rephrase config checks` lists them with their reasons."),
        *([Part("Labels", columns=("label", "of", "settings"), rows=known.labels)] if known.labels else []),
        Part("Versions of rephrase", columns=("stage", "version"), rows=known.versions),
    ]
    return Section("run", "Run", "What this run is", parts)
