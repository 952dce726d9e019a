"""Questions with their answers and choices: how they are written, read in a completion, and held to a format."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rephrase.recipes.parsing.pairs import read_pairs
from rephrase.recipes.pools import rouge_l
from rephrase.text.labels import Labels
from rephrase.text.scripts import SPACELESS

LETTERS = "ABCDEFGH"
_CHOICE = re.compile(r"[\s>*_-]{0,8}+\(?([A-Ha-h])[*_]{0,2}[.):][*_]{0,2}[ \t]+(\S.*)")
_LETTER = re.compile(
    r"[\s*_]{0,4}\(?(?:option |choice )?([A-Ha-h])[*_]{0,2}(?:[.):]\s*(?P<text>.*)|\))?[\s*_.]*", re.IGNORECASE | re.DOTALL
)
_SEPARATOR = re.compile(r"(?m)^[ \t]*+%{3,8}[ \t]*+$")
_BLANK = re.compile(r"_{2,}|\.{4,}|…")
_OPTION = re.compile(r"(?:^|\s)[*_(]{0,3}([A-Ha-h1-8])[*_]{0,2}[.):][*_]{0,2}\s")
_MARK = re.compile(r"[\s*_(]*([A-Ha-h1-8])[\s*_.):]*")
_PLACEHOLDER = re.compile(r"[\s.…]*|\[[\w ]+\]|<[\w ]+>")
_WORD = re.compile(r"\w+")
_SEVERAL = "\n"  # in place of an answer, which is a line
_LABELS = Labels(("question", "answer"))


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its answer: one of the choices, where there are some."""

    text: str
    answer: str
    choices: tuple[str, ...] = ()

    @property
    def letter(self) -> str:
        """The letter of the right choice; empty for an open question."""
        return LETTERS[self.choices.index(self.answer)] if self.choices else ""

    @property
    def fields(self) -> dict[str, Any]:
        """Its parts as JSON values."""
        return {"question": self.text, "answer": self.answer, **({"choices": list(self.choices)} if self.choices else {})}

    def written(self, before: str = "Question: ", gap: str = "\n") -> str:
        r"""The question, its choices by letters, and its answer; `gap` stands before the answer.

        >>> Question("Which is a mammal?", "Dog", ("Snake", "Dog")).written(gap="\n\n")
        'Question: Which is a mammal?\nA. Snake\nB. Dog\n\nAnswer: B'
        """
        lines = [f"{before}{self.text}", *(f"{LETTERS[place]}. {choice}" for place, choice in enumerate(self.choices))]
        return "\n".join(lines) + f"{gap}Answer: {self.letter or self.answer}"


@dataclass(frozen=True)
class Format:
    """What questions of a format must be; see seeded.yaml for where the formats come from."""

    name: str
    ask: str = ""
    """What a prompt says of it."""
    example: str = ""
    choices: int = 0
    """So many choices; 0 for an open question."""
    answers: tuple[str, ...] = ()
    """The only answers that an open question may have."""
    blank: bool = False
    """The question holds a blank."""
    quoted: bool = False
    """The answer stands in the passage, word for word."""

    def fault(self, question: Question, passage: str) -> str | None:
        """The error code of what a question is not, or None."""
        if len(question.choices) != self.choices:
            return "parse:choices"
        if self.answers and question.answer.strip(" .").casefold() not in {answer.casefold() for answer in self.answers}:
            return "parse:answer"
        if self.blank and not _BLANK.search(question.text):
            return "parse:no_blank"
        return "rejected:not_in_passage" if self.quoted and not _stands_in(question.answer, passage) else None


def read_questions(completion: str) -> list[Question | str]:
    """The questions of a completion in order; in place of one whose choices or answer do not hold, an error code.

    Each begins with "Question:", or stands alone between lines of "%%%%"; its answer begins with "Answer:", and is a line. What has no
    answer is left out.
    """
    questions: list[Question | str] = []
    for text, answer in (pair for block in _SEPARATOR.split(completion) if block.strip() for pair in _pairs(block)):
        questions.append("parse:answer" if answer == _SEVERAL else question_of(*_apart(text), answer))
    return questions or [question_of(*_apart(text), answer.partition("\n")[0]) for text, answer in read_pairs(completion)]


