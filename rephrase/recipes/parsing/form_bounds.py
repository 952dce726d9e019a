"""Bounds on the texts of an answer as JSON: a text that a model writes without end must not cost the others.

It is ended at a bound, in characters, and read to the end of its last sentence. The bounds are such that a list of the longest texts is
about as long as the answer may be.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from rephrase.settings.section import Section
from rephrase.settings.yaml_text import parse_yaml
from rephrase.text.languages import script_of
from rephrase.text.sentences import sentence_spans

Shape = Mapping[str, Any]
"""A JSON schema: an object with all its fields required and no others, as strict modes of servers want it."""

TEXT: Shape = {"type": "string"}
# As ranges, for regular expressions differ in what \\w is; and those of scripts that put no spaces between words.
_LETTERS = "A-Za-z\u00c0-\u1fff\u3040-\ud7ff\uf900-\ufdff"
_SPACELESS = "\u0e00-\u0e7f\u3040-\u9fff"
_FILE = "form_bounds.yaml"


class Bounds(Section):
    """The numbers of form_bounds.yaml, explained there."""

    characters_a_token: int
    characters_a_token_of_script: dict[str, int]
    shortest_bound: int
    statements: int
    pairs: int
    tokens_a_pair: int
    marks_a_pair: int
    share_of_question: float
    grades: int
    marks: int
    retries: int


@functools.cache
def bounds() -> Bounds:
    """The numbers that are shipped."""
    return Bounds.model_validate(parse_yaml(files(__package__).joinpath(_FILE).read_text("utf-8"), _FILE))


def object_of(**fields: Shape) -> Shape:
    """An object of these fields."""
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def list_of(entry: Shape, least: int, most: int) -> Shape:
    """A list of so many entries."""
    return {"type": "array", "items": entry, "minItems": least, "maxItems": most}


def entry_text(max_tokens: int, most: int, words: int = 1) -> Shape:
    """A text of a list of at most `most` texts in an answer of `max_tokens`, of at least so many words."""
    characters = max(bounds().shortest_bound, bounds().characters_a_token * max_tokens // most)
    return {**_begun(words), "maxLength": max(1, min(max_tokens // 2, characters))}


def whole_text(max_tokens: int, min_tokens: int = 0, parts: int = 1) -> Shape:
    """A text that is the answer, or one of so many parts of it, which together fill `max_tokens`; of about `min_tokens` at least.

    It is not empty. Its least length is one of characters, for words that are counted make grammars that engines refuse.
    """
    characters = max(1, bounds().characters_a_token * max(1, max_tokens - bounds().marks) // parts)
    least = min(characters, bounds().characters_a_token * min_tokens)
    return {**TEXT, **({"minLength": least} if least else {"pattern": "\\S"}), "maxLength": characters}


def pairs_of(max_tokens: int, least: int, most: int) -> tuple[Shape, Shape]:
    """The schema of an answer of questions and answers, and that of one of them."""
    number = min(most, max(least, max_tokens // max(bounds().tokens_a_pair, max_tokens // bounds().pairs)))
    characters = bounds().characters_a_token * max(1, max_tokens // number - bounds().marks_a_pair)
    question = max(1, int(bounds().share_of_question * characters))
    answer: Shape = {**TEXT, "pattern": "\\S", "maxLength": max(1, characters - question)}
    pair = object_of(question={**_begun(1), "maxLength": question}, answer=answer)
    return object_of(pairs=list_of(pair, least, number)), pair


def least_in(shape: Shape, language: str | None) -> Shape:
    """The schema with the least lengths of its texts as they are in the script of a language. None: as they are in English."""
    characters = bounds().characters_a_token_of_script.get(script_of(language) or "") if language else None
    return _scaled(shape, characters / bounds().characters_a_token) if characters else shape


def _scaled(shape: Any, share: float) -> Any:
    if not isinstance(shape, Mapping):
        return shape
    return {name: max(1, int(value * share)) if name == "minLength" else _scaled(value, share) for name, value in shape.items()}


def ended(entries: Sequence[Any], shape: Shape) -> list[Any]:
    """The entries of a list, each text that was ended at its bound without its last sentence; without entries of which nothing is left."""
    if "properties" not in shape:
        texts = [whole_sentences(entry, shape) for entry in entries]
        return [text for text in texts if text is not None]
    read = [{name: whole_sentences(entry[name], part) for name, part in shape["properties"].items()} for entry in entries]
    return [entry for entry in read if None not in entry.values()]


def whole_sentences(text: str, shape: Shape) -> str | None:
    """A text as it is, or one that was ended at the bound of its shape without its last sentence; None where nothing is left of it."""
    if len(text) != shape["maxLength"]:
        return text
    return text[: sentence_spans(text)[-1][0]].rstrip() or None


def _begun(words: int) -> Shape:
    """A text of at least so many words, of which the first is one, quoted or after a short number: small models count without end."""
    beginning = f"[^\\s{_LETTERS}]{{0,3}}"
    return {**TEXT, "pattern": f"^{beginning}(?:[{_LETTERS}]\\S*(?: \\S+){{{max(0, words - 1)}}}|[{_SPACELESS}])"}
