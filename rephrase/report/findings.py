"""What stands out in a run, in sentences: where somebody should look before the text is trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

from rephrase.live.words import counted
from rephrase.report.wording import count, percent, short_number
from rephrase.settings.section import Section
from rephrase.settings.validation import validate
from rephrase.settings.yaml_text import parse_yaml

if TYPE_CHECKING:
    from rephrase.report.facts import RecipeFacts
    from rephrase.report.figures import RunFigures
    from rephrase.report.work import Work


class Bounds(Section):
    """See findings.yaml."""

    keep_rate: float
    error_rate: float
    share_off: float
    duplicates: float
    invented: float
    idle: float
    tail_kept: float
    self_bleu: float
    copied: float


def findings(
    figures: RunFigures,
    work: Work | None,
    facts: Mapping[str, RecipeFacts],
    diversity: Sequence[Mapping[str, Any]],
    cut: Mapping[str, str],
) -> list[str]:
    """Sentences on what is beyond the bounds of findings.yaml; empty where nothing is.

    `diversity` begins with the originals. `cut`: by recipe, a clause on its answers that were cut.
    """
    bounds = _bounds()
    return [*_of_recipes(figures, cut, bounds), *_of_facts(facts, bounds), *_of_texts(figures, diversity, bounds), *_of_work(work, bounds)]


def _of_recipes(figures: RunFigures, cut: Mapping[str, str], bounds: Bounds) -> Iterator[str]:
    for recipe in figures.recipes:
        if recipe.keep_rate is not None and recipe.keep_rate < bounds.keep_rate:
            most = next(iter(recipe.rejected.items()), None)
            why = f", rejected most often by {most[0]} ({count(most[1])})" if most else ""
            limit = f"; {cut[recipe.name]}" if recipe.name in cut else ""
            yield f"{recipe.name} keeps {percent(recipe.keep_rate)} of {counted(recipe.judged, 'row')}{why}{limit}."
        if recipe.errors > bounds.error_rate * max(recipe.generations, 1):
            most = next(iter(recipe.causes.items()), None)
            why = f", most often {most[0]} ({count(most[1])})" if most else ""
            yield f"{recipe.name} has {counted(recipe.errors, 'row')} without a text ({percent(recipe.errors / recipe.generations)}){why}."


def _of_facts(facts: Mapping[str, RecipeFacts], bounds: Bounds) -> Iterator[str]:
    for name, one in facts.items():
        if one.invented is not None and one.invented > bounds.invented:
            yield f"{percent(one.invented)} of the kept rewrites by {name} say a number that their passage lacks."
        if one.overlap is not None and one.overlap > bounds.copied:
            share = percent(one.overlap)
            yield f"Half of the kept rewrites by {name} take {share} or more of their words from the passage in runs of eight."


def _of_texts(figures: RunFigures, diversity: Sequence[Mapping[str, Any]], bounds: Bounds) -> Iterator[str]:
    kept = figures.total.kept
    if figures.duplicates and figures.duplicates > bounds.duplicates * kept:
        share = percent(figures.duplicates / kept)
        yield f"{count(figures.duplicates)} of {count(kept)} kept rewrites ({share}) are near duplicates of others."
    if len(diversity) > 1:
        original, rewritten = diversity[0], diversity[1]
        tails = original["tail_kept"], rewritten["tail_kept"]
        if None not in tails and tails[1] < bounds.tail_kept * tails[0]:
            beside = f"where another sample of originals has {percent(tails[0])}"
            yield f"Rewrites keep {percent(tails[1])} of the rare words of the originals, {beside}."
        bleu = original["self_bleu"], rewritten["self_bleu"]
        if None not in bleu and bleu[1] > bleu[0] + bounds.self_bleu:
            yield f"Rewrites are more alike than originals: self-BLEU {short_number(bleu[1])} against {short_number(bleu[0])}."
    for component in (figures.mixture or {}).get("components", ()):
        whole = sum(one["tokens"] for one in figures.mixture["components"] if one["phase"] == component["phase"]) if figures.mixture else 0
        if whole and abs(component["tokens"] / whole - component["share"]) > bounds.share_off:
            share = percent(component["tokens"] / whole)
            yield f"{component['name']} is {share} of the mixture's tokens, where {percent(component['share'])} was asked for."


def _of_work(work: Work | None, bounds: Bounds) -> Iterator[str]:
    if work is None or work.seconds < 60:  # a trial of seconds says nothing of engines
        return
    in_flight = [(engine.busy + (engine.start or 0.0)) / work.seconds for engine in work.engines]
    lazy = [share for share in in_flight if share < 1 - bounds.idle]
    if lazy:
        some = f"{count(len(lazy))} of {counted(len(work.engines), 'engine')}"
        yield f"{some} had no unit in flight for more than {percent(bounds.idle)} of the time, one for {percent(1 - min(lazy))}."


def _bounds() -> Bounds:
    text = resources.files(__package__).joinpath("findings.yaml").read_text("utf-8")
    bounds: Bounds = validate(Bounds, parse_yaml(text, "findings.yaml"), "findings.yaml")
    return bounds
