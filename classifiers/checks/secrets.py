"""Keys, tokens and passwords in texts, by the detectors of detect-secrets (https://github.com/Yelp/detect-secrets)."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from types import MappingProxyType
from typing import Any

import numpy as np
from pydantic import Field
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from classifiers.optional import package
from rephrase.errors import UserError
from rephrase.settings.nearest import nearest
from rephrase.settings.section import Section

_SHORTEST = 8  # characters of a line with a secret
_PIECE, _OVERLAP = 1_000, 200  # of longer lines: the time of some detectors grows with the square of a line
_SPACES = re.compile(r"\s+")
_GUESSES = ("secret_keyword", "base64_high_entropy_string", "hex_high_entropy_string", "public_ip_ipv4")


class SecretsSettings(Section):
    """How many secrets are allowed, and of which kinds."""

    max: int | None = Field(default=0, ge=0)
    """The most different secrets of a text."""
    skip: tuple[str, ...] = _GUESSES
    """Kinds that are not looked for. By default those that guess: what is assigned to a name such as `password`, what looks random (also
    digests and identifiers), addresses, for which `input.scrub` has stand-ins. `[]` looks for all."""


@checks.register("secrets")
@dataclass(frozen=True, slots=True)
class Secrets(Check):
    """Rejects texts with keys, tokens and passwords. Scores: `secrets`, the different ones, and `secrets.KIND` for each kind that is there.

    The kinds are detect-secrets' own (`aws_access_key`, `github_token`, `private_key` …). What its heuristics take for a stand-in, a
    sequence, a template or an identifier does not count, and nobody is asked over the network whether a secret is valid. Raises `UserError`
    where detect-secrets is not installed, and for a kind that it does not have.
    """

    name: str
    settings: SecretsSettings
    Settings = SecretsSettings
    scored_by = ("skip",)
    packages = MappingProxyType({"detect_secrets": "code"})

    def __post_init__(self) -> None:
        package("detect_secrets", self.name)
        for kind in self.settings.skip:
            if kind not in _detectors():
                raise UserError(f"there is no kind of secrets `{kind}`", where=f"check `{self.name}`", cure=nearest(kind, _detectors()))

    @override
    def identity(self) -> dict[str, Any]:
        return {"detect-secrets": metadata.version("detect-secrets")}

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        scores: dict[str, Scores] = {self.name: np.full(len(batch), np.nan)}
        for row in np.flatnonzero(batch.has_text):
            secrets = set(secrets_of(batch.texts[row] or "", self.settings.skip))
            scores[self.name][row] = len(secrets)
            for kind in {kind for kind, _ in secrets}:
                values = scores.setdefault(f"{self.name}.{kind}", np.full(len(batch), np.nan))
                values[row] = sum(kind == other for other, _ in secrets)
        return scores

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        return within(scores[self.name], None, self.settings.max)


def secrets_of(text: str, skip: tuple[str, ...] = _GUESSES) -> Iterator[tuple[str, str]]:
    """Kind and value of each secret, as often as it stands there."""
    from detect_secrets.filters import heuristic

    detectors = [(kind, detector) for kind, detector in _detectors().items() if kind not in skip]
    for piece in _pieces(text):
        values = [
            (kind, value)
            for kind, detector in detectors
            for value in detector.analyze_string(piece)
            if not _is_none(value, piece, detector)
        ]
        if values and not heuristic.is_indirect_reference(piece):  # last and once: it is by far the slowest
            yield from values


def _pieces(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        plain = _SPACES.sub(" ", line)  # heuristics take minutes over long runs
        for at in range(0, max(len(plain) - _OVERLAP, 1), _PIECE - _OVERLAP):
            if len(plain) - at >= _SHORTEST:
                yield plain[at : at + _PIECE]


def _is_none(value: str, line: str, detector: Any) -> bool:
    """Whether a value is no secret, by the filters that detect-secrets has on by default, and by the least entropy of its detector."""
    from detect_secrets.filters import heuristic

    limit = getattr(detector, "entropy_limit", None)
    return bool(
        (limit is not None and detector.calculate_shannon_entropy(value) <= limit)
        or heuristic.is_sequential_string(value)
        or heuristic.is_potential_uuid(value)
        or heuristic.is_likely_id_string(value, line, detector)
        or heuristic.is_templated_secret(value)
        or heuristic.is_prefixed_with_dollar_sign(value)
        or heuristic.is_not_alphanumeric_string(value)
    )


@functools.cache
def _detectors() -> dict[str, Any]:
    """A detector of each kind."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    kinds: dict[str, Any] = get_mapping_from_secret_type_to_class()
    return {re.sub(r"\W+", "_", name).strip("_").lower(): kind() for name, kind in sorted(kinds.items())}
