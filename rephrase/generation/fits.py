"""Whether the models of a run's engines can answer its steps at all, as far as settings and models' files tell before they start."""

from __future__ import annotations

from collections.abc import Sequence

from rephrase.engines.several import Engines
from rephrase.errors import UserError
from rephrase.recipes.base import Recipe


def check_fits(recipes: Sequence[Recipe], engines: Engines) -> None:
    """Raise a `UserError` for a step that no document can pass, by the engine that answers it.

    Its output fills the model's context, or its chat has no template; or there is no engine of the name that it gives.
    """
    for recipe in recipes:
        for step in recipe.steps:
            name = engines.name(recipe.engine_of(step))
            engine, context = engines.by_name[name], engines.by_name[name].context
            where = f"recipes, {recipe.name}, step `{step.name}`" + (f", engine `{name}`" if engines.are_several else "")
            if context is not None and step.needed_tokens >= context.tokens:
                limit = f"the model's context has only {context.tokens:,} for prompt and output ({context.source})"
                raise UserError(
                    f"sampling.max_tokens asks for {step.needed_tokens:,} output tokens, but {limit}",
                    where=where,
                    cure="raise the engine's max_model_len, if the model has more, or lower the recipe's sampling.max_tokens",
                )
            if step.chat and engine.without_template is not None:
                raise UserError(
                    f"the step sends chat messages, but there is no chat template in {engine.without_template}",
                    where=where,
                    cure="use an instruction-tuned model, --chat-template FILE in the args of vllm, or a recipe for base models",
                )
