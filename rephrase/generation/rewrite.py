"""`rewrite(texts, recipe, engine)`: texts through a recipe's steps, in this process. Spark does the same with each batch of a DataFrame."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rephrase.engines.settings import EngineSettings
from rephrase.engines.several import Engines, engines_of
from rephrase.errors import UserError
from rephrase.generation.event_loop import run_to_end
from rephrase.generation.fits import check_fits
from rephrase.generation.loop import generate
from rephrase.generation.open_engines import OpenEngines
from rephrase.generation.rounds import rounds
from rephrase.generation.rows import with_generations
from rephrase.generation.step_run import StepRun
from rephrase.generation.texts import arrow_table, known_columns, rows_of_texts
from rephrase.recipes.base import Recipe, Row
from rephrase.recipes.catalogue import find_recipes
from rephrase.recipes.fitting import Fitting
from rephrase.recipes.related import with_related
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from rephrase.engines.base import Engine


def rewrite(
    texts: Iterable[str] | pa.Table | pd.DataFrame,
    recipe: str | Mapping[str, Any] | Recipe,
    engine: Mapping[str, Any] | EngineSettings | Engine,
    *,
    tokenizer: str | Tokenizer,
    text: str = "text",
    id: str | None = None,  # noqa: A002  # the name of the user's id column
    metadata: Sequence[str] = (),
) -> pa.Table:
    """Rewrite texts by a recipe, without Spark. Blocks until all is answered, in scripts as in notebooks.

    texts: strings, or an Arrow table or pandas frame with a column `text` and, if given, a column `id` (else ids are made of the texts).
    Columns that are named as in `rephrase.records.DOCUMENT` (source, language, n_tokens …) are the documents' own, as `when:` wants them.
    metadata: further columns that recipes find in the documents' metadata, such as the answer of a problem.
    recipe: a name or pattern of the catalogue, a mapping as under `recipes:` in a run.yaml, or a Recipe.
    engine: a mapping as under `engine:`, or an engine of your own, which is closed at the end; or a mapping of such by name, as under
    `engines:`, of which the recipe names those of its steps. A vLLM server that this starts ends with the process.
    tokenizer: counts the tokens of passages; a tokenizer.json, a folder, or a hub id.

    Returns a table with the columns of `rephrase.records.GENERATION`, a row a completion, in the order of the recipe's steps, the texts
    and the prompts. Failed requests are rows with an `error`. Warns of a recipe whose `when` fits none of the texts. Raises `UserError` for
    unknown names, settings and columns, and for an engine that cannot work.

    >>> rows = rewrite(["The tide rises twice a day."], "wrap/easy", {"kind": "echo"}, tokenizer="examples/tokenizer.json")
    >>> rows.select(["recipe", "model", "finish_reason"]).to_pylist()
    [{'recipe': 'wrap/easy', 'model': 'echo', 'finish_reason': 'stop'}]
    """
    recipes = find_recipes(recipe)
    refuse_own_rows(recipes)
    counter = tokenizer if isinstance(tokenizer, Tokenizer) else Tokenizer.load(str(tokenizer))
    table = arrow_table(texts, text)
    rows = rows_of_texts(known_columns(table, text, id, metadata), recipes, counter, metadata)
    _warn_unfit(rows, recipes)
    engines = engines_of(engine)
    engines.check(here=True)
    check_fits(recipes, engines)
    return pa.concat_tables(run_recipes(rows, recipes, engines, lambda settings: settings.open(), counter))


def _warn_unfit(rows: Sequence[Row], recipes: Sequence[Recipe]) -> None:
    fitting = Fitting.of(recipes)
    for row in rows if fitting.unfit else ():
        fitting.look(row.document)
    for reason in fitting.reasons():
        warnings.warn(reason, stacklevel=3)


def refuse_own_rows(recipes: Sequence[Recipe]) -> None:
    """Raise a `UserError` for a recipe that draws its rows from lists of its own and takes no texts."""
    if alone := next((recipe.name for recipe in recipes if recipe.rows is not None), None):
        cure = "run it with `rephrase run`"
        raise UserError(f"the recipe `{alone}` has rows of its own and takes none", where="rewrite", cure=cure)


def run_recipes(
    rows: Sequence[Row], recipes: Sequence[Recipe], engines: Engines, open_one: Callable[[EngineSettings], Engine], tokenizer: Tokenizer
) -> list[pa.Table]:
    """What the recipes' steps make of some rows: a table of GENERATION rows for each step. `open_one` is called in the event loop.

    Raises `UserError` from the engines.
    """

    async def answered() -> list[pa.Table]:
        grown = [with_related(rows, recipe, tokenizer) for recipe in recipes]
        made: dict[tuple[int, int], pa.Table] = {}
        async with OpenEngines(engines, open_one) as opened:
            for steps in rounds(recipes, engines):
                for index, number in steps.items():
                    recipe, step = recipes[index], recipes[index].steps[number]
                    engine = await opened.find(recipe.engine_of(step))
                    table, _ = await generate(grown[index], StepRun(recipe, step, tokenizer, engine.model), engine)
                    made[index, number] = table
                    grown[index] = with_generations(grown[index], step.name, table)
        return [made[place] for place in sorted(made)]

    return run_to_end(answered())
