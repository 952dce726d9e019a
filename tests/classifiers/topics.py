"""Texts of several topics for tests of classifiers that give one of many labels: each topic has words of its own."""

from __future__ import annotations

import random

from tests.classifiers.texts import SHARED

_LINES = """
Food & Dining: bread oven flour butter soup onion pepper taste dish plate cheese roast garlic salt kitchen bake
Games: player level score dice card board quest dragon puzzle console opponent round match strategy token pawn
Religion: prayer church psalm temple faith monk sermon altar bible saint worship hymn mercy priest grace soul
Science, Math & Technology: atom proof energy theorem cell orbit molecule equation mass gene force vector enzyme light lens graph
"""
WORDS = {topic: words.split() for topic, words in (line.split(": ") for line in _LINES.strip().splitlines())}
"""By topic."""


def text_of(topic: str, draw: random.Random, *, noise: float = 0.0, length: int = 40) -> str:
    """A text of so many words, of which half are of no topic; `noise` is the share of the others that are of any topic."""
    anywhere = [word for words in WORDS.values() for word in words]
    words = [draw.choice(SHARED if draw.random() < 0.5 else anywhere if draw.random() < noise else WORDS[topic]) for _ in range(length)]
    return " ".join(words)


def topic_rows(count: int, *, noise: float = 0.0, wrong: float = 0.0, seed: int = 0) -> list[dict[str, str]]:
    """So many rows, equally many of each topic; `wrong` is the share of labels that are another topic's."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        topic = [*WORDS][number % len(WORDS)]
        text = f"{text_of(topic, draw, noise=noise)} n{number}"
        rows.append({"text": text, "label": draw.choice([*WORDS]) if draw.random() < wrong else topic})
    return rows
