"""What an assistant says around a text: lead-ins such as "Sure, here's a paraphrase:", and offers at the end. Words: lead_in.yaml."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib import resources
from typing import Any

from rephrase.settings.yaml_text import parse_yaml
from rephrase.text.scripts import whole_words

_LONGEST_LINE = 400  # characters of a lead-in, or of an epilogue
_MOST_LINES = 5  # that are lead-ins one after the other: "Sure!", "Here is …:", "**Paraphrase:**"
_LEAST_OF_SOURCE = 20  # characters of a line that is no lead-in where the source has it: shorter ones are there by chance
_DRESS = r"[\s*_#>`~\"'“”‘’(\[¡!-]{0,12}+"
_COLON = r"[ \t*_]{0,5}[:：][ \t*_~`]{0,8}+"
_RULE = re.compile(r"[ \t]*+(?:[-*_=][ \t]*+){3,}+")


@dataclass(frozen=True, slots=True)
class _Patterns:
    agreement: re.Pattern[str]  # a whole line
    announcement: re.Pattern[str]  # a whole line that ends with a colon, or names the work
    inline: re.Pattern[str]  # the beginning of a line that the text follows on
    label: re.Pattern[str]  # the same without an announcement: "Rewritten text:"
    heading: re.Pattern[str]  # a whole line
    shown: re.Pattern[str]  # a whole line that ends with a colon: "Passage:"
    epilogue: re.Pattern[str]


@functools.cache
def _patterns() -> _Patterns:
    data: dict[str, Any] = parse_yaml(resources.files(__package__).joinpath("lead_in.yaml").read_text("utf-8"), "lead_in.yaml")

    def any_of(name: str) -> str:
        return "(?:" + "|".join(map(whole_words, sorted(data[name], key=len, reverse=True))) + ")"

    agreement = rf"{_DRESS}{any_of('agreements')}"
    offer = r"(?:i'?(?:d| would|'ll| will|m| am| can)|let me|happy|glad)(?!\w)[^\n:：]{0,100}"
    before = rf"(?:{agreement}[^\n:：]{{0,120}}?(?:[,，、.!。！–—\u2600-\u27bf\U0001f300-\U0001faff-]|$)\s{{0,3}})?{_DRESS}"
    announced = rf"{before}{any_of('announcements')}"
    work, thing = any_of("works"), rf"\s?{any_of('things')}"
    named = rf"{_DRESS}(?:the |a |my |your )?{work}(?:{thing})?(?:\s?\(?\d{{1,2}}\)?)?"
    end = r"[.!。！]?[\s*_]{0,4}"
    return _Patterns(
        agreement=re.compile(rf"{agreement}\s?[,!.。，！]{{1,3}}\s{{0,3}}(?:{offer})?[\s*_]{{0,4}}", re.IGNORECASE),
        announcement=re.compile(
            rf"{announced}[^\n]{{0,200}}?{_COLON}|{announced}[^\n:：]{{0,80}}?{work}(?:{end}|{thing}[^\n:：.]{{0,80}}?{end})", re.IGNORECASE
        ),
        inline=re.compile(rf"{announced}[^\n.:：]{{0,120}}?{work}[^\n.:：]{{0,80}}?{_COLON}", re.IGNORECASE),
        label=re.compile(rf"{named}(?:(?<!ing){_COLON}|{_COLON}$)", re.IGNORECASE),
        heading=re.compile(rf"[ \t]*(?:#{{1,6}}[ \t]|\*\*|__){named}[ \t*_]{{0,4}}", re.IGNORECASE),
        shown=re.compile(rf"{_DRESS}(?:the |this )?{any_of('shown')}{_COLON}", re.IGNORECASE),
        epilogue=re.compile(rf"{_DRESS}({any_of('epilogues')})", re.IGNORECASE),
    )


def without_lead_in(text: str, source: str = "") -> str:
    r"""The text without lead-ins before it, and without white space at its ends. Lines that the source has stay.

    >>> without_lead_in("Sure, here's a paraphrase:\n\nThe tide rises.")
    'The tide rises.'
    >>> without_lead_in("Here is where the river begins: a spring.")
    'Here is where the river begins: a spring.'
    """
    rest = text.strip()
    patterns = _patterns()
    for number in range(_MOST_LINES):
        line, _, after = rest.partition("\n")
        if len(line) > _LONGEST_LINE:
            line = line[:_LONGEST_LINE]  # only what follows on the line may be cut off
            whole = None
        else:
            plain = _straight(line).rstrip()
            if len(plain) >= _LEAST_OF_SOURCE and plain.casefold() in _comparable(source):
                break
            whole = patterns.announcement.fullmatch(plain) or patterns.heading.fullmatch(plain)
            whole = whole or (patterns.shown.fullmatch(plain) if after and plain.casefold() not in _comparable(source) else None)
            whole = whole or (patterns.agreement.fullmatch(plain) if after else None) or (_RULE.fullmatch(plain) if number else None)
        if whole:
            rest = after.strip()
            continue
        plain = _straight(line)
        begins = (patterns.inline.match(plain) or patterns.label.match(plain)) if ":" in plain or "：" in plain else None
        if not begins:
            break
        rest = rest[begins.end() :].strip()
    return rest


def without_epilogue(text: str, source: str = "") -> str:
    r"""The text without lines at its end that an assistant adds: "I hope this helps! Let me know if …". Those of the source stay.

    >>> without_epilogue("The tide rises.\n\nI hope this helps! Let me know if you need more.")
    'The tide rises.'
    """
    rest = text.strip()
    for _ in range(_MOST_LINES):
        start = rest.rfind("\n") + 1
        line = rest[start:]
        if not start or len(line) > _LONGEST_LINE:
            break
        epilogue = _patterns().epilogue.match(_straight(line))
        if not _RULE.fullmatch(line) and (epilogue is None or epilogue[1].casefold() in _comparable(source)):
            break
        rest = rest[:start].rstrip()
    return rest


@functools.lru_cache(maxsize=4)  # asked for with every line of a completion
def _comparable(source: str) -> str:
    return _straight(source).casefold()


def _straight(text: str) -> str:
    return text.replace("’", "'")
