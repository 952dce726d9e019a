"""Seeds of recipes beside benchmarks: a run whose seeds hold items that models are scored by is refused before it starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from classifiers.benchmark_index import load_index
from classifiers.benchmarks import Benchmark, items_of
from classifiers.checks.contamination import ContaminationSettings
from classifiers.settings import Filter, Screen
from classifiers.words import words_of
from rephrase.errors import UserError
from rephrase.recipes.base import Recipe
from rephrase.recipes.seeds import Seed

_ADD = "{contamination: {benchmarks: [{name: …, paths: [FILES]}]}}"


def check_seeds(recipes: Sequence[Recipe], judged: Filter, screened: Screen | None) -> None:
    """Raise a `UserError` for seeds that are items of a benchmark which the run names, with both places, or that nothing checks.

    Seeds of the user's own need a check `contamination` under `filter`, for what is made from them may be such an item too.
    """
    of_filter = list(_benchmarks(judged))
    named = dict.fromkeys([*of_filter, *_benchmarks(screened)])
    for recipe in recipes:
        for step in recipe.steps:
            seeds: tuple[Seed, ...] = getattr(step, "seeds", ())
            if seeds and not of_filter and getattr(step, "is_checked", False):
                cure = f"add {_ADD} to `filter.checks`, or say `unchecked: true` in its options if the seeds are of no task that is scored"
                raise UserError("nothing keeps items of the seeds' task out of its texts", where=f"recipe `{recipe.name}`", cure=cure)
            for benchmarks in named if seeds else ():
                _refuse_items(seeds, benchmarks, recipe.name)


def _benchmarks(section: Filter | Screen | None) -> Iterator[tuple[Benchmark, ...]]:
    """Those of each check."""
    for check in (section.checks or ()) if section else ():
        for _, settings in check.sections():
            if isinstance(settings, ContaminationSettings):
                yield settings.benchmarks


def _refuse_items(seeds: Sequence[Seed], benchmarks: tuple[Benchmark, ...], recipe: str) -> None:
    """Refuse a seed that holds an item, or is one that is too short to be looked for in texts."""
    texts = [["\n".join(parts) for parts in _tellings(seed)] for seed in seeds]
    hits = load_index(benchmarks).find([of_seed[-1] for of_seed in texts])
    words = words_of([text for of_seed in texts for text in of_seed])
    owners = [number for number, of_seed in enumerate(texts) for _ in of_seed]
    number_of_seed = {words.hashes[words.offsets[i] : words.offsets[i + 1]].tobytes(): owners[i] for i in range(len(owners))}
    items = [(number, hit.benchmark, hit.item) for number, hit in enumerate(hits) if hit]
    for benchmark in benchmarks:
        whole = ((number_of_seed.get(item.tobytes()), row) for row, item in items_of(benchmark))
        items += [(number, benchmark.name, row) for number, row in whole if number is not None]
    if items:
        number, name, row = items[0]
        count = len({number for number, _, _ in items})
        others = f"; {count - 1} more of the seeds are such" if count > 1 else ""
        what = f"the recipe `{recipe}` has a seed that is an item of the benchmark `{name}`, row {row}{others}"
        raise UserError(what, where=seeds[number].place, cure="give seeds of the task's training split, without the items of its test")


def _tellings(seed: Seed) -> list[tuple[str, ...]]:
    """The texts as which a benchmark may have an item, the longest last."""
    tellings = [(seed.text,), (seed.text, seed.answer)]
    return [*tellings, (seed.text, *seed.choices), (seed.text, *seed.choices, seed.answer)] if seed.choices else tellings
