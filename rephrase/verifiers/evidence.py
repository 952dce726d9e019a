r"""Where a text says what it answers: in `\boxed{}`, after words such as "the answer is", behind `####`; each with the last one first.

Patterns are linear in the length of the text: runs are bounded or possessive, and a bounded stretch is looked at after each cue.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rephrase.verifiers.doubts import is_supposed, is_taken_back

LOOKED_AT = 40_000  # characters at the end of a text in which its answer is looked for
_STRETCH = 400  # characters that a statement may take
_LONGEST_GROUP = 1000
_BOXED = re.compile(r"(?:\\(?:boxed|fbox|framebox)|\x08oxed|(?<![\\A-Za-z])boxed(?=\{))[^\S\n]{0,8}")  # "\b" of an unescaped JSON is \x08
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_TOKEN = re.compile(r"[^\s{}$\\.,;!?]{1,40}(?:[.,]\d{1,40}){0,9}|\\[A-Za-z]{1,20}(?:\s?\{[^{}\n]{0,80}\}){0,2}\d{0,2}")
_JOINT = re.compile(
    r"(?:[\s$,;&]|\\[()\[\]]|\\quad|\\text\s?\{(?:\s?[\w()]+){0,4}\s?(?:and|or)\s?\}|(?:and|or)\b|[A-Za-z](?:_\{?\w\}?)?\s?=)*+"
    r"|\s\w{3,12}\s(?:and|or)\s",
    re.IGNORECASE,
)
_LONGEST_JOINT = 40
_NOT = re.compile(r"(?:\b(?:not|never|than)|n['’]t)\s(?:be\s|equal\s|to\s){0,3}\$?$", re.IGNORECASE)
_LONGEST_NOT = 24
_MARKED = re.compile(r"^[^\S\n]{0,8}####(?!#)[^\S\n]{0,8}(\S[^\n]{0,399})", re.MULTILINE)
_MARKED_ANYWHERE = re.compile(r"####(?!#)\s{0,8}((?:(?!####)[^\n]){1,400})")
_HEADING = re.compile(r"\d{1,3}[.):]\s+\S|\d{1,3}[.)]?$(?<=[.)])")
_ANSWER_AT_ONCE = re.compile(r"[-+−±(\[{]?\s?[$€£¥₹]?\s?[-+−]?[.]?[\d\\]|\$|[A-Za-z]\s?=\s?\S")
_MOST_WORDS = 5  # of an answer in words, and of what stands with a number behind a marker

_VERB = r"(?:\b(?:is|are|was|be|equals?|becomes?|comes to)\b(?!['’])|[:：=]>?|[→⇒➔]|->)"
_GAP = r"(?:[^\S\n]{1,4}(?:to|of|for|in|here|we|that|must|would|should|will|can|only|has|as|then|therefore|thus)\b[^.\n:：=?]{0,80}?)?"
_ANSWER = re.compile(
    rf"(?<![^\W_])(?:answers?|ans)(?![^\W_])[*_]{{0,3}}{_GAP}[^\S\n]{{0,8}}(?:\([^()\n]{{0,60}}\)[^\S\n]{{0,8}})?[*_]{{0,3}}{_VERB}"
    r"|<answer>"
    # Chinese, Japanese, Korean, Thai
    r"|(?:答案|答え|正解|解答|答)(?:应该|應該)?(?:是|为|為|は|等于|选|選|[】\]〕]|[^\S\n]{0,4}[:：])"
    r"|(?:정답|답)(?:은|는|[^\S\n]{0,4}[:：])|คำตอบ(?:คือ|[^\S\n]{0,4}:)"
    # Languages with a verb of their own; up to two words between, such as "final" and "correct"
    r"|\b(?:respuesta|resposta|risposta|r[ée]ponse|antwort|antwoord|svaret|svar|odpowied[źz]|odpověď|odpoveď|răspunsul|răspuns|vastaus|válasz|"
    r"ответ|відповідь|cevap|yanıt|jawaban|jawabannya|đáp án|đáp số|απάντηση|उत्तर|الإجابة|الجواب|התשובה)"
    r"(?:[^\S\n]{1,4}[^\W\d]{2,20}){0,2}?[^\S\n]{0,4}(?:[:：=—–]|(?<![^\W\d_])(?:es|é|è|est|ist|lautet|is|är|er|to|je|este|on|это|будет|adalah|là|είναι|है|هي|هو|היא)(?![^\W\d_]))",
    re.IGNORECASE,
)
_RESULT = re.compile(
    rf"\b(?:result|solution)s?\b{_GAP}[^\S\n]{{0,8}}[*_]{{0,3}}{_VERB}"
    r"|\b(?:resultado|risultato|résultat|ergebnis|lösung|результат|结果)[^\S\n]{0,4}(?:[:：=]|(?<![^\W\d_])(?:es|é|è|est|ist|是|为)(?![A-Za-z]))",
    re.IGNORECASE,
)
_FILLERS = re.compile(
    r"(?:[\s*_`:：=,]|(?<=\n)[-•][^\S\n]++|(?:therefore|thus|then|hence|indeed|simply|clearly|just|so|now|actually|really|exactly|definitely|approximately|roughly|"
    r"about|equal to|equals|given by|as follows|the following|also|is|are)\b)*+",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"\n|[.!?](?=[\s\"')\]*]|$)|[。！；;]|</|\s[-–—]\s(?=[A-Za-z]{2})")
_REASON = re.compile(
    r"(?:,\s?|\s)(?:because|since|so|which|where|as|hence|thus|therefore|but|rather than|instead of|and not)\b|,\s?not\b"
    r"|です|でした|입니다|이다|이며|。"
)
_NO_ANSWER = re.compile(
    r"(?:what|that|this|these|it|not|because|obtained|found|computed|calculated|correct|incorrect|wrong|right|based|below|above|shown|clear|"
    r"unknown|unclear|in the|as|to|whatever|how|why|when|where|if|a matter)\b",
    re.IGNORECASE,
)
_REMARK = re.compile(r"(?<=[\w%])\s\((?!mod)[^()]*\)$")
_PROSE = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{3,}\s")
_IN_WORDS = re.compile(r"\\(?:text\w*|mathrm|mbox|operatorname)\s?\{[^{}]*\}")
_MATHEMATICS = re.compile(r"[\d$\\=]|[½¼¾∞π√]")


def boxes(text: str) -> Iterator[str]:
    r"""What stands in `\boxed{…}`, the last one first. Boxes that nothing but "and" and commas part are one answer.

    Boxes that are empty, do not end, or are called wrong are left out.
    """
    starts = list(_BOXED.finditer(text))
    ends = _closing_braces(text) if starts else {}
    following: list[str] = []
    start_of_following = len(text)
    for start in reversed(starts):
        at = start.end()
        if text.startswith("{", at):
            end = ends.get(at, 0) + 1
            content = text[at + 1 : end - 1]
        else:
            token = _TOKEN.match(text, at)
            content, end = (token[0], token.end()) if token else ("", at)
        if not content.strip() or is_taken_back(text, end) or _NOT.search(text[max(0, start.start() - _LONGEST_NOT) : start.start()]):
            continue
        if end <= start_of_following:  # else a box around the last one
            if following and not _JOINT.fullmatch(text[end : min(start_of_following, end + _LONGEST_JOINT)]):
                yield ", ".join(following)
                following = []
            following.insert(0, content.strip())
        start_of_following = start.start()
    if following:
        yield ", ".join(following)


def _closing_braces(text: str) -> dict[int, int]:
    """The place of each opening brace's partner; escaped braces count as none."""
    places: dict[int, int] = {}
    opened: list[int] = []
    for brace in _BRACE.finditer(text):
        if brace[0] == "{":
            opened.append(brace.start())
        elif brace[0] == "}" and opened:
            places[opened.pop()] = brace.start()
    return places


