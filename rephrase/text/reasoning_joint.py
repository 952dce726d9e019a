"""Reasoning put back before the text that it led to."""

from __future__ import annotations

from dataclasses import dataclass

MARKS = ("<think>\n", "\n</think>\n\n")
"""Around reasoning, by default: before it, and between it and the text."""


@dataclass(frozen=True, slots=True)
class Joint:
    """What stands before the reasoning, and what between it and the text."""

    before: str
    between: str

    def join(self, reasoning: str | None, text: str) -> str | None:
        """Both as one text; None where there is none but white space, or the text holds it already, because its recipe asks for it.

        >>> Joint("[", "] ").join("The Moon pulls.", "The tide rises.")
        '[The Moon pulls.] The tide rises.'
        """
        return f"{self.before}{reasoning}{self.between}{text}" if reasoning and reasoning.strip() and reasoning not in text else None


def joint_of(kind: str, marks: tuple[str, str] = MARKS) -> Joint | None:
    """How reasoning is joined to a text: `keep`, with an empty line between; `wrap`, in marks; None for any other word."""
    return {"keep": Joint("", "\n\n"), "wrap": Joint(*marks)}.get(kind)
