"""What a model would answer to the prompts of `long/*`, made of the prompt alone: right in form, and true to what it shows."""

from __future__ import annotations

import json
import re


def answer(prompt: str) -> str:
    """The answer to a prompt of any of the recipes' steps."""
    if "First passage:\n" in prompt and "Reply with one JSON object" in prompt:
        return _questions(prompt)
    if "Reply with one word, yes or no." in prompt:
        return "Yes."
    if points := re.findall(r"(?m)^(\d+)\. (how many times|which of) (.*)$", prompt):
        return "\n".join(f"{number}. Looking back, {asked} {rest}?" for number, asked, rest in points)
    shown = prompt.split("Passage:\n")[-1].split("Part:\n")[-1].split("Summaries:\n")[-1]
    return _first_sentences(shown, 3 if "Passage:\n" not in prompt else 12)


def _questions(prompt: str) -> str:
    first, second = prompt.split("First passage:\n")[1].split("\n\nSecond passage:\n")
    quotes = [" ".join(part.split()[10:18]) for part in (first, second)]
    entry = {
        "question": f"What joins “{quotes[0][:20]}” to “{quotes[1][:20]}”?",
        "answer": "Both are told by one person, the second as what came of the first.",
        "first_quote": quotes[0],
        "second_quote": quotes[1],
    }
    return f"```json\n{json.dumps({'questions': [entry]})}\n```"


def _first_sentences(text: str, count: int) -> str:
    sentences = re.split(r"(?<=[.!?])\s+", " ".join(text.split()))
    return " ".join(sentences[:count])
