"""Parsers of completions, by the names that recipe files use. Each gives training text or fields, or an error code `parse:…`."""

from __future__ import annotations

import functools
import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from rephrase.config import Section, validate
from rephrase.errors import UserError
from rephrase.recipes.base import Parsed
from rephrase.recipes.edits import apply_edits
from rephrase.text.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Context:
    """What a parser may look at beside the completion."""

    tokenizer: Tokenizer
    values: Mapping[str, Any] = field(default_factory=dict)  # what the prompt was filled with
    seed: str = ""  # for random choices: the same for the same prompt and completion on any machine


Parser = Callable[[str, Context], Parsed]

# A lead-in announces the text: an optional "Sure!", then a short line such as "Here is a simplified version of the passage:".
_AGREEMENT = r"(?:\W{0,4}(?:sure|certainly|of course|okay|ok|absolutely|great)\b[^\n]{0,120}?[:!.]\s*)?"
_ANNOUNCEMENT = r"\W{0,4}(?:here(?:'s|’s| is| are)|below is|the following is|this is)\b[^\n]{0,160}?:[ \t*]*\n+"
_LABEL = r"\W{0,4}(?:paraphrase|paraphrased (?:text|version)|rewritten (?:text|version|passage)|simplified version)\s*:[ \t*]*\n*"
_LEAD_IN = re.compile(rf"\A{_AGREEMENT}(?:{_ANNOUNCEMENT}|{_LABEL})", re.IGNORECASE)
_QUESTION = re.compile(r"^[ \t>*_#-]*(?:question|q)[ \t]*\d*[ \t*_]*[:.][ \t*_]*(.+?)\s*$", re.IGNORECASE)
_ANSWER = re.compile(r"^[ \t>*_#-]*(?:answer|a)[ \t]*\d*[ \t*_]*[:.][ \t*_]*(.*?)\s*$", re.IGNORECASE)
_TURN = re.compile(r"^[ \t>*_#-]*([A-Z][\w.'’ -]{0,38}?)[ \t*_]*:[ \t*_]*\S", re.MULTILINE)
_BULLET = re.compile(r"^[ \t]*(?:[-*•–+]|\(?\d{1,3}[.)])[ \t]+(?=\S)")
_HEADING = re.compile(r"^[ \t]*#{1,6}[ \t]+(.*\S)", re.MULTILINE)
_FENCE = re.compile(r"\A\s*```\w*\s*\n?(.*?)\n?```\s*\Z", re.DOTALL)
_MARKDOWN = re.compile(r"(?m)^[ \t]*#{1,6}[ \t]+|\*\*(?=\S)|(?<=\S)\*\*|^[ \t]*(?:[-*_][ \t]*){3,}$")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def without_lead_in(completion: str) -> str:
    """The completion without a lead-in and without white space at its ends."""
    text = completion.strip() + "\n"  # a lead-in that nothing follows is one too
    lead = _LEAD_IN.match(text)
    return text[lead.end() if lead else 0 :].strip()


def without_markdown(text: str) -> str:
    """The text without headings' marks, bold type and rules; bullets stay."""
    return re.sub(r"\n{3,}", "\n\n", _MARKDOWN.sub("", text)).strip()


def without_fence(text: str) -> str:
    """What stands inside a code fence, where the whole text is one."""
    fenced = _FENCE.match(text)
    return fenced.group(1) if fenced else text


class ParaphraseSettings(Section):
    """Settings of the parser `paraphrase`."""

    min_tokens: int = 0
    markdown: bool = True
    """Leave Markdown in."""


def paraphrase(settings: ParaphraseSettings) -> Parser:
    """Prose. A lead-in such as "Here is a paraphrase:" is cut off, as WRAP does (section 3.1 of arXiv 2401.16380)."""

    def parse(completion: str, context: Context) -> Parsed:
        text = without_lead_in(completion)
        return _at_least(text if settings.markdown else without_markdown(text), settings.min_tokens, context)

    return parse


class MarkedSettings(Section):
    """Settings of the parser `marked`."""

    marker: str
    min_tokens: int = 0
    strip_lines: list[str] = []
    """Lines that begin with one of these words are left out."""


