"""Parsers of turns: questions with their answers, and conversations."""

from __future__ import annotations

import random
from collections.abc import Sequence

from pydantic import Field

from rephrase.recipes.answer_language import pair_labels
from rephrase.recipes.base import Parsed
from rephrase.recipes.parsing.common import LONGEST, Context, Parser, at_least, own_text, without_markdown
from rephrase.recipes.parsing.pairs import Pair, read_pairs
from rephrase.recipes.parsing.speakers import speakers
from rephrase.settings.section import Section
from rephrase.text.lead_in import without_epilogue
from rephrase.text.lists import without_bullet

_NO_QUESTIONS = "parse:no_questions"


class QuestionsSettings(Section):
    """Settings of the parser `questions`."""

    min_pairs: int = 1
    min_tokens: int = 0


def questions(settings: QuestionsSettings) -> Parser:
    """Turns that begin with "Question:" and "Answer:", written back in that plain form, in the language that was asked for.

    Lines before the first question are cut off.

    An unanswered question is left out; fewer pairs than `min_pairs` are the error `parse:no_questions`.
    """

    def parse(completion: str, context: Context) -> Parsed:
        if len(completion) > LONGEST:
            return Parsed(error="parse:too_long")
        return questions_of(read_pairs(without_epilogue(completion)), settings, context)

    return parse


def questions_of(pairs: Sequence[Pair], settings: QuestionsSettings, context: Context) -> Parsed:
    """Pairs of question and answer as text, if they are enough."""
    return (
        at_least(_written(pairs, context.language), settings.min_tokens, context)
        if len(pairs) >= settings.min_pairs
        else Parsed(error=_NO_QUESTIONS)
    )


def _written(pairs: Sequence[Pair], language: str | None) -> str:
    asks, answers = pair_labels(language)
    return "\n\n".join(f"{asks}: {question}\n{answers}: {answer}" for question, answer in pairs)


class DiverseSettings(Section):
    """Settings of the parser `diverse_questions`."""

    max_pairs: int = Field(default=8, ge=1)
    tokens_per_ten_pairs: int = Field(default=150, ge=1)
    min_tokens: int = 0


def diverse_questions(settings: DiverseSettings) -> Parser:
    """The passage with some of its questions and answers after it (Nemotron-CC, arXiv 2412.02595, and its code in NeMo Curator).

    The pairs are shuffled, and a random number of them is kept, from 1 to max(1, int(10 * passage tokens / 150)).
    The least number of tokens is that of the passage and the pairs together, as in that code.
    """

    def parse(completion: str, context: Context) -> Parsed:
        if len(completion) > LONGEST:
            return Parsed(error="parse:too_long")
        lines = without_markdown(without_epilogue(completion)).splitlines()
        return diverse_questions_of(read_pairs("\n".join(without_bullet(line) for line in lines)), settings, context)

    return parse


def diverse_questions_of(pairs: Sequence[Pair], settings: DiverseSettings, context: Context) -> Parsed:
    """The passage and a random choice of the pairs as text, and their number as the field `pairs`."""
    shuffled = list(pairs[: settings.max_pairs])
    if not shuffled:
        return Parsed(error=_NO_QUESTIONS)
    passage = str(context.values.get("passage", ""))
    rng = random.Random(context.seed)  # not a secret
    rng.shuffle(shuffled)
    most = max(1, int(10 * context.tokenizer.count([passage])[0] / settings.tokens_per_ten_pairs))
    selection = shuffled[: rng.randint(1, most)]
    parsed = at_least(f"{passage.strip()}\n\n{_written(selection, context.language)}", settings.min_tokens, context)
    return Parsed(text=parsed.text, fields={"pairs": len(selection)}) if parsed.text else parsed


class DialogueSettings(Section):
    """Settings of the parser `dialogue`."""

    min_speakers: int = 2
    min_turns: int = 2
    min_tokens: int = 50
    speakers: list[str] = []
    """Whose turns count, where the prompt names the speakers; default: all that look like a name."""


def dialogue(settings: DialogueSettings) -> Parser:
    """A conversation of at least `min_speakers` named speakers; lines before the first turn are cut off if they are a lead-in.

    Errors: `parse:no_dialogue`, and `parse:too_short` under `min_tokens` (MIND drops outputs under 50 tokens, section 3.2 of
    arXiv 2410.12881).
    """
    named = {speaker.lower() for speaker in settings.speakers}

    def parse(completion: str, context: Context) -> Parsed:
        text = own_text(completion, str(context.values.get("passage", "")))
        turns = [speaker for speaker in speakers(text) if not named or speaker in named]
        if len(set(turns)) < settings.min_speakers or len(turns) < settings.min_turns:
            return Parsed(error="parse:no_dialogue")
        return at_least(text, settings.min_tokens, context)

    return parse
