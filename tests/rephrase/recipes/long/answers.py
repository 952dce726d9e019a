"""What a model would answer to the prompts of `long/*`, made of the prompt alone: right in form, and true to what it shows."""

from __future__ import annotations

import json
import re

from rephrase.recipes.prompts import flow_prompts


def answer(prompt: str) -> str:
    """The answer to a prompt of any of the recipes' steps."""
    if "First passage:\n" in prompt and "Reply with one JSON object" in prompt:
        return _questions(prompt)
    if "Reply with one word, yes or no." in prompt:
        return "Yes."
    if points := re.findall(r"(?m)^(\d+)\. (how many times|which of) (.*)$", prompt):
        return "\n".join(f"{number}. Looking back, {asked} {rest}?" for number, asked, rest in points)
    if "Write the passage below anew" in prompt:
        styles = flow_prompts("long/stitch")["styles"]
        number = next(number for number, style in enumerate(styles) if style in prompt)
        return " ".join(_sentences(prompt.split("Passage:\n")[1])[number :: len(styles)])
    shown = re.split(r"(?:Passage|Part|Summaries):\n", prompt)[-1]
    return " ".join(_sentences(shown)[:3])


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


def _sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+", " ".join(text.split()))