def marked(settings: MarkedSettings) -> Parser:
    """Text after a marker that the completion must begin with; Markdown and quotes around the whole are stripped.

    A completion without it is the error `parse:no_marker`, as in Nemotron-CC's code (arXiv 2412.02595).
    """

    def parse(completion: str, context: Context) -> Parsed:
        text = without_markdown(completion)
        if not text.casefold().startswith(settings.marker.casefold()):
            return Parsed(error="parse:no_marker" if text else "parse:empty")
        text = text[len(settings.marker) :].strip()
        if len(text) > 1 and text[0] in "\"“'" and text[-1] in "\"”'":
            text = text[1:-1].strip()
        return _at_least(_without_lines(text, settings.strip_lines), settings.min_tokens, context)

    return parse


class PlainSettings(Section):
    """Settings of the parser `plain`."""

    min_tokens: int = 0
    strip_lines: list[str] = []


def plain(settings: PlainSettings) -> Parser:
    """Text without Markdown, and without lines that begin with one of `strip_lines`."""

    def parse(completion: str, context: Context) -> Parsed:
        return _at_least(_without_lines(without_markdown(completion), settings.strip_lines), settings.min_tokens, context)

    return parse


def _without_lines(text: str, starts: list[str]) -> str:
    lowered = tuple(start.casefold() for start in starts)
    lines = [line for line in text.splitlines() if not (lowered and line.strip().casefold().startswith(lowered))]
    return "\n".join(lines).strip()


class BulletsSettings(Section):
    """Settings of the parser `bullets`."""

    min_tokens: int = 0


def bullets(settings: BulletsSettings) -> Parser:
    """A list of statements, one a line without its bullet. A first line that is no bullet is dropped (Nemotron-CC's knowledge list)."""

    def parse(completion: str, context: Context) -> Parsed:
        lines = [line for line in without_markdown(completion).splitlines() if line.strip()]
        if lines and not _BULLET.match(lines[0]):
            lines = lines[1:]
        return _at_least("\n".join(_BULLET.sub("", line).strip() for line in lines), settings.min_tokens, context)

    return parse


class ItemsSettings(Section):
    """Settings of the parser `items`."""

    min_items: int = 1
    max_items: int = 100
    min_words: int = 1


def items(settings: ItemsSettings) -> Parser:
    """A list that prepares a later step: the field `items` holds one text for each bullet, number or heading, without repeats."""

    def parse(completion: str, _: Context) -> Parsed:
        found = _HEADING.findall(completion) or [_BULLET.sub("", line).strip() for line in completion.splitlines() if _BULLET.match(line)]
        clean = dict.fromkeys(without_markdown(item).strip(" .:*") for item in found)
        listed = [item for item in clean if len(item.split()) >= settings.min_words][: settings.max_items]
        return Parsed(fields={"items": listed}) if len(listed) >= settings.min_items else Parsed(error="parse:no_items")

    return parse


class ObjectsSettings(Section):
    """Settings of the parser `objects`."""

    fields: list[str]
    min_items: int = 1
    max_items: int = 100


def objects(settings: ObjectsSettings) -> Parser:
    """A JSON list of objects, each with these text fields: a later step has a prompt for each. Repeats count once."""

    def parse(completion: str, _: Context) -> Parsed:
        data = _json(completion, "[", "]")
        if not isinstance(data, list):
            return Parsed(error="parse:json")
        found = []
        for entry in data:
            if not isinstance(entry, dict) or not all(isinstance(entry.get(name), str) and entry[name].strip() for name in settings.fields):
                return Parsed(error="parse:json")
            chosen = {name: " ".join(entry[name].split()) for name in settings.fields}
            if chosen not in found:
                found.append(chosen)
        found = found[: settings.max_items]
        return Parsed(fields={"items": found}) if len(found) >= settings.min_items else Parsed(error="parse:no_items")

    return parse


def _json(completion: str, first: str, last: str) -> Any:
    text = without_fence(completion.strip())
    start, end = text.find(first), text.rfind(last)
    try:
        return json.loads(text[start : end + 1]) if 0 <= start < end else None
    except ValueError:
        return None


class TagSettings(Section):
    """Settings of the parser `tag`."""

    name: str
    min_tokens: int = 0