def _pairs(block: str) -> list[tuple[str, str]]:
    """Texts of questions, with the lines of their choices, and the first lines of their answers."""
    pairs: list[tuple[list[str], list[str]]] = [([], [])]
    for line, label in _LABELS.lines(block.strip()):
        text, answer = pairs[-1]
        if label and label.name == "question":
            pairs.append(([label.rest], []))
        elif label and label.name == "answer":
            if any(answer) and label.rest != next(filter(None, answer)):
                answer.insert(0, _SEVERAL)
            answer.append(label.rest)
        elif answer:
            answer.append(line.strip())
        else:
            text.append(line.rstrip())
    told = [("\n".join(text).strip(), next(filter(None, answer), "")) for text, answer in pairs]
    return [pair for pair in told if all(pair)]


def question_of(text: str, choices: Sequence[str], answer: str) -> Question | str:
    """A question of its parts; the error code `parse:choices` where choices repeat or the answer is none of them."""
    if not choices:
        return _open_question(text, answer)
    plain = [" ".join(choice.split()) for choice in choices]
    if not text or not all(plain) or len({choice.casefold() for choice in plain}) < len(plain) or len(plain) > len(LETTERS):
        return "parse:choices"
    match = _LETTER.fullmatch(answer)
    if match and (place := LETTERS.index(match[1].upper())) < len(plain):
        told = " ".join((match["text"] or "").split()).rstrip(".").casefold()
        # A letter that is another choice's text ("Which vitamin?"), or stands before one: nobody knows which is meant.
        is_text = any(choice.casefold() == match[1].casefold() for choice in [*plain[:place], *plain[place + 1 :]])
        is_clear = told == plain[place].rstrip(".").casefold() or not (told or is_text)
        return Question(text, plain[place], tuple(plain)) if is_clear else "parse:choices"
    right = next((choice for choice in plain if choice.casefold() == " ".join(answer.split()).casefold()), None)
    return Question(text, right, tuple(plain)) if right else "parse:choices"


def _open_question(text: str, answer: str) -> Question | str:
    """An open question; an error code for one without an answer, or with no more than the beginning of one, or with choices."""
    plain = " ".join(answer.split())
    if not text or _PLACEHOLDER.fullmatch(plain) or plain.endswith((":", "：")) or plain.startswith(("```", "~~~")):
        return "parse:answer"
    marks = {mark.casefold() for mark in _OPTION.findall(text)}
    mark = _MARK.fullmatch(plain)
    return "parse:choices" if mark and len(marks) > 1 and mark[1].casefold() in marks else Question(text, plain)


def repeats(question: Question, earlier: Sequence[Question], similar: float) -> bool:
    """Whether a question is one of those before it: in the same words, or by ROUGE-L above `similar` with the same answer."""
    words, answer = _words(question.text), _words(question.answer)
    return any(
        words == _words(other.text) or (answer == _words(other.answer) and rouge_l(question.text, other.text) > similar)
        for other in earlier
    )


def _apart(text: str) -> tuple[str, list[str]]:
    """A question and its choices, which stand on lines of their own, from A on without a gap."""
    lines = text.splitlines()
    first = next((number for number, line in enumerate(lines) if (m := _CHOICE.fullmatch(line)) and m[1].upper() == "A"), None)
    matches = [_CHOICE.fullmatch(line) for line in lines[first:] if line.strip()] if first is not None else []
    letters = "".join(match[1].upper() for match in matches if match)
    if first is None or not all(matches) or letters != LETTERS[: len(letters)] or len(letters) < 2:  # one is no choice
        return text, []
    return "\n".join(lines[:first]).strip(), [match[2].strip() for match in matches if match]


def _stands_in(answer: str, passage: str) -> bool:
    """Whether the words of an answer stand in the passage one after the other; scripts without spaces have no bounds of words."""
    words, around = _words(answer), _words(passage)
    return bool(words) and (words in around if SPACELESS.search(words) else f" {words} " in f" {around} ")


def _words(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))
