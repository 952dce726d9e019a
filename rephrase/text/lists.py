"""Lists as models write them: bullets and numbers of all kinds, headings, bold lines, numbered words, or JSON."""

from __future__ import annotations

import re

from rephrase.text.loose_json import read_json

# A space follows the sign, but after a number a letter may follow at once: "1.Ships", "2、船".
_NUMBER = r"(?:[(（\[]?\d{1,3}(?:[)）\]]|\\?[.．:](?!\d)|、|[ \t][-–—](?=[ \t])))|[一二三四五六七八九十]{1,3}、|[①-⒛]|\d️?⃣"
_PICTURES = "\u2190-\u21ff\u25a0-\u27bf\u2b00-\u2bff\U0001f300-\U0001faff"  # arrows, boxes, stars, check marks, emoji
_DOTS = "•◦‣·・･\u2043\u204c\u204d\u2219\u2981"
BULLET = re.compile(
    rf"[ \t　]*+(?:>[ \t]?)?+(?:(?:(?:[-*–—+][ \t]++){{1,3}}+|\\item[ \t]++|&bull;[ \t]*+"
    rf"|[{_DOTS}{_PICTURES}]\uFE0F?+[ \t　]*+)(?:\[[ xX]\][ \t]++)?"
    rf"|(?:{_NUMBER})(?:[ \t　]++|(?=[^\W\d_]))"
    rf"|(?P<bold>\*\*|__)(?:{_NUMBER})(?:(?P=bold)[ \t]*+|[ \t]++))(?=\S)"
)
_NUMBERED = re.compile(rf"[ \t　]*+(?:\*\*|__)?(?:{_NUMBER})")
_HEADING = re.compile(r"[ \t]*+#{1,6}[ \t]++(\S.*)")
_BOLD = re.compile(r"[ \t]*+(?:\*\*|__)(\S[^*_\n]{0,300})(?:\*\*|__)[ \t]*+:?[ \t]*+")
_COUNTED = re.compile(
    r"[ \t]*+(?:\*\*|__)?(?:([^\W\d_]{2,20})\.?[ \t]\d{1,3}(?:\*\*|__)?[ \t]*+[:.)–-]|(\#)\d{1,3}[:.)]?(?=[ \t*_]))[ \t*_]*+(?=\S)"
)
_LETTERED = re.compile(r"[ \t]*+\(?([A-Za-z]|[IVX]{2,4}|[ivx]{2,4})[.)][ \t]++(?=\S)")
_DASHED = re.compile(r"[ \t]*+([-–—])(?=[^\W\d_])")
_ELEMENT = re.compile(r"<li(?:\s[^<>]{0,200})?>\s*+", re.IGNORECASE)
_END = re.compile(r"</?(?:[uo]l(?:\s[^<>]{0,200})?|li)>", re.IGNORECASE)
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
        items = _from_json(text, min_words)
        if items:
            return items
    if _ELEMENT.search(text):
        text = _END.sub("\n", _ELEMENT.sub("\n- ", text))
    lines = text.splitlines()
    headings = long_enough([match[1].strip() for line in lines if (match := _HEADING.fullmatch(line))], min_words)
    bullets = long_enough(_bullets(lines), min_words)
    if headings and (len(headings) >= _LEAST or not bullets):
        return [without_bullet(heading) for heading in headings]
    if bullets:
        return bullets
    for pattern in (_COUNTED, _BOLD, _LETTERED, _DASHED):
        matches = [(line, match) for line in lines if (match := pattern.match(line))]
        signs = [(match[1] or match[2] if pattern is _COUNTED else match[1]).casefold() for _, match in matches]
        fits = {_COUNTED: len(set(signs)) == 1, _LETTERED: signs[:2] in (["a", "b"], ["i", "ii"])}.get(pattern, True)
        if len(matches) >= _LEAST and fits:
            texts = [match[1] if pattern is _BOLD else _closed(line[match.end() :].rstrip()) for line, match in matches]
            return long_enough(texts, min_words)
    return _from_json(text, min_words)


def _from_json(text: str, min_words: int) -> list[str]:
    values = read_json(text, lambda value: isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value))
    return long_enough([" ".join(item.split()) for item in values or []], min_words)


def _closed(item: str) -> str:
    """An item without the end of bold type that began before it."""
    return item[:-2].rstrip() if item.endswith("**") and item.count("**") == 1 else item


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


def long_enough(items: list[str], min_words: int) -> list[str]:
    """The items of at least so many words."""
    return [item for item in items if _words(item) >= min_words]


def _words(item: str) -> int:
    """Words of an item; in scripts without spaces two characters count as one."""
    spaceless = sum("\u3040" <= character <= "\u9fff" or "\u0e00" <= character <= "\u0e7f" for character in item)
    return max(len(item.split()), spaceless // 2)