def tag(settings: TagSettings) -> Parser:
    """What stands between `<name>` and `</name>`; reasoning before it is left out. Of several the last counts."""
    pattern = re.compile(rf"<{re.escape(settings.name)}>(.*?)</{re.escape(settings.name)}>", re.DOTALL | re.IGNORECASE)

    def parse(completion: str, context: Context) -> Parsed:
        found = pattern.findall(completion)
        return _at_least(found[-1].strip(), settings.min_tokens, context) if found else Parsed(error="parse:no_tag")

    return parse


class SectionsSettings(Section):
    """Settings of the parser `sections`."""

    fields: list[str]
    """Names of the sections in order; each begins with its name and a colon."""
    optional: list[str] = []


def sections(settings: SectionsSettings) -> Parser:
    """Sections that begin with their names ("Question: …", "Answer: …"), each a field by its name in lower case.

    A section that is missing, empty or out of order is the error `parse:no_NAME`.
    """
    names = [*settings.fields, *settings.optional]
    labels = "|".join(re.escape(name.replace("_", " ")) for name in sorted(names, key=len, reverse=True))
    pattern = re.compile(rf"^[ \t>*_#-]*({labels})[ \t*_]*:[ \t*_]*", re.IGNORECASE | re.MULTILINE)

    def parse(completion: str, _: Context) -> Parsed:
        text = without_fence(completion.strip())
        starts = list(pattern.finditer(text))
        found: dict[str, str] = {}
        for start, end in zip(starts, [*(match.start() for match in starts[1:]), len(text)], strict=False):  # no starts, no ends
            name = start.group(1).lower().replace(" ", "_")
            if name in found:  # a second round of sections is another item, which was not asked for
                break
            found[name] = text[start.end() : end].strip().strip("*").strip()
        for name in settings.fields:
            if not found.get(name):
                return Parsed(error=f"parse:no_{name}")
        wanted = [name for name in found if name in settings.fields]
        if wanted != settings.fields:
            return Parsed(error="parse:order")
        return Parsed(fields={**dict.fromkeys(settings.optional, ""), **found})

    return parse


class ScoreSettings(Section):
    """Settings of the parser `score`."""

    low: float = 1
    high: float = 5
    label: str = "score"


def score(settings: ScoreSettings) -> Parser:
    """A grade: the number after the last "Score:", as the field `score`. Out of bounds or missing is `parse:no_score`."""
    pattern = re.compile(rf"{re.escape(settings.label)}[ \t*_]*[:=]?[ \t*_]*({_NUMBER.pattern})(?:\s*/\s*\d+)?", re.IGNORECASE)

    def parse(completion: str, _: Context) -> Parsed:
        found = pattern.findall(completion) or ([completion.strip()] if _NUMBER.fullmatch(completion.strip()) else [])
        value = float(found[-1]) if found else settings.low - 1
        return Parsed(fields={"score": value}) if settings.low <= value <= settings.high else Parsed(error="parse:no_score")

    return parse


class LabelSettings(Section):
    """Settings of the parser `label`."""

    labels: list[str]
    reject: list[str] = []


def label(settings: LabelSettings) -> Parser:
    """One of a few words, as the field `label`; those in `reject` are the error `rejected:WORD`."""
    by_length = sorted(settings.labels, key=len, reverse=True)
    pattern = re.compile(rf"\b({'|'.join(re.escape(word) for word in by_length)})\b", re.IGNORECASE)

    def parse(completion: str, _: Context) -> Parsed:
        found = pattern.search(completion)
        if not found:
            return Parsed(error="parse:no_label")
        word = next(word for word in settings.labels if word.casefold() == found.group(1).casefold())
        return Parsed(error=f"rejected:{word}") if word in settings.reject else Parsed(fields={"label": word})

    return parse


class QuestionsSettings(Section):
    """Settings of the parser `questions`."""

    min_pairs: int = 1
    min_tokens: int = 0


def questions(settings: QuestionsSettings) -> Parser:
    """Turns that begin with "Question:" and "Answer:", written back in that plain form. Lines before the first question are cut off.

    An unanswered question is left out; fewer pairs than `min_pairs` are the error `parse:no_questions`.
    """

    def parse(completion: str, context: Context) -> Parsed:
        pairs = _pairs(completion)
        if len(pairs) < settings.min_pairs:
            return Parsed(error="parse:no_questions")
        return _at_least("\n\n".join(f"Question: {q}\nAnswer: {a}" for q, a in pairs), settings.min_tokens, context)

    return parse


