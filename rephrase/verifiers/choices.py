r"""Letters that answer multiple-choice questions: in `\boxed{}`, after words such as "the answer is", or where they stand alone."""

from __future__ import annotations

import re

from rephrase.verifiers.doubts import is_supposed, is_taken_back
from rephrase.verifiers.evidence import LOOKED_AT, boxes, gold_answer, marked_lines, statements

_ANSWER_OF_CHOICE = re.compile(
    r"\b(?:option|choice|letter|alternative|opción|alternativa|opção|opzione|antwortmöglichkeit|вариант)\b"
    r"(?:[^\S\n](?:correcta|correta|corretta|verdadera|verdadeira|adecuada))?[^\S\n]{0,4}[*_]{0,3}"
    r"(?:is|:|：|=|es|est|ist|é|è)(?![A-Za-z'’])"
    r"|\banswer[^\S\n]{1,3}[-–—](?=[^\S\n])|\bans\.(?=[^\S\n])"
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
# No letter of a word or an abbreviation, no initial, no key, chord, grade or species.
_LETTER = re.compile(
    r"([A-Ja-j])(?![A-Za-z0-9]|['’-][A-Za-z]|\.\s?[A-Z]\.|\s?[#♯♭]|[+^]|[*_][A-Za-z0-9{]|[.]?\s(?i:major|minor|maj|min|flat|sharp|natural|chord|clef|grade|coli|"
    r"elegans|difficile|subtilis|cereus|melanogaster|thaliana|albicans|vitamins?|cells?)\b)"
)
_RUN = re.compile(r"([A-J]{2,6})(?![A-Za-z0-9]|['’-][A-Za-z])")
_NEXT = re.compile(
    r"[)\]}*\s]{0,4}(?:(,|，|、|/|&|\+|;|;)|(?<![A-Za-z])(and|und|et|y|e|和|与|または|or|oder|ou|或)(?![A-Za-z]))\s?(?:(and|or)\s)?"
    r"[(\[*]{0,3}"
)
_AFTER_NEXT = re.compile(r"[)\]}*_]{0,4}\s{0,2}(?:[.,;:!)$]|$|\n|and\b|or\b|&|为|是|。)", re.MULTILINE)
_ENDS = (
    r"[)\]}*_\"'”’`$]{0,6}(?:[.,;:!?。，)$]|</|\s{0,3}$|[^\S\n]{0,3}\n|です|입니다|이다|。|是|为|為|项|項|选|選|"
    r"[^\S\n]{1,3}(?:[-–—(0-9$\\]|"
)
_AFTER_A_LETTER = re.compile(_ENDS + r"(?:because|since|as|is|and|or|for|due|with|which|based|given|from|by)\b))")
# What may follow other letters than "A" and "I", which begin sentences and titles.
_AFTER_ANOTHER = re.compile(
    _ENDS
    + r"[A-Z]|(?:but|not|so|in|on|at|that|here|again|only|too|rather|instead|while|when|where|will|would|can|could|should|must|has|among|"
    r"above|below|then|if|according|considering|are|was|were|obviously|clearly|indeed|correctly|definitely|certainly|exactly)\b))"
)
_ONE_OF_SEVERAL = re.compile(r"\b(?:or|nor|neither|either|why|how)\s(?:\w+\s){0,2}[*_(\[]{0,4}$", re.IGNORECASE)
_ASKED = re.compile(r"[^.!\n]*\?")
_UNDECIDED = {"or", "oder", "ou", "或", "または", "/"}
_ALONE = re.compile(r"^[^\S\n]{0,8}[*_(\[]{0,4}([A-J])[*_)\]]{0,4}[.。]?[^\S\n]{0,8}$", re.MULTILINE)
_AT_A_LINE = re.compile(r"^[^\S\n]{0,8}[*_(\[]{0,4}([A-J])[*_]{0,3}[.):][^\n]?", re.MULTILINE)
_IN_BRACKETS = re.compile(r"\(([A-J])\)")
_WIDE = str.maketrans("ＡＢＣＤＥＦＧＨＩＪ【】「」", "ABCDEFGHIJ[][]")
_LONGEST_ALONE = 80  # characters of a line that may be an answer
_JOINT = re.compile(r"[\s,]*(?:or|and|/|vs\.?|versus)\s*", re.IGNORECASE)


def choice(text: str) -> str | None:
    r"""The letter, or the letters in their order, that a text answers a multiple-choice question with; None where it gives none.

    Evidence has ranks: `\boxed{}`, what is called the answer, what is called right or chosen, and a letter that stands where an answer
    stands. Of equal rank, the last one counts. "A" before a word is an article and "I" a pronoun; "B or C" is no answer.
    """
    text = text[-LOOKED_AT:].translate(_WIDE)
    for box in boxes(text):
        if letters := _letters(box):
            return letters
    for cues in (None, _ANSWER_OF_CHOICE):
        for stretch in statements(text) if cues is None else statements(text, cues):
            if (letters := _letters(stretch)) is not None:
                return letters or None
    for line in marked_lines(text):
        if len(line) <= _LONGEST_ALONE and (letters := _letters(line)):
            return letters
    for pattern in (_CALLED_RIGHT, _SEVERAL_RIGHT, _CHINESE_RIGHT):
        right = {"".join(sorted(set(re.findall("[A-J]", match[1])))) for match in pattern.finditer(text) if _is_affirmed(text, match)}
        if right:
            return right.pop() if len(right) == 1 else None
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
    if is_taken_back(stretch, at):
        return None
    return "".join(sorted(set(letters)))


def _is_letter(stretch: str, start: int, letter: re.Match[str]) -> bool:
    """Whether a letter is a choice, and no article, pronoun or variable in a sentence."""
    followed = _AFTER_A_LETTER.match(stretch, letter.end())
    if letter[1].islower():
        bracketed = stretch[start - 1 : start] in ("(", "[", "{") or stretch[letter.end() : letter.end() + 1] == ")"
        rest = stretch[letter.end() :].partition("\n")[0].strip(" .*_)]}$\"'")
        return bracketed or not rest
    return followed is not None or (letter[1] not in "AI" and _AFTER_ANOTHER.match(stretch, letter.end()) is not None)


def _is_affirmed(text: str, match: re.Match[str]) -> bool:
    """Whether a text that calls a letter right does so for itself: not "if A is right", "neither A nor B is correct", "is B correct?"."""
    before, after = text[max(0, match.start() - 24) : match.start(1)], text[match.end() : match.end() + 60]
    return not (is_supposed(text, match.start()) or _ONE_OF_SEVERAL.search(before) or _ASKED.match(after))


def _mentioned(text: str) -> str | None:
    """A letter that stands where an answer stands: alone on a line, before the option, or in brackets."""
    if len(text) <= _LONGEST_ALONE and "\n" not in text.strip() and (alone := _letters(text.strip())):
        return alone
    for pattern, most in ((_ALONE, 1), (_IN_BRACKETS, 2), (_AT_A_LINE, 1)):  # more letters than that are the options themselves
        letters = (one for one in pattern.finditer(text) if _LETTER.match(text, one.start(1)))
        mentions = [one for one in letters if not (is_supposed(text, one.start()) or is_taken_back(text, one.end()))]
        if mentions:
            joined = len(mentions) > 1 and _JOINT.fullmatch(text[mentions[-2].end() : mentions[-1].start()][:_LONGEST_ALONE])
            return None if joined or len({one[1] for one in mentions}) > most else str(mentions[-1][1])
    return None
