"""One of a few words, such as "yes" or "no", as the verdict of a text: what it states, not the first of the words that occurs."""

from __future__ import annotations

import functools
import re

from rephrase.text.foreign import narrow

_MARKS = r"[\s*_`\"'“”‘’«»()\[\]{}<>#>✅❌☑✔✖🟢🔴-]"
_STATED = re.compile(
    r"(?:answer|verdict|label|classification|class|category|judge?ment|decision|result|conclusion|faithful|better|choice|response|output|final"
    r"|antwort|urteil|respuesta|réponse|risposta|resposta|ответ|вывод|答案|结论|回答|判断)[\s*_]{0,4}+(?:is|:|：|=|→|->|—)(?!\w)|<(?:answer|verdict|label)>",
    re.IGNORECASE,
)
_NEGATION = re.compile(
    r"(?:\b(?:not|never|neither|nor|hardly|rather than|instead of)|n['’]t)"
    r"(?:\W+(?:a|an|the|really|exactly|quite|strictly|clearly|say|be))*\W*$"
)
_FOLLOWS = re.compile(r"[\s*_`\"'”’)\]}>]*+(?:[.,;:!?。，、！—–-]|\n|\Z|\(|</)")
_REASON = re.compile(r"\s++(?:because|since|as|it|this|that|the|there|they|he|she|i|for)\b")
_BOTH = re.compile(r"\s*+(?:and|or|/|\||but also|und|oder|y|o|et|ou|или|и|,\s*(?:and|or))\s*+")
_HEAD, _TAIL = 2_000, 20_000  # characters that are looked at: verdicts stand at the beginning or at the end
_SHORT = 200  # characters of a text that may be a verdict and nothing else
_SENTENCES = re.compile(r"(?<=[.!?。！？;\n])")
_DETERMINERS = ("no", "any", "all", "none")  # stand before nouns, too: "no doubt"


def read_verdict(text: str, labels: tuple[str, ...]) -> str | None:
    """The label that a text states: after a word such as "Answer:", or as its last line, or as its first word; else the only one in it.

    None where it states none, or several: "Yes and no".

    >>> read_verdict("There is no doubt: yes", ("yes", "no"))
    'yes'
    """
    looked_at = text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]}\n{text[-_TAIL:]}"
    words = narrow(looked_at).casefold().replace("’", "'").strip()
    pattern, by_word = _pattern(labels)
    whole = re.fullmatch(rf"{_MARKS}*+({pattern.pattern}){_MARKS}*?[.!。]*+{_MARKS}*+", words) if len(words) < _SHORT else None
    if whole:
        return by_word.get(whole[1])
    last_stated = None
    for last_stated in _STATED.finditer(words):  # noqa: B007  # the last one
        pass
    if last_stated:
        stated = _first_word(words[last_stated.end() :].lstrip(" \t\n*_`\"'“‘([{$>-").removeprefix("\\boxed{"), pattern)
        if stated is not None:
            return by_word.get(stated)
    lines = [line for line in words.splitlines() if line.strip()]
    alone = rf"{_MARKS}*+({pattern.pattern}){_MARKS}*?[.!。]*+{_MARKS}*+"
    if not lines or len({match[1] for line in lines if (match := re.fullmatch(alone, line[:_SHORT]))}) > 1:
        return None
    for candidates in (_last_words(lines[-1], pattern), _sentence_words(words, pattern), _mentioned(words, pattern)):
        if candidates:
            return by_word.get(candidates.pop()) if len(candidates) == 1 else None
    return None


@functools.lru_cache(maxsize=64)
def _pattern(labels: tuple[str, ...]) -> tuple[re.Pattern[str], dict[str, str]]:
    by_word = {label.casefold().replace("’", "'"): label for label in labels}
    words = "|".join(re.escape(word) for word in sorted(by_word, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)"), by_word


def _first_word(text: str, pattern: re.Pattern[str]) -> str | None:
    """The label that a text begins with, an article before it or not; empty where it names another, too."""
    start = re.match(r"(?:the |a |an |definitely |clearly |likely )?", text)
    match = pattern.match(text, start.end() if start else 0)
    if match is None:
        return None
    both = _BOTH.match(text, match.end())
    other = pattern.match(text, both.end()) if both else None
    if other and other[0] != match[0]:
        return ""
    if match[0] in _DETERMINERS and not _FOLLOWS.match(text, match.end()) and not _REASON.match(text, match.end()):
        return None
    return match[0]


def _last_words(line: str, pattern: re.Pattern[str]) -> set[str]:
    """The label that the last line is, or that ends it behind a colon or a dash."""
    tail = re.split(r"[:：—–=→]|->", line)[-1]
    before, after = r"(?:(?:it is|it's|that is|is)\s)?(?:a |an |the )?", r"(?:\s(?:answer|one|text|response))?"
    end = rf"{_MARKS}*?[.!。]*+{_MARKS}*+"
    match = re.fullmatch(rf"{_MARKS}*+{before}({pattern.pattern}){after}{end}", tail[:_SHORT])
    return {match[1]} if match else set()


def _sentence_words(text: str, pattern: re.Pattern[str]) -> set[str]:
    """The labels that sentences begin with, as words of their own: "No, it does not."."""
    words = set()
    for sentence in _SENTENCES.split(text):
        start = sentence.lstrip(" \t\n*_`\"'“‘([#>-")
        word = _first_word(start, pattern)
        if word is None:
            continue
        if word == "" or _FOLLOWS.match(start, len(word)) or _REASON.match(start, len(word)):
            words.add(word)
            rest = re.match(r"\W{0,6}(?:and |or |but )?", start[len(word) :])
            other = pattern.match(start, len(word) + (rest.end() if rest else 0))
            if other and other[0] != word and (other[0] not in _DETERMINERS or _FOLLOWS.match(start, other.end())):
                words.add(other[0])
    return words


def _mentioned(text: str, pattern: re.Pattern[str]) -> set[str]:
    """All labels that occur; none at all where one is denied. Words such as "no" count only where no noun follows."""
    words = set()
    for match in pattern.finditer(text):
        if match[0] in _DETERMINERS and not _FOLLOWS.match(text, match.end()):
            continue
        if _NEGATION.search(text[max(0, match.start() - 40) : match.start()]):
            return {match[0], ""}
        words.add(match[0])
    return words