class DiverseSettings(Section):
    """Settings of the parser `diverse_questions`."""

    max_pairs: int = 8
    tokens_per_ten_pairs: int = 150
    min_tokens: int = 0


def diverse_questions(settings: DiverseSettings) -> Parser:
    """The passage with some of its questions and answers after it (Nemotron-CC, arXiv 2412.02595, and its code in NeMo Curator).

    The pairs are shuffled, and a random number of them is kept, from 1 to max(1, int(10 * passage tokens / 150)).
    """

    def parse(completion: str, context: Context) -> Parsed:
        pairs = _pairs("\n".join(_BULLET.sub("", line) for line in without_markdown(completion).splitlines()))[: settings.max_pairs]
        if not pairs:
            return Parsed(error="parse:no_questions")
        passage = str(context.values.get("passage", ""))
        drawn = random.Random(context.seed)  # not a secret
        drawn.shuffle(pairs)
        most = max(1, int(10 * context.tokenizer.count([passage])[0] / settings.tokens_per_ten_pairs))
        kept = pairs[: drawn.randint(1, most)]
        written = "\n\n".join(f"Question: {q}\nAnswer: {a}" for q, a in kept)
        found = _at_least(written, settings.min_tokens, context)
        return Parsed(text=f"{passage.strip()}\n\n{written}", fields={"pairs": len(kept)}) if found.text else found

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

    def parse(completion: str, context: Context) -> Parsed:
        text = without_lead_in(completion)
        speakers = [turn.group(1).strip().lower() for turn in _TURN.finditer(text)]
        if len(set(speakers)) < settings.min_speakers or len(speakers) < settings.min_turns:
            return Parsed(error="parse:no_dialogue")
        return _at_least(text, settings.min_tokens, context)

    return parse


class EditsSettings(Section):
    """Settings of the parser `edits`."""

    max_removed: float = 0.5


def edits(settings: EditsSettings) -> Parser:
    """A program of edits on the passage's numbered lines, applied to the passage: see `rephrase.recipes.edits`."""

    def parse(completion: str, context: Context) -> Parsed:
        return apply_edits(without_fence(completion.strip()), str(context.values["passage"]), settings.max_removed)

    return parse


def _at_least(text: str, min_tokens: int, context: Context) -> Parsed:
    if not text:
        return Parsed(error="parse:empty")
    if min_tokens and context.tokenizer.count([text])[0] < min_tokens:
        return Parsed(error="parse:too_short")
    return Parsed(text=text)


PARSERS: dict[str, tuple[type[Section], Callable[[Any], Parser]]] = {
    "paraphrase": (ParaphraseSettings, paraphrase),
    "plain": (PlainSettings, plain),
    "marked": (MarkedSettings, marked),
    "bullets": (BulletsSettings, bullets),
    "items": (ItemsSettings, items),
    "objects": (ObjectsSettings, objects),
    "tag": (TagSettings, tag),
    "sections": (SectionsSettings, sections),
    "score": (ScoreSettings, score),
    "label": (LabelSettings, label),
    "questions": (QuestionsSettings, questions),
    "diverse_questions": (DiverseSettings, diverse_questions),
    "dialogue": (DialogueSettings, dialogue),
    "edits": (EditsSettings, edits),
}


def fields_given(name: str, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields that later prompts may use by name."""
    known = {"score": ("score",), "label": ("label",), "items": (), "objects": ()}
    return known.get(name, (*settings.get("fields", ()), *settings.get("optional", ())))


def parser_of(name: str, settings: dict[str, Any], where: str) -> Parser:
    """The parser of that name with these settings. Raises `UserError` for an unknown name or setting."""
    return _parser(name, orjson.dumps(settings, option=orjson.OPT_SORT_KEYS), where)


@functools.lru_cache(maxsize=256)  # asked for once a completion
def _parser(name: str, settings: bytes, where: str) -> Parser:
    if name not in PARSERS:
        raise UserError(f"unknown parser `{name}`", where=where, cure=f"there are: {', '.join(sorted(PARSERS))}")
    section, make = PARSERS[name]
    return make(validate(section, orjson.loads(settings), where))
