"""The checks of the filter stage, a file per family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from classifiers.batch import Check
from classifiers.checks.chatter import Chatter, ChatterSettings
from classifiers.checks.completion import Finished, FinishedSettings, Parsed, ParsedSettings
from classifiers.checks.contamination import Contamination, ContaminationSettings
from classifiers.checks.copied import Copied, CopiedSettings
from classifiers.checks.datatrove import Datatrove, DatatroveSettings
from classifiers.checks.ensemble import Ensemble, EnsembleSettings
from classifiers.checks.facts import FactCheck, FactsSettings
from classifiers.checks.field import FieldCheck, FieldSettings
from classifiers.checks.language import Language, LanguageSettings
from classifiers.checks.leaked import Leaked, LeakedSettings
from classifiers.checks.length import Length, LengthSettings
from classifiers.checks.perplexity import Perplexity, PerplexitySettings
from classifiers.checks.quality import Quality, QualitySettings
from classifiers.checks.repetition import Repetition, RepetitionSettings
from classifiers.checks.similarity import Similarity, SimilaritySettings
from rephrase.settings.section import Section


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of check: the class of its settings, and how it is made from a name and settings."""

    settings: type[Section]
    make: Callable[[str, Any], Check]


KINDS: dict[str, Kind] = {
    "finished": Kind(FinishedSettings, Finished),
    "parsed": Kind(ParsedSettings, Parsed),
    "chatter": Kind(ChatterSettings, Chatter),
    "leaked": Kind(LeakedSettings, Leaked),
    "length": Kind(LengthSettings, Length),
    "repetition": Kind(RepetitionSettings, Repetition),
    "copied": Kind(CopiedSettings, Copied),
    "facts": Kind(FactsSettings, FactCheck),
    "language": Kind(LanguageSettings, Language),
    "quality": Kind(QualitySettings, Quality),
    "ensemble": Kind(EnsembleSettings, Ensemble),
    "field": Kind(FieldSettings, FieldCheck),
    "contamination": Kind(ContaminationSettings, Contamination),
    "datatrove": Kind(DatatroveSettings, Datatrove),
    "similarity": Kind(SimilaritySettings, Similarity),
    "perplexity": Kind(PerplexitySettings, Perplexity),
}
"""By the name that a config uses."""