def braced(text: str, at: int) -> str | None:
    """What stands between the brace at a place and its partner; None where that is missing or far."""
    depth, place = 0, at
    end = min(len(text), at + _LONGEST_GROUP)
    while place < end:
        if text[place] == "\\":
            place += 2  # an escaped brace is no brace
            continue
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[at + 1 : place]
        place += 1
    return None


def statements(text: str, cues: re.Pattern[str] = _ANSWER) -> Iterator[str]:
    """A bounded stretch of text after each cue, the last one first. Cues that are denied or only supposed are left out."""
    for cue in reversed(list(cues.finditer(text))):
        if is_supposed(text, cue.start(), cue.end()):
            continue
        stretch = text[cue.end() : cue.end() + _STRETCH]
        yield stretch[_FILLERS.match(stretch).end() :]  # type: ignore[union-attr]  # it matches nothing too


def stated_answers(text: str) -> Iterator[str]:
    """What is called the answer, the last one first; then what is called the result, where that is mathematics.

    A number behind `####` that ends the text is called the answer too: so solutions are asked for.
    """
    if ending := _marked_at_the_end(text, with_number=True):
        yield ending
    for cues, in_words in ((_ANSWER, True), (_RESULT, False)):
        for stretch in statements(text, cues):
            answer = _first_answer(stretch)
            if is_taken_back(stretch, max(0, stretch.find(answer)) + len(answer)):
                continue
            if answer and (_MATHEMATICS.search(answer) or (in_words and len(answer.split()) <= _MOST_WORDS)):
                yield answer


