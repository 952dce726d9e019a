"""Parsers of completions, by the names that recipe files use. Each gives training text or an error code `parse:…`."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import orjson

from rephrase.config import Section, validate
from rephrase.errors import UserError
from rephrase.recipes.base import Parsed
from rephrase.text.tokenizer import Tokenizer

Parser = Callable[[str, Tokenizer], Parsed]

# A lead-in announces the text: an optional "Sure!", then a short line such as "Here is a simplified version of the passage:".
_AGREEMENT = r"(?:\W{0,4}(?:sure|certainly|of course|okay|ok|absolutely|great)\b[^\n]{0,120}?[:!.]\s*)?"
_ANNOUNCEMENT = r"\W{0,4}(?:here(?:'s|’s| is| are)|below is|the following is|this is)\b[^\n]{0,160}?:[ \t*]*\n+"
_LABEL = r"\W{0,4}(?:paraphrase|paraphrased (?:text|version)|rewritten (?:text|version|passage)|simplified version)\s*:[ \t*]*\n*"
_LEAD_IN = re.compile(rf"\A{_AGREEMENT}(?:{_ANNOUNCEMENT}|{_LABEL})", re.IGNORECASE)
_QUESTION = re.compile(r"^[ \t>*_#-]*(?:question|q)[ \t]*\d*[ \t*_]*[:.][ \t*_]*(.+?)\s*$", re.IGNORECASE)
_ANSWER = re.compile(r"^[ \t>*_#-]*(?:answer|a)[ \t]*\d*[ \t*_]*[:.][ \t*_]*(.*?)\s*$", re.IGNORECASE)
_TURN = re.compile(r"^[ \t>*_#-]*([A-Z][\w.'’ -]{0,38}?)[ \t*_]*:[ \t*_]*\S", re.MULTILINE)


def without_lead_in(completion: str) -> str:
    """The completion without a lead-in and without white space at its ends."""
    text = completion.strip() + "\n"  # a lead-in that nothing follows is one too
    lead = _LEAD_IN.match(text)
    return text[lead.end() if lead else 0 :].strip()


class ParaphraseSettings(Section):
    """Settings of the parser `paraphrase`."""

    min_tokens: int = 0


def paraphrase(settings: ParaphraseSettings) -> Parser:
    """Prose. A lead-in such as "Here is a paraphrase:" is cut off, as WRAP does (section 3.1 of arXiv 2401.16380)."""

    def parse(completion: str, tokenizer: Tokenizer) -> Parsed:
        return _at_least(without_lead_in(completion), settings.min_tokens, tokenizer)

    return parse


class QuestionsSettings(Section):
    """Settings of the parser `questions`."""

    min_pairs: int = 1
    min_tokens: int = 0


def questions(settings: QuestionsSettings) -> Parser:
    """Turns that begin with "Question:" and "Answer:", written back in that plain form. Lines before the first question are cut off.

    An unanswered question is left out; fewer pairs than `min_pairs` are the error `parse:no_questions`.
    """

    def parse(completion: str, tokenizer: Tokenizer) -> Parsed:
        pairs = _pairs(completion)
        if len(pairs) < settings.min_pairs:
            return Parsed(error="parse:no_questions")
        return _at_least("\n\n".join(f"Question: {q}\nAnswer: {a}" for q, a in pairs), settings.min_tokens, tokenizer)

    return parse


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, list[str]]] = []
    answering = False
    for line in text.splitlines():
        if question := _QUESTION.match(line):
            pairs.append((question.group(1), []))
            answering = False
        elif pairs and (answer := _ANSWER.match(line)):
            pairs[-1][1].append(answer.group(1))
            answering = True
        elif pairs and line.strip():
            if answering:
                pairs[-1][1].append(line.rstrip())
            else:
                pairs[-1] = (f"{pairs[-1][0]} {line.strip()}", pairs[-1][1])
    return [(question, "\n".join(lines).strip()) for question, lines in pairs if "\n".join(lines).strip()]


class DialogueSettings(Section):
    """Settings of the parser `dialogue`."""

    min_speakers: int = 2
    min_turns: int = 2
    min_tokens: int = 50


def dialogue(settings: DialogueSettings) -> Parser:
    """A conversation of at least `min_speakers` named speakers; lines before the first turn are cut off if they are a lead-in.

    Errors: `parse:no_dialogue`, and `parse:too_short` under `min_tokens` (MIND drops outputs under 50 tokens, section 3.2 of
    arXiv 2410.12881).
    """

    def parse(completion: str, tokenizer: Tokenizer) -> Parsed:
        text = without_lead_in(completion)
        speakers = [turn.group(1).strip().lower() for turn in _TURN.finditer(text)]
        if len(set(speakers)) < settings.min_speakers or len(speakers) < settings.min_turns:
            return Parsed(error="parse:no_dialogue")
        return _at_least(text, settings.min_tokens, tokenizer)

    return parse


def _at_least(text: str, min_tokens: int, tokenizer: Tokenizer) -> Parsed:
    if not text:
        return Parsed(error="parse:empty")
    if min_tokens and tokenizer.count([text])[0] < min_tokens:
        return Parsed(error="parse:too_short")
    return Parsed(text=text)


PARSERS: dict[str, tuple[type[Section], Callable[[Any], Parser]]] = {
    "paraphrase": (ParaphraseSettings, paraphrase),
    "questions": (QuestionsSettings, questions),
    "dialogue": (DialogueSettings, dialogue),
}


def parser_of(name: str, settings: dict[str, Any], where: str) -> Parser:
    """The parser of that name with these settings. Raises `UserError` for an unknown name or setting."""
    return _parser(name, orjson.dumps(settings, option=orjson.OPT_SORT_KEYS), where)


@functools.lru_cache(maxsize=256)  # asked for once a completion
def _parser(name: str, settings: bytes, where: str) -> Parser:
    if name not in PARSERS:
        raise UserError(f"unknown parser `{name}`", where=where, cure=f"there are: {', '.join(sorted(PARSERS))}")
    section, make = PARSERS[name]
    return make(validate(section, orjson.loads(settings), where))
