"""Personal data in texts: e-mail addresses, public IP addresses and telephone numbers give way to stand-ins.

Addresses as FineWeb does it (Penedo et al. 2024, arXiv 2406.17557), with stand-ins from the ranges set aside for
documentation (RFC 2606, 5737, 3849). Telephone numbers are found by their form (ITU-T E.123 and E.164, the North American
plan, national numbers with a leading zero) or by the word before them. Only ASCII digits are seen, and a number must have
from 9 to 15. What has the form of something else stays: dates, prices, versions, ISBNs.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from classifiers.entities.spans import Span, replaced
from rephrase.readers.settings import StandIns


def scrub(texts: Sequence[str], settings: StandIns) -> tuple[list[str], list[dict[str, int]]]:
    """The texts without personal data, and for each the replacements by kind; a kind that did not occur has no entry.

    Scrubbing twice changes nothing more.
    """
    edited = [edit(text, settings) for text in texts]
    return [text.text for text in edited], [text.counts() for text in edited]


@dataclass(frozen=True, slots=True)
class Edit:
    """What one pattern has replaced. Places are those of the text that this pattern was shown."""

    kind: str
    places: Sequence[tuple[int, int]]
    stand_in: str


@dataclass(frozen=True, slots=True)
class Edited:
    """A text with its stand-ins, and how it came to be."""

    text: str
    edits: Sequence[Edit]

    def counts(self) -> dict[str, int]:
        """Replacements by kind."""
        counts: Counter[str] = Counter()
        for edit in self.edits:
            counts[edit.kind] += len(edit.places)
        return dict(counts)

    def spans(self) -> list[Span]:
        """Where personal data stood in the original text."""
        spans = [
            Span(_before_edits(start, self.edits[:number], is_end=False), _before_edits(end, self.edits[:number], is_end=True), edit.kind)
            for number, edit in enumerate(self.edits)
            for start, end in edit.places
        ]
        return sorted(spans)

    def original(self, span: Span) -> Span:
        """A span of the edited text as one of the original text."""
        return Span(_before_edits(span.start, self.edits, is_end=False), _before_edits(span.end, self.edits, is_end=True), span.kind)


def edit(text: str, settings: StandIns) -> Edited:
    """One text without personal data."""
    edits = []
    for name, kind in _KINDS.items():
        stand_in: str | None = getattr(settings, name)
        if stand_in is None or not kind.hint(text):
            continue
        for pattern, accepts in kind.finders:
            places = [match.span() for match in pattern.finditer(text) if match[0] != stand_in and accepts(match)]
            if places:
                text = replaced(text, [(start, end, stand_in) for start, end in places])
                edits.append(Edit(name, places, stand_in))
    return Edited(text, edits)


def _before_edits(place: int, edits: Sequence[Edit], *, is_end: bool) -> int:
    """A place in the text after these edits as one in the text before them. Within a stand-in it is an end of what that replaced."""
    for edit in reversed(edits):
        grown = 0
        for start, end in edit.places:
            first = start + grown
            last = first + len(edit.stand_in)
            if place <= first:
                break
            if place < last:
                place, grown = end if is_end else start, 0
                break
            grown = last - end
        place -= grown
    return place


@dataclass(frozen=True, slots=True)
class _Kind:
    hint: Callable[[str], object]
    """Falsy where a text surely has none; must be fast."""
    finders: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], bool]], ...]
    """Patterns, each with the judge of its matches."""


# Patterns begin with a set of characters and look behind only after it: Python's engine then skips to the next such
# character, several times faster than trying each position. All repeats are bounded, so no text takes quadratic time.
# In patterns of numbers a word is ASCII: scripts without spaces put numbers right behind their words.

_LETTERS = "A-Za-z0-9À-ÖØ-öø-ɏ"
# Not "image@2x.png". Addresses below the example domains are nobody's. "/", "?", "&" and "=" may stand in an address, but
# on the web they stand before one.
_EMAIL = re.compile(
    rf"[{_LETTERS}_](?<![{_LETTERS}_].)[{_LETTERS}_.!#$%'*+^`{{|}}~-]{{0,63}}"
    rf"@(?![0-9]x\.|(?:[a-z0-9-]{{1,63}}\.)?example\.(?:com|org|net)\b)(?:[{_LETTERS}-]{{1,63}}\.){{1,8}}[A-Za-z]{{2,24}}(?![A-Za-z0-9])"
)

_DOTTED = re.compile(r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]")
_IPV4 = re.compile(r"[0-9](?<![\w.].)[0-9]{0,2}(?:\.[0-9]{1,3}){3}(?!\w|\.[0-9])", re.ASCII)
_IPV6 = re.compile(r"[23](?<![\w:.].)[0-9A-Fa-f]{3}(?:::?[0-9A-Fa-f]{1,4}){1,7}(?:::)?(?!\w|:[0-9A-Fa-f:])", re.ASCII)
_VERSION = re.compile(
    r"(?:\b(?:v|ver|versions?|release|build|firmware|rev|revision|section|chapter|clause|since|linux|kernel|oid|objectidentifier"
    r"|(?:upgrade|update)d? (?:to|from))|§)[\s.:#(\"']{0,3}$",
    re.IGNORECASE,
)

_GAP = r"[ \u00a0‐‑–./-]"
_GAPS = r"[ \u00a0‐‑–./()-]{0,3}"
_BEFORE = r"(?<![\w+$£€¥#].)(?<!\w[-._/=].)(?<![0-9][,:].)(?<![$£€¥] .)"
_AFTER = r"(?!\w|[.:][0-9]|-\w| ?[€$£¥%])"
_LONG = re.compile(rf"[0-9](?:{_GAPS}[0-9]){{8}}")
_GROUPS = rf"(?:{_GAP}[0-9]{{2,8}})"
_AREA = r"(?:(?<=\()[2-9][0-9]{2}\)[ -]{0,2}|(?<=[ .-])[2-9][0-9]{2}[ .-]|(?<=[2-9])[0-9]{2}[ .-])"
# Each form begins behind its first character, and looks back at it.
_FORMS = (
    rf"(?<=\+)(?<![\w+].)\(?[1-9](?:{_GAPS}[0-9]){{8,14}}",  # +49 30 901820
    rf"(?<=0){_BEFORE}0[1-9][0-9]{{0,2}}{_GAP}(?:{_GAPS}[0-9]){{6,12}}",  # 0049 (0)30 901820
    rf"(?<=0){_BEFORE}(?<![0-9] .)[0-9]{{1,4}}{_GROUPS}{{1,5}}(?!{_GAP}[0-9])",  # 020 7946 0958
    rf"(?<=\(){_BEFORE}0[0-9]{{1,4}}\) ?[0-9]{{2,8}}{_GROUPS}{{0,4}}(?!{_GAP}[0-9])",  # (020) 7946 0958
    rf"(?<=\(){_BEFORE}[1-9][0-9]\) ?9[0-9]{{4}}[ .-]?[0-9]{{4}}",  # (11) 98765-4321, in Brazil
    rf"(?<=1){_BEFORE}[3-9][0-9][ -][0-9]{{4}}[ -][0-9]{{4}}",  # 138-1234-5678, in China
    rf"(?<=[1-9(]){_BEFORE}(?:(?<=1)[ .-]\(?)?{_AREA}[2-9][0-9]{{2}}[ .-]?[0-9]{{4}}",  # 1 (212) 555-0123
)
_PHONE = re.compile(rf"[+(0-9](?:{'|'.join(_FORMS)}){_AFTER}", re.ASCII)
_DIGITS = re.compile(rf"[+(0-9](?<![0-9+(].)(?:{_GAPS}[0-9]){{8,15}}{_AFTER}", re.ASCII)
_CUE = re.compile(
    r"(?:\b(?:tel|phone|telephone|telefone?|teléfono|téléphone|mobile?|mob|cell|handy|fax|whatsapp|call|sms)|电话|電話|手机)"
    r"[\s.:：#=/()-]{0,4}(?:(?:number|no|nr|us|me|at|on|is)[\s.:]{1,3}){0,3}$",
    re.IGNORECASE,
)
_OTHER_NUMBER = re.compile(r"(?:isbn|issn|ean|upc|gtin|doi|orcid|iban)(?:[- ]?1[03])?[\s:#]{0,3}$", re.IGNORECASE)
_DATE = re.compile(
    r"(?<![0-9])(?:(?:19|20)[0-9]{2}([-./])[01]?[0-9]\1[0-3]?[0-9]|[0-3]?[0-9]([-./])[0-3]?[0-9]\2(?:19|20)[0-9]{2})(?![0-9])"
)
# Postal codes of the United States; pages and a year; paragraphs of regulations.
_OTHER_FORM = re.compile(r"0[0-9]{4}-[0-9]{4}|[0-9]{3}(?:[-.][0-9]{3} |\.[0-9]{3}-)[0-9]{4}")
_REACH = 32  # characters to look at before a number


def _is_public(match: re.Match[str]) -> bool:
    try:
        address = ipaddress.ip_address(match[0])
    except ValueError:
        return False
    return address.is_global and not address.is_multicast and not _VERSION.search(_before(match))


def _is_phone(match: re.Match[str]) -> bool:
    number = match[0]
    groups = re.findall("[0-9]+", number)
    if not 9 <= sum(map(len, groups)) <= 15 or _OTHER_NUMBER.search(_before(match)):
        return False
    if number.startswith("+"):
        return True
    # Pairs are times and lists of numbers, but for the French five.
    pairs = all(len(group) == 2 for group in groups)
    return (not pairs or len(groups) == 5) and not _DATE.search(number) and not _OTHER_FORM.fullmatch(number)


def _before(match: re.Match[str]) -> str:
    return match.string[max(0, match.start() - _REACH) : match.start()]


def _is_announced(match: re.Match[str]) -> bool:
    return bool(_CUE.search(_before(match))) and _is_phone(match)


def _has_digit(text: str) -> bool:
    return any(digit in text for digit in "1203456789")  # ten fast searches cost a tenth of one with a pattern


_KINDS = {
    "emails": _Kind(lambda text: "@" in text, ((_EMAIL, lambda _: True),)),
    "ipv4": _Kind(lambda text: _has_digit(text) and _DOTTED.search(text), ((_IPV4, _is_public),)),
    "ipv6": _Kind(lambda text: _has_digit(text) and ("::" in text or text.count(":") >= 7), ((_IPV6, _is_public),)),
    "phones": _Kind(lambda text: _has_digit(text) and _LONG.search(text), ((_PHONE, _is_phone), (_DIGITS, _is_announced))),
}