def marked_answers(text: str) -> Iterator[str]:
    """Numbers and formulas behind `####`, the last one first: headings are written alike, and are none.

    Then a few words that end the text so.
    """
    for line in marked_lines(text):
        if _is_marked_answer(line):
            yield line
    if ending := _marked_at_the_end(text, with_number=False):
        yield ending


def marked_lines(text: str) -> Iterator[str]:
    """What stands behind each `####` that begins a line, the last one first."""
    for match in reversed(list(_MARKED.finditer(text))):
        yield _unmarked(match[1])


def gold_answer(expected: str) -> str:
    r"""The right answer in what a data set gives: in its last box, behind its last `####`, or else all of it.

    A gold answer is data, and no text in which to look for a number.
    """
    boxed = next(boxes(expected), None)
    if boxed is not None:
        return boxed
    marked = _MARKED_ANYWHERE.findall(expected)
    return str(marked[-1]).strip() if marked else expected.strip()


def in_mathematics(text: str) -> tuple[str, str] | None:
    r"""What stands in `$…$`, `\(…\)` or `\[…\]` at the beginning of a text, and what follows it; None where neither opens and closes."""
    for opening, closing in (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]")):
        if not text.startswith(opening):
            continue
        end = text.find(closing, len(opening))
        while end > 0 and text[end - 1] == "\\" and closing[0] == "$":  # an escaped dollar
            end = text.find(closing, end + 1)
        inside = text[len(opening) : end]
        if end > len(opening) and not (opening == "$" and _PROSE.search(_IN_WORDS.sub("", inside))):  # two prices
            return inside.strip(), text[end + len(closing) :]
    return None


def _marked_at_the_end(text: str, *, with_number: bool) -> str:
    line = text[-_STRETCH:].rstrip().rpartition("\n")[2].lstrip()
    if not line.startswith("####"):
        return ""
    line = _unmarked(line.lstrip("#"))
    fits = _is_marked_answer(line) if with_number else 0 < len(line.split()) <= _MOST_WORDS
    return line if fits else ""


def _unmarked(line: str) -> str:
    return line.strip().strip("*").strip().rstrip(".")


def _is_marked_answer(line: str) -> bool:
    return bool(_ANSWER_AT_ONCE.match(line)) and not _HEADING.match(line) and len(re.findall(r"(?<!\\)\b[A-Za-z]{2,}", line)) <= _MOST_WORDS


def _first_answer(stretch: str) -> str:
    """The answer at the beginning of a stretch, up to where its sentence or its reason begins."""
    formula = in_mathematics(stretch)
    if formula:
        return _with_following(*formula)
    if _NO_ANSWER.match(stretch):
        return ""
    ending = _SENTENCE_END.search(stretch)
    if ending and ending[0] == "?":
        return ""
    sentence = stretch[: ending.start()] if ending else stretch
    answer = _REASON.split(sentence)[0].replace("**", "").strip().strip("*_`").strip(" ,:")
    answer = _without_open_end(_REMARK.sub("", answer))
    wordy = len(answer.split()) > _MOST_WORDS or re.search(r"[A-Za-z$}]\s(?:is|are|equals)\s", answer)
    return _from_sentence(answer) if wordy else answer


def _without_open_end(answer: str) -> str:
    """An answer without a bracket that opened before it: "(Answer: 7)"."""
    for opening, closing in ("()", "[]", "<>"):
        if answer.endswith(closing) and opening not in answer and answer.count(closing) == 1:
            return answer[:-1].rstrip("*_` .")
    return answer.removeprefix("<").removesuffix(">") if re.fullmatch(r"<[^<>=]+>", answer) else answer


def _with_following(formula: str, rest: str) -> str:
    """A formula with its percent sign or scale, and with the formulas that are listed behind it."""
    scale = re.match(r"[^\S\n]{0,3}(\\?%|percent|hundred|thousand|million|billion|trillion|dozen)", rest)
    if scale:
        return f"{formula} {scale[1]}"
    while joint := re.match(r"[^\S\n]{0,3}(?:,?\s?(?:and|or)\b|[,=:]|to\b)[^\S\n]{0,3}(?=\$|\\\()", rest):
        following = in_mathematics(rest[joint.end() :])
        if following is None:
            break
        formula, rest = f"{formula}{joint[0]}{following[0]}", following[1]
    return formula


def _from_sentence(sentence: str) -> str:
    """What a whole sentence in the place of an answer comes to: what stands behind its last verb, or its one number."""
    *_, last = re.split(r"\b(?:is|are|was|equals|be)\b|=", sentence)
    if last != sentence and (answer := last.strip().strip("*").strip()):
        formula = in_mathematics(answer)
        return formula[0] if formula else answer
    numbers = re.findall(r"(?<![\w.\\])[$€£]?\d[\d,]*+(?:\.\d+)?(?![\w])%?", sentence)
    return str(numbers[0]) if len(numbers) == 1 and "$" not in sentence.replace(numbers[0], "") else sentence
