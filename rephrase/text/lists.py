"""Lists as models write them: bullets and numbers of all kinds, headings, bold lines, numbered words, or JSON."""

from __future__ import annotations

import re

from rephrase.text.loose_json import read_json

# A space follows the sign, but after a number a letter may follow at once: "1.Ships", "2、船".
_NUMBER = r"(?:[(（\[]?\d{1,3}(?:[)）\]]|[.．:](?!\d)|、|[ \t][-–—](?=[ \t])))|[①-⑳]|\d️?⃣"
BULLET = re.compile(
    rf"[ \t　]*+(?:[-*•–—+◦‣▪▫■□●○◆▶►➢➤→✓✔✅·・][ \t]++(?:\[[ xX]\][ \t]++)?|(?:{_NUMBER})(?:[ \t　]++|(?=[^\W\d_]))"
    rf"|(?P<bold>\*\*|__)(?:{_NUMBER})(?:(?P=bold)[ \t]*+|[ \t]++))(?=\S)"
)
_NUMBERED = re.compile(rf"[ \t　]*+(?:\*\*|__)?(?:{_NUMBER})")
_HEADING = re.compile(r"[ \t]*+#{1,6}[ \t]++(\S.*)")
_BOLD = re.compile(r"[ \t]*+(?:\*\*|__)(\S[^*_\n]{0,300})(?:\*\*|__)[ \t]*+:?[ \t]*+")
_COUNTED = re.compile(r"[ \t]*+(?:\*\*|__)?([^\W\d_]{2,20})[ \t]\d{1,3}(?:\*\*|__)?[ \t]*+[:.)–-][ \t*_]*+(?=\S)")
_LEAST = 2  # headings, bold lines or numbered words that make a list


def without_bullet(line: str) -> str:
    """A line without the bullet or number that it begins with."""
    match = BULLET.match(line)
    return line[match.end() :] if match else line


def list_items(text: str, min_words: int = 1) -> list[str]:
    """The items of a list with their Markdown, in order, of at least so many words each.

    Several headings are items themselves; one heading, or headings of fewer words, stand above the bullets that are.
    """
    if text.lstrip()[:1] in ("[", "{", "`"):
        values = read_json(text, lambda value: isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value))
        if values:
            return _long_enough([" ".join(item.split()) for item in values], min_words)
    lines = text.splitlines()
    headings = _long_enough([match[1].strip() for line in lines if (match := _HEADING.fullmatch(line))], min_words)
    bullets = _long_enough(_bullets(lines), min_words)
    if headings and (len(headings) >= _LEAST or not bullets):
        return [without_bullet(heading) for heading in headings]
    if bullets:
        return bullets
    for pattern in (_BOLD, _COUNTED):
        matches = [(line, match) for line in lines if (match := pattern.match(line))]
        same = pattern is _BOLD or len({match[1].casefold() for _, match in matches}) == 1
        if len(matches) >= _LEAST and same:
            return _long_enough([match[1] if pattern is _BOLD else line[match.end() :] for line, match in matches], min_words)
    return []


def _bullets(lines: list[str]) -> list[str]:
    """Each bullet's text with its indented further lines. What is indented below a number is its detail, not an item."""
    items: list[str] = []
    numbered_at: int | None = None  # the indentation of numbers
    open_item = False
    for line in lines:
        indentation = len(line) - len(line.lstrip())
        match = BULLET.match(line)
        if match and numbered_at is not None and indentation > numbered_at and not _NUMBERED.match(line):
            open_item = False
        elif match:
            if _NUMBERED.match(line):
                numbered_at = indentation
            items.append(
                f"{match['bold'] if match['bold'] and line[: match.end()].count(match['bold']) == 1 else ''}{line[match.end() :].strip()}"
            )
            open_item = True
        elif open_item and indentation > 1 and line.strip():
            items[-1] += f" {line.strip()}"
        else:
            open_item = False
    return items


def _long_enough(items: list[str], min_words: int) -> list[str]:
    return [item for item in items if _words(item) >= min_words]


def _words(item: str) -> int:
    """Words of an item; in scripts without spaces two characters count as one."""
    spaceless = sum("\u3040" <= character <= "\u9fff" or "\u0e00" <= character <= "\u0e7f" for character in item)
    return max(len(item.split()), spaceless // 2)
