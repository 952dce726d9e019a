r"""Answers of several parts: points, intervals, sets, lists, unions, `\pm`, inequalities and compound quantities, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from rephrase.verifiers.latex import SYMBOL
from rephrase.verifiers.quantities import read_quantity

Kind = Literal["()", "(]", "[)", "[]", "{}", "list", "union", "compound"]

_OPENING, _CLOSING = "([{", ")]}"
_AND = re.compile(r"\s?,?\s(?:and|und|et|y|e)\s|(?<=[\d)\]}])and(?=[(\[\d\\])", re.IGNORECASE)
_OR = re.compile(r"\s?,?\s(?:or|oder|ou|o)\s|(?<=[\d)\]}])or(?=[A-Za-z(\[\d\\])", re.IGNORECASE)
_OXFORD = re.compile(r",\s*(?:and|or)\s", re.IGNORECASE)
_RELATION = re.compile(r"<=|>=|<|>")
_VARIABLE = re.compile(SYMBOL + r"(?:\([A-Za-z]\))?")
_PARTS_OF_COMPOUND = re.compile(r"(?<=[A-Za-z])(?:\s?,\s?|\s)(?:and\s)?(?=\d)")


@dataclass(frozen=True, slots=True)
class Structure:
    """Parts of an answer, and how they belong together: the brackets, or how they are joined. `variable`: whose inequality it was."""

    kind: Kind
    parts: tuple[str, ...]
    variable: str = ""

    @property
    def ordered(self) -> bool:
        """Whether the order of the parts matters."""
        return self.kind not in ("{}", "list", "union")


def read_structure(text: str) -> Structure | None:  # noqa: PLR0911  # a case for each kind of structure
    """The structure of a simplified answer; None where it is one thing."""
    if text.count("\\pm") + text.count("\\mp") > 4:
        return None
    if union := split_at(text, "\\cup"):
        return Structure("union", tuple(union))
    if interval := _interval(text):
        return interval
    if alternatives := _split_words(text, _OR):
        if all(_interval(part) is not None for part in alternatives):
            return Structure("union", tuple(alternatives))
        return Structure("list", tuple(_expanded([part for several in alternatives for part in split_at(several, ",") or [several]])))
    text = _OXFORD.sub(", ", text)
    separated = split_at(text, ";") or split_at(text, ",") or [text]
    parts = [part for several in separated for part in _split_words(several, _AND) or [several]]
    if len(parts) == 1 and (enclosed := _enclosed(text)):
        kind, inside = enclosed
        return Structure(kind, tuple(_expanded(split_at(inside, ",") or split_at(inside, ";") or [inside])) if inside else ())
    parts = _expanded(parts)
    if len(parts) > 1:
        return Structure("list", tuple(parts))
    several = _PARTS_OF_COMPOUND.split(text)
    if len(several) > 1 and all((amount := read_quantity(part)) and (amount.unit or amount.words) for part in several):
        return Structure("compound", tuple(several))
    return None


def _interval(text: str) -> Structure | None:  # noqa: PLR0911  # a case for each way to write one
    """What an inequality of one variable says: `x > 5` and `5 < x` are `(5, infinity)`."""
    signs = _RELATION.findall(text)
    if not 1 <= len(signs) <= 2:
        return None
    sides = [side.strip() for side in _RELATION.split(text)]
    if signs[0].startswith(">"):
        if len(signs) == 2 and not signs[1].startswith(">"):
            return None
        sides.reverse()
        signs.reverse()
    elif any(sign.startswith(">") for sign in signs):
        return None
    if len(sides) == 3:
        low, variable, high = sides
        if not _VARIABLE.fullmatch(variable):
            return None
    elif _VARIABLE.fullmatch(sides[0]) and not sides[0].startswith("\\pi"):
        variable, low, high = sides[0], "-\\infty", sides[1]
        signs = ["<", *signs]
    elif _VARIABLE.fullmatch(sides[1]):
        low, variable, high = sides[0], sides[1], "\\infty"
        signs = [*signs, "<"]
    else:
        return None
    if not low or not high or variable in low.replace("\\infty", "") or variable in high.replace("\\infty", ""):
        return None
    opening, closing = "[" if "=" in signs[0] else "(", "]" if "=" in signs[1] else ")"
    return Structure(f"{opening}{closing}", (low, high), variable)  # type: ignore[arg-type]  # one of four


def _enclosed(text: str) -> tuple[Kind, str] | None:
    """The brackets around all of a text, and what is in them."""
    opening = "{" if text.startswith("\\{") else text[:1]
    start = 2 if text.startswith("\\{") else 1
    if opening not in ("(", "[", "{") or text[-1:] not in _CLOSING or len(text) < start + 1:
        return None
    depth = 1
    for place in range(start, len(text)):
        depth += (text[place] in _OPENING) - (text[place] in _CLOSING)
        if depth == 0:
            if place != len(text) - 1:
                return None
            end = len(text) - (2 if text.endswith("\\}") else 1)
            kind = opening + text[-1]
            if kind not in ("()", "(]", "[)", "[]", "{}"):
                return None
            return kind, text[start:end].strip()  # type: ignore[return-value]  # one of five
    return None


def split_at(text: str, separator: str) -> list[str]:
    """The parts between separators that stand in no bracket; none where there is no separator. Groups of digits are not parted."""
    if separator not in text:
        return []
    depth, parts, start, place = 0, [], 0, 0
    while place < len(text):
        char = text[place]
        depth += (char in _OPENING) - (char in _CLOSING)
        if depth == 0 and text.startswith(separator, place) and not (len(separator) > 1 and text[place + len(separator)].isalpha()):
            parts.append(text[start:place].strip())
            start = place = place + len(separator)
            continue
        place += 1
    parts.append(text[start:].strip())
    return parts if len(parts) > 1 and all(parts) else []


def _split_words(text: str, joint: re.Pattern[str]) -> list[str]:
    parts = [part.strip() for part in joint.split(text)]
    fit = len(parts) > 1 and all(part and part.count("(") + part.count("[") == part.count(")") + part.count("]") for part in parts)
    return parts if fit else []


def _expanded(parts: list[str]) -> list[str]:
    r"""Each part with `\pm` as two."""
    both: list[str] = []
    for part in parts:
        if part.count("\\pm") + part.count("\\mp") == 1:
            sign = "\\pm" if "\\pm" in part else "\\mp"
            before, _, after = part.partition(sign)
            both += [f"{before.strip()}{plus}{after.strip()}".removeprefix("+").strip() for plus in "+-"]
        else:
            both.append(part)
    return both
