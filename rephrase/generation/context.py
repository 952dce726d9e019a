"""How long a context the steps of recipes need: their longest prompt and completion together, as far as that is known beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rephrase.recipes.base import Recipe, Step
from rephrase.recipes.lengths import Bounds
from rephrase.text.tokenizer import Tokenizer

_TEMPLATE = 256  # tokens that chat templates add: marks, and a system prompt of their own. The longest known, Harmony's, has about 100
_SEAMS = 1.05  # texts have a few tokens more or less together than one by one
_LEAST = 1024


def tokens_needed(steps: Sequence[tuple[Recipe, Step]], tokenizer: Tokenizer, longest_row: Callable[[Recipe], int | None]) -> int | None:
    """At most so many tokens a prompt of these steps and its completion have together; None where nothing bounds one of them.

    It is a power of two, as vLLM compiles a model anew for each length of context: runs that need nearly the same shall find it compiled.
    `longest_row` gives the tokens of the longest document that a recipe works on, None where that is not known.
    """
    most = 0
    for recipe, step in steps:
        limits = [one.passage_limit for one in recipe.steps]
        # A step's passages are those of the first one where it takes up what that wrote.
        limit = None if None in limits else max(limit or 0 for limit in limits)
        known = [tokens for tokens in (longest_row(recipe), limit) if tokens is not None]
        written = {one.name: one.output_tokens for one in recipe.steps[: recipe.steps.index(step)]}
        prompt = step.longest_prompt(Bounds(tokenizer, min(known), written)) if known else None
        if prompt is None:
            return None
        if recipe.language and not step.judges:
            prompt += max(tokenizer.count(recipe.language.lines))
        most = max(most, int(prompt * _SEAMS) + _TEMPLATE + step.output_tokens)
    return 1 << (max(most, _LEAST) - 1).bit_length()
