"""Whether a text stands by what it mentions: what is denied, supposed, only possible, or said by others is no answer of its own."""

from __future__ import annotations

import re

_NEAR, _FAR, _BEHIND = 16, 80, 200  # characters that are looked at: before a statement, in its sentence, and behind it
_REST = 60  # characters of its sentence at most, before it is taken back
_SUPPOSED = re.compile(r"(?:\b(?:if|whether|suppose|unless|not|never|incorrect|wrong|false)|n['’]t)\b[^.,;\n]*$", re.IGNORECASE)
_THOUGHT = "think|thinks|thought|say|says|said|claim|claims|claimed|guess|assume|assumes|believe|believes|expect|conclude|argue|choose|pick"
_POSSIBLE = re.compile(
    r"(?:\b(?:perhaps|maybe|possibly|(?:might|may|could)\s(?:also\s|well\s)?be)\b"
    r"|\b(?:some|many|most|one|people|students?|someone|somebody|others?|you|they|he|she|anyone|everyone)\b"
    rf"[^.,;:\n]{{0,24}}\b(?:{_THOUGHT})\b)[^.,;:\n]*$",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r"\b(?:wrong|incorrect|not|never|neither|nor|if|whether|cannot|unless|might|(?:may|could)\s(?:also\s)?(?:be|have)|perhaps|maybe|possibly|"
    r"guess|suppos\w{1,5}|assum\w{1,5}|unsure|uncertain|between|(?:more|less|fewer|greater|smaller|larger) than|let(?!['’]s|\s(?:us|me)))\b"
    r"|n['’]t\b",
    re.IGNORECASE,
)
_PARTS = re.compile(r"[.!?]\s|[\n\d]")
_WRONG = (
    r"(?:wrong|incorrect|false|impossible|invalid|absurd|a mistake|an error|a distractor|ruled out|eliminated|excluded|too \w|"
    r"(?:not|never)\b(?!\sonly))"
)
_CALLED_WRONG = (
    r"(?:wrong|incorrect|false|impossible|invalid|absurd|a mistake|an error|(?:not|never)\s(?:\w+\s)?(?:right|correct|true|possible|valid))"
)
_IS = (
    r"(?:\s(?:is|are|was|were|be|been|seems?|looks?|would be|must be|has to be|might be|may be|could be)|['’]s)"
    r"(?:\s\w{2,12}ly|\s(?:also|just|still))?"
)
_CANNOT = r"\s(?:cannot|can not|does not|do not|did not|will not|(?:is|was|are|were|does|do|did|can|could|would|wo)n['’]t|can['’]t)\b"
_DENIED = re.compile(rf"[$)\]}}*_\"'”’`.%\\]{{0,6}}(?:{_IS}\s{_WRONG}|{_CANNOT})", re.IGNORECASE)
_EXCLAIMED = r"(?:(?:wait|no|nope|hmm+|oh|oops|ah|actually|sorry|but|however|well)\b[,.!…\s-]{1,4}){0,4}"
_PRONOUN = r"(?:that|this|it|which|my answer|the answer|this answer|that answer)"
_NEXT_SENTENCE = r"[.!?;…][)*_\"”\s]{1,6}"
_TAKEN_BACK = re.compile(
    rf"(?:(?:,?\s(?:but|though|although|however|and|except that)\s|[,;]\s|\s\(){_PRONOUN}|{_NEXT_SENTENCE}{_EXCLAIMED}{_PRONOUN})"
    rf"(?:{_IS}\s{_CALLED_WRONG}|{_CANNOT}\s(?:be\s)?(?:right|correct|true|possible|make sense|work))"
    rf"|{_NEXT_SENTENCE}{_EXCLAIMED}(?:I|we) (?:made|have made|must have made) (?:a|an) (?:\w+ )?(?:mistake|error)"
    rf"|{_NEXT_SENTENCE}(?:(?:wait|hmm+|oh|ah)\b[,.!…\s]{{1,4}})?"
    r"(?:(?:no|nope|oops)[,.!]|correction\b|scratch that|on second thought)",
    re.IGNORECASE,
)
_STOP = re.compile(r"[.!?\n]")


def is_supposed(text: str, at: int, end: int | None = None) -> bool:
    """Whether what a text states from a place on is denied, supposed, only possible, or what others think.

    `end`: of the words that state it.
    """
    return bool(_SUPPOSED.search(text, max(0, at - _NEAR), at)) or is_only_possible(text, at if end is None else end)


def is_only_possible(text: str, at: int) -> bool:
    """Whether what stands at a place of a text is only possible, or what others think."""
    return bool(_POSSIBLE.search(text, max(0, at - _FAR), at))


def is_aside(before: str) -> bool:
    """Whether a number that follows a text in its sentence is named without being stated."""
    return bool(_ASIDE.search(_PARTS.split(before)[-1]))


def is_taken_back(text: str, at: int) -> bool:
    """Whether what follows a place calls wrong what ends there: "B is wrong", "6, but that is impossible", "6. Wait, this is not right"."""
    if _DENIED.match(text, at, at + _BEHIND):
        return True
    taken_back = _TAKEN_BACK.search(text, at, at + _BEHIND)
    return bool(taken_back and taken_back.start() - at <= _REST and not _STOP.search(text, at, taken_back.start()))
