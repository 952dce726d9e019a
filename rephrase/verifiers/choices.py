r"""Letters that answer multiple-choice questions: in `\boxed{}`, after words such as "the answer is", or where they stand alone."""

from __future__ import annotations

import re

from rephrase.verifiers.evidence import LOOKED_AT, boxes, gold_answer, statements

_ANSWER_OF_CHOICE = re.compile(
    r"\b(?:option|choice|letter|alternative|opción|alternativa|opção|opzione|antwortmöglichkeit|вариант)\b"
    r"(?:[^\S\n](?:correcta|correta|corretta|verdadera|verdadeira|adecuada))?[^\S\n]{0,4}[*_]{0,3}"
    r"(?:is|:|：|=|es|est|ist|é|è)(?![A-Za-z'’])"
    r"|\banswer[^\S\n]{1,3}[-–—](?=[^\S\n])"
    r"|(?:选项|選項)(?:应该|應該)?(?:是|为|為|[:：])",
    re.IGNORECASE,
)
_CHOSEN = re.compile(
    r"\b(?:choose|chose|pick|select|selected|go(?:ing)? with|opt for|choosing|leaves|elijo|choisis|wähle)\b"
    r"|\bit(?:['’]s|[^\S\n]is|[^\S\n]must be)(?=[^\S\n][*_(]{0,4}[A-J][)*_]{0,4}(?:[.,;!]|\s*$|[^\S\n]because))"
    r"|(?:故|所以|因此|应该|應該|应|我|则)?(?:选择|選擇|选|選)(?!项|項)",
    re.IGNORECASE,
)
_CALLED_RIGHT = re.compile(
    r"(?<![\w'’])(?:option|choice|statement|answer|alternative)?[^\S\n]{0,3}[*_(\[]{0,4}([A-J])[*_)\]]{0,4}[^\S\n]{1,3}"
    r"(?:is|must be|would be|has to be)[^\S\n]{1,3}"
    r"(?:indeed[^\S\n]|clearly[^\S\n]|therefore[^\S\n]|thus[^\S\n])?(?:the[^\S\n]{1,3})?(?:only[^\S\n]|best[^\S\n])?(?:correct|right|true|best|answer)\b",
)
_SEVERAL_RIGHT = re.compile(
    r"(?<![\w'’])([A-J](?:,[^\S\n]?[A-J]){0,6},?[^\S\n](?:and|&)[^\S\n][A-J])[^\S\n]are[^\S\n](?:both[^\S\n]|all[^\S\n])?(?:correct|right|true)\b"
)
_CHINESE_RIGHT = re.compile(r"(?<![A-Za-z])([A-J])(?:项|項|选项)?(?:是|为)?(?:正确|正確|对的|對的)")
_OPENING = re.compile(
    r"(?:[\s*_(\[{$\"'“‘:：>✅✔☑👉➡→]|\\(?:text|textbf|mathbf|mathrm|boxed|textit|bf|rm)\b|"
    r"(?:the|option|choice|letter|answer|alternative|opción|opção|la|el|le|die|der|das|letra|lettre|lettera|是|选项|選項|选|選)(?![A-Za-z])|\\[(\[])*+",
    re.IGNORECASE,
)
_LETTER = re.compile(r"([A-Ja-j])(?![A-Za-z0-9]|['’-][A-Za-z])")
_RUN = re.compile(r"([A-J]{2,6})(?![A-Za-z0-9]|['’-][A-Za-z])")
_NEXT = re.compile(
    r"[)\]}*\s]{0,4}(?:(,|，|、|/|&|\+|;|;)|(?<![A-Za-z])(and|und|et|y|e|和|与|または|or|oder|ou|或)(?![A-Za-z]))\s?(?:(and|or)\s)?"
    r"[(\[*]{0,3}"
)
_AFTER_NEXT = re.compile(r"[)\]}*_]{0,4}\s{0,2}(?:[.,;:!)$]|$|\n|and\b|or\b|&|为|是|。)", re.MULTILINE)
_AFTER_A_LETTER = re.compile(
    r"[)\]}*_\"'”’`$]{0,6}(?:[.,;:!?。，)$<]|\s{0,3}$|[^\S\n]{0,3}\n|"
    r"[^\S\n]{1,3}(?:because|since|as|is|and|or|for|due|with|which|based|given|from|by|[-–—(]|[A-Z0-9$\\])|です|입니다|이다|。)"
)
_UNDECIDED = {"or", "oder", "ou", "或", "または", "/"}
_ALONE = re.compile(r"^[^\S\n]{0,8}[*_(\[]{0,4}([A-J])[*_)\]]{0,4}[.。]?[^\S\n]{0,8}$", re.MULTILINE)
_AT_A_LINE = re.compile(r"^[^\S\n]{0,8}[*_(\[]{0,4}([A-J])[*_]{0,3}[.):][^\n]?", re.MULTILINE)
_IN_BRACKETS = re.compile(r"\(([A-J])\)")
_MARKED = re.compile(r"^[^\S\n]{0,8}####(?!#)[^\S\n]{0,8}([^\n]*)", re.MULTILINE)
_LONGEST_ALONE = 80  # characters of a line that may be an answer
_MOST_MENTIONED = 2  # more letters than that are the options themselves


