"""The plan of a run: its requests and tokens by recipe and step, GPU hours, money and days, what is kept, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from classifiers.seeds import check_seeds
from rephrase.mixing.originals import originals_notice
from rephrase.mixing.unfilled import check_filled
from rephrase.planning.counting import Counted, Counts, count
from rephrase.planning.estimate import Estimate, cost, share, total
from rephrase.planning.figures import Kept, Line, Plan
from rephrase.planning.material import Material, materials_of
from rephrase.planning.measured import Measured, Sample, measured
from rephrase.planning.prompts import FirstPrompts, goes_on
from rephrase.planning.rates import Rate, price_of, rate_of
from rephrase.planning.rejected import about_rejections
from rephrase.planning.storing import storing_of
from rephrase.recipes.catalogue import recipes_of
from rephrase.spark.stages.rewrite.spending import Spending
from rephrase.spark.stages.trials import drawn, notes_of_all

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.engines.settings import EngineSettings
    from rephrase.recipes.base import Recipe, Step

_HOUR = 3600.0
NO_MODEL_IS_ASKED = "no model is asked"


def forecast(run: Run, *, gpus: int = 1, price: float | None = None, exact: bool = False) -> Plan:
    """Plan a run from its documents, its trials and its own units, without asking a model and without Spark.

    `exact`: count all prompts, however many documents there are. Raises `UserError` for input that is not there, recipes that are none,
    a component of the mixture that nothing can fill, seeds that are items of a benchmark, and a tokenizer that does not load.
    """
    run, recipes = drawn(run), recipes_of(run.recipes)
    check_filled(run.mix, [recipe.name for recipe in recipes])
    check_seeds(recipes, run.filter, run.screen)
    prompts = FirstPrompts(tuple(recipes), run.all_engines, run.tokenizer)
    materials = materials_of(run, recipes)
    counts = [count(material, prompts, exact=exact) for material in materials]
    by_recipe = {index: counted for counts_of in counts for index, counted in counts_of.by_recipe.items()}
    sample = measured(run, recipes, prompts)
    asked = {engine.model_name: engine for recipe in recipes for engine in (_engine(run, recipe, step) for step in recipe.steps)}
    notes = sample.notes if sample else ()
    told_by = sample.told_by if sample else ""
    rates = {name: rate_of(run, engine, [n for n in notes if n.model == name], told_by) for name, engine in asked.items()}
    price = price_of(run, price)
    lines = [
        _priced(line, rates[line.model], price)
        for index, recipe in enumerate(recipes)
        for line in _lines(run, recipe, by_recipe[index], sample)
    ]
    kept = [_kept(recipe, by_recipe[index], sample, lines, rates, price) for index, recipe in enumerate(recipes)]
    spent = Spending(run)
    for note in notes_of_all(run):
        spent.add(note)
    grounded = next((each for each, material in zip(counts, materials, strict=True) if not _own(material, recipes)), None)
    return Plan(
        documents=grounded.documents if grounded else None,
        document_tokens=grounded.tokens if grounded else None,
        lines=tuple(sorted(lines, key=_dearest)),
        kept=tuple(kept),
        rates=rates,
        storing=storing_of(run, recipes, counts, _by_step(lines), sum(one.kept_tokens.value for one in kept if one.kept_tokens)),
        spent_tokens=spent.tokens,
        spent_gpu_hours=spent.gpu_seconds / _HOUR,
        gpus=gpus,
        price=price,
        origins=tuple(_origin(material, each) for material, each in zip(materials, counts, strict=True)),
        remarks=(
            *_remarks(prompts, materials, rates, asked),
            *(about_rejections(run, kept, sample) if sample else ()),
            *_of_mixture(run, grounded),
        ),
    )


def _of_mixture(run: Run, grounded: Counts | None) -> list[str]:
    """What the originals allow, where all of them are counted."""
    notice = originals_notice(run.mix, round(grounded.tokens.value)) if grounded and grounded.tokens.is_exact else None
    return [notice] if notice else []


def _by_step(lines: Sequence[Line]) -> dict[tuple[str, str], tuple[float, float]]:
    """Requests and output tokens by recipe and step, 0 where nobody knows."""
    return {
        (one.recipe, one.step): (one.requests.value if one.requests else 0.0, one.output_tokens.value if one.output_tokens else 0.0)
        for one in lines
    }


def _engine(run: Run, recipe: Recipe, step: Step) -> EngineSettings:
    return run.all_engines.find(recipe.engine_of(step))


def _own(material: Material, recipes: Sequence[Recipe]) -> bool:
    return all(recipes[index].rows is not None for index in material.recipes)


def _lines(run: Run, recipe: Recipe, counted: Counted, sample: Measured | None) -> list[Line]:
    of_recipe = sample.samples.get(recipe.name) if sample else None
    lines: list[Line] = []
    for number, step in enumerate(recipe.steps):
        model = _engine(run, recipe, step).model_name
        if number == 0 and counted.requests.value == 0:
            nothing = Estimate.exact(0)
            lines.append(Line(recipe.name, step.name, model, nothing, nothing, nothing, NO_MODEL_IS_ASKED))
            continue
        written = _written(of_recipe, step, counted, sample)
        if number == 0 and not goes_on(step):
            requests, tokens, how = counted.requests, counted.prompt_tokens, "counted" if counted.requests.is_exact else "from a sample"
            if written is None:
                lines.append(
                    Line(recipe.name, step.name, model, requests, tokens, _most(requests, step), f"{how}; output at most", at_most=True)
                )
            else:
                output = written[2].at_most(_most(requests.times(1 + step.retries), step).high)
                lines.append(Line(recipe.name, step.name, model, requests, tokens, output, f"{how}; output by {written[3]}"))
        elif written is not None:
            lines.append(Line(recipe.name, step.name, model, *written[:3], f"depends on answers: by {written[3]}"))
        elif number and of_recipe is not None and sample is not None and of_recipe.has(recipe.steps[0].name):
            nothing = Estimate(0.0, 0.0)
            lines.append(Line(recipe.name, step.name, model, nothing, nothing, nothing, f"no answer led to it in {sample.told_by}"))
        elif number and not step.fans_out and (before := lines[-1]).requests is not None:
            led_to = replace(before.requests.times(step.per_result * step.samples), low=0.0)
            lines.append(Line(recipe.name, step.name, model, led_to, None, _most(led_to, step), _taken_for(step), at_most=True))
        else:
            lines.append(Line(recipe.name, step.name, model, None, None, None, "depends on answers: `--pilot N` tells"))
    return lines


def _taken_for(step: Step) -> str:
    """How many requests a step is taken to ask before any answer is there."""
    each = step.per_result * step.samples
    number = "one request for each" if each == 1 else f"{each:g} requests for each" if each > 1 else f"one request for {1 / each:.3g}"
    return f"depends on answers: taken for {number} of the step before; output at most what the sampling allows"


def _written(
    of_recipe: Sample | None, step: Step, counted: Counted, sample: Measured | None
) -> tuple[Estimate, Estimate, Estimate, str] | None:
    """Requests, prompt tokens and output tokens of a step by a sample, and who made that; None without one."""
    if (
        of_recipe is None
        or sample is None
        or not any(step.name in cluster.steps for _, clusters in of_recipe.strata for cluster in clusters)
    ):
        return None
    known = getattr(counted, of_recipe.known).value
    requests, prompt_tokens, output_tokens = (
        total(of_recipe.of_step(step.name, name), known) for name in ("requests", "prompt_tokens", "output_tokens")
    )
    return requests, prompt_tokens, output_tokens, sample.told_by


def _most(requests: Estimate, step: Step) -> Estimate:
    most = requests.value * step.output_tokens
    return Estimate(most, 0.0, None if requests.high is None else requests.high * step.output_tokens)


def _priced(line: Line, rate: Rate | None, price: float | None) -> Line:
    if rate is None or line.output_tokens is None:
        return line
    hours = line.output_tokens.times(1 / rate.tokens_per_second / _HOUR)
    return replace(line, gpu_hours=hours, money=None if price is None else hours.times(price))


def _dearest(line: Line) -> tuple[float, float]:
    hours = line.gpu_hours.value if line.gpu_hours else 0.0
    return -hours, -(line.output_tokens.value if line.output_tokens else float("inf"))


def _kept(
    recipe: Recipe, counted: Counted, sample: Measured | None, lines: Sequence[Line], rates: Mapping[str, Rate | None], price: float | None
) -> Kept:
    of_recipe = sample.samples.get(recipe.name) if sample else None
    if of_recipe is None or not of_recipe.judged:
        return Kept(recipe.name, counted.documents, counted.passages, None, None, None, None)
    own = [line for line in lines if line.recipe == recipe.name]
    known = [rates[line.model] for line in own if line.how != NO_MODEL_IS_ASKED]
    hours = None
    if all(rate is not None for rate in known):
        weights = {line.step: 1e6 / rate.tokens_per_second / _HOUR for line in own if (rate := rates[line.model])}
        hours = cost(of_recipe.spent(weights))
    tokens = total(of_recipe.kept_tokens(), getattr(counted, of_recipe.known).value)
    money = hours.times(price) if hours is not None and price is not None else None
    return Kept(recipe.name, counted.documents, counted.passages, share(of_recipe.kept()), tokens, hours, money)


def _origin(material: Material, counts: Counts) -> str:
    part = "" if counts.counted_groups == counts.groups else f", {counts.counted_groups:,} of {counts.groups:,} row groups (`--exact`: all)"
    return f"{material.origin}{part}"


def _remarks(
    prompts: FirstPrompts, materials: Sequence[Material], rates: Mapping[str, Rate | None], asked: Mapping[str, EngineSettings]
) -> tuple[str, ...]:
    remarks = [remark for material in materials for remark in material.remarks]
    remarks += [
        f"prompt tokens of `{model}` are those of the messages by the run's tokenizer: its own, or its chat template, is not here"
        for model in prompts.uncounted
    ]
    remarks += [
        f"`{recipe.name}` writes in {recipe.language.fixed or 'the language of each document'}"
        for recipe in prompts.recipes
        if recipe.language
    ]
    for model, rate in rates.items():
        if rate is None and asked[model].holds_devices:
            remarks.append(f"no rate is known for `{model}`: `rephrase tune` measures one, `rephrase plan --pilot N` tries N documents")
        elif rate is None and asked[model].runs_no_model:
            remarks.append(
                f"`{model}` is answered by an engine `{asked[model].kind}`, which runs no model: it takes no time worth planning"
            )
        elif rate is None:
            remarks.append(f"no rate is known for `{model}`, which no engine on the executors answers: its time and price are its server's")
    return tuple(remarks)
