"""The settings of entity recognition, below `input.scrub`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from rephrase.settings.paths import Model
from rephrase.settings.section import Section


def _with_stand_ins(value: Any) -> Any:
    """A list of kinds, each with its own name in brackets as its stand-in."""
    return {kind: f"[{kind}]" for kind in value} if isinstance(value, list) and all(isinstance(kind, str) for kind in value) else value


class Entities(Section):
    """Personal data that a model finds, names above all: what it finds beside the patterns gets stand-ins too."""

    by: Literal["presidio", "gliner"]
    """presidio: a spaCy model and Presidio's recognisers. gliner: a GLiNER model, slower, for any kind. Each is an extra."""
    model: Model
    """A folder, at the same path on all machines. For presidio also the name of an installed spaCy model, such as en_core_web_lg."""
    kinds: Annotated[dict[str, str], BeforeValidator(_with_stand_ins), Field(min_length=1)] = {"person": "[person]"}
    """What to look for: a list, or each with its stand-in. presidio: the entities of Presidio in lower case (person, location, us ssn …).
    gliner: any words, such as person, address, date of birth."""
    min_score: float = Field(default=0.5, ge=0, le=1)
    """What the model is less sure of stays. spaCy's models say 0.85 of all that they find."""
    language: str = Field(default="en", min_length=2)
    """For presidio: of all texts, which its spaCy model must be for."""