def choice(text: str) -> str | None:
    r"""The letter, or the letters in their order, that a text answers a multiple-choice question with; None where it gives none.

    Evidence has ranks: `\boxed{}`, what is called the answer, what is called right or chosen, and a letter that stands where an answer
    stands. Of equal rank, the last one counts. "A" before a word is an article and "I" a pronoun; "B or C" is no answer.
    """
    text = text[-LOOKED_AT:]
    for box in boxes(text):
        if letters := _letters(box):
            return letters
    for cues in (None, _ANSWER_OF_CHOICE):
        for stretch in statements(text) if cues is None else statements(text, cues):
            if (letters := _letters(stretch)) is not None:
                return letters or None
    for line in reversed(_MARKED.findall(text)):
        if len(line) <= _LONGEST_ALONE and (letters := _letters(line)):
            return letters
    for pattern in (_CALLED_RIGHT, _SEVERAL_RIGHT, _CHINESE_RIGHT):
        if right := _last(pattern, text):
            return "".join(sorted(set(re.findall("[A-J]", right))))
    for stretch in statements(text, _CHOSEN):
        if (letters := _letters(stretch)) is not None:
            return letters or None
    return _mentioned(text)


def gold_choice(expected: str) -> str | None:
    """The letter that a data set gives, which may stand before its option, or as the answer of a text."""
    gold = gold_answer(expected)
    return _letters(gold) or choice(expected)


def _letters(stretch: str) -> str | None:
    """The letters at the beginning of a stretch; "" where it names several to choose from, None where it begins with no letter."""
    opening = _OPENING.match(stretch)
    start = opening.end() if opening else 0
    if run := _RUN.match(stretch, start):
        ordered = run[1] == "".join(sorted(set(run[1])))
        return run[1] if ordered and _AFTER_NEXT.match(stretch, run.end()) else None
    first = _LETTER.match(stretch, start)
    if first is None or not _is_letter(stretch, start, first):
        return None
    letters, at = [first[1].upper()], first.end()
    while joint := _NEXT.match(stretch, at):
        following = _LETTER.match(stretch, joint.end())
        if following is None or following[1].islower() or not _AFTER_NEXT.match(stretch, following.end()):
            break
        if {joint[1], joint[2], joint[3]} & _UNDECIDED:
            return ""
        letters.append(following[1])
        at = following.end()
    return "".join(sorted(set(letters)))


def _is_letter(stretch: str, start: int, letter: re.Match[str]) -> bool:
    """Whether a letter is a choice, and no article, pronoun or variable in a sentence."""
    followed = _AFTER_A_LETTER.match(stretch, letter.end())
    if letter[1].islower():
        bracketed = stretch[start - 1 : start] in ("(", "[", "{") or stretch[letter.end() : letter.end() + 1] == ")"
        rest = stretch[letter.end() :].partition("\n")[0].strip(" .*_)]}$\"'")
        return bracketed or not rest
    if letter[1] in "AI":
        return followed is not None
    return followed is not None or not re.match(r"[^\S\n]{0,3}[=<>+^_\d]", stretch[letter.end() :])


def _mentioned(text: str) -> str | None:
    """A letter that stands where an answer stands: alone on a line, before the option, or in brackets."""
    if len(text) <= _LONGEST_ALONE and "\n" not in text.strip() and (letters := _letters(text.strip())):
        return letters
    if alone := _last(_ALONE, text):
        return alone
    for pattern in (_IN_BRACKETS, _AT_A_LINE):
        mentioned = pattern.findall(text)
        if mentioned:
            return str(mentioned[-1]) if len(set(mentioned)) <= (_MOST_MENTIONED if pattern is _IN_BRACKETS else 1) else None
    return None


def _last(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.findall(text)
    return str(found[-1]) if found else None
