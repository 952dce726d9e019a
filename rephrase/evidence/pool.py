"""Makes a swarm of a run: what each component can give is measured, shares are drawn, and one pool of texts is mixed and packed for all.

The pool is a mixture with a phase for each component, which holds as many tokens as the mixture of the swarm that takes the most of it.
Phases have files of their own, so that each file of the packed export is of one component, and a mixture is a number of sequences of
each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from rephrase import storage
from rephrase.errors import UserError
from rephrase.evidence.drawing import Dirichlet, draw_mixtures
from rephrase.evidence.packed_sequences import open_packed
from rephrase.evidence.swarm import PACKED, Mixture, Part, Swarm
from rephrase.exports.catalogue import make_format
from rephrase.exports.vocabulary import find_vocabulary
from rephrase.mixing.component import Component
from rephrase.mixing.settings import Mix, Phase
from rephrase.mixing.targets import capacities_of, targets_of
from rephrase.settings.nearest import nearest
from rephrase.spark.runtime.job import open_job
from rephrase.spark.stages.base import Table
from rephrase.spark.stages.export import export
from rephrase.spark.stages.ledger import refusal_of
from rephrase.spark.stages.mix.inputs import find_inputs
from rephrase.spark.stages.mix.manifest import mixture_manifest
from rephrase.spark.stages.mix.measuring import measure
from rephrase.spark.stages.mix.stage import meaning_of, mix
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.spark.runtime.session import LazySession

PRESENT = "present"
TABLE = Table("swarm", "swarm", cure="write elsewhere (--to), or remove the folder of the swarm and what was measured on it")
"""A swarm is no table of the run, but its pool is claimed as a mixture is."""
_POOL = "pool"
_MARGIN = 1.1  # of tokens in the pool: another tokenizer may count fewer of them
_SEQUENCES = 100  # of a file of the pool, at least
_SPLIT = 0.999  # of what the scarcest source of a divided component seems to allow
_FILES = 16  # of a component in the pool, about


@dataclass(frozen=True, slots=True)
class Asked:
    """What a swarm shall be. tokens: of each mixture. target: of the real mixture; None: as run.yaml has it. bounds: by component."""

    mixtures: int
    tokens: int
    seed: int
    how: Dirichlet
    target: int | None
    bounds: Mapping[str, tuple[float, float]]
    tokenizer: str
    eod: str | None
    sequence_length: int


@dataclass(frozen=True, slots=True)
class Range:
    """A component, its share in run.yaml, and the bounds of what it may have."""

    component: Component
    present: float
    lowest: float
    highest: float
    capacity: int  # tokens that it can give in all its epochs


def make_swarm(run: Run, spark: LazySession, folder: str, asked: Asked) -> tuple[Swarm, int]:
    """Draw the mixtures, and make the pool that they share; what is there already is not made again.

    Returns the swarm and how many of its mixtures were moved onto the bounds. Raises `UserError` as `mix` does, and where the bounds
    contradict each other or what there is.
    """
    ranges = _ranges(run, spark, asked)
    present = np.array([part.present for part in ranges])
    lowest, highest = (np.array([getattr(part, name) for part in ranges]) for name in ("lowest", "highest"))
    drawn, moved = draw_mixtures(present, lowest, highest, asked.mixtures - 1, asked.seed, asked.how)
    names = [PRESENT, *(f"{number:03d}" for number in range(1, asked.mixtures))]
    mixtures = tuple(Mixture(name, tuple(float(share) for share in shares)) for name, shares in zip(names, [present, *drawn], strict=True))
    wanted = [max(mixture.shares[place] for mixture in mixtures) * asked.tokens for place in range(len(ranges))]
    pooled = run.model_copy(update={"mix": _pool_mix(run.mix, ranges, wanted, asked.sequence_length)})
    pool = storage.join(folder, _POOL)
    if refusal := refusal_of(pool, TABLE, lambda: meaning_of(pooled, find_inputs(pooled))):
        raise refusal
    mix(pooled, spark, folder=pool)
    vocabulary = find_vocabulary(asked.tokenizer, asked.eod)
    form = make_format("packed", vocabulary, {"sequence_length": asked.sequence_length})
    export(pool, storage.join(folder, PACKED), form, spark)
    shards = _shards_by_phase(folder, pool)
    used = [number for number, tokens in enumerate(wanted) if tokens >= 1]
    parts = tuple(
        Part(
            name=part.component.name,
            settings=part.component.model_dump(mode="json", exclude_defaults=True, exclude={"share", "tokens"}),
            lowest=part.lowest,
            highest=part.highest,
            present=part.present,
            shards=shards[used.index(number)] if number in used else (),
        )
        for number, part in enumerate(ranges)
    )
    swarm = Swarm(asked.tokens, parts, mixtures, {"seed": asked.seed, "dirichlet": asdict(asked.how), "target_tokens": asked.target})
    swarm.save(folder)
    return swarm, moved


def _ranges(run: Run, spark: LazySession, asked: Asked) -> list[Range]:
    """The components of the run that texts are there for, with the bounds of their shares."""
    settings = run.mix
    if settings.phases:
        raise UserError(
            "a swarm is of the components of one mixture, and `mix` has phases", where="mix.phases", cure="give it `components`"
        )
    if settings.pairing:
        cure = "draw without: --set mix.pairing=null"
        raise UserError("the mixtures of a swarm do not keep rewrites beside their originals", where="mix.pairing", cure=cure)
    inputs = find_inputs(run)
    with open_job(spark.get(), run.output, title="swarm (what there is)") as job:
        material = measure(settings, inputs, job)
    [targets] = targets_of(settings, material.pools, material.available)
    capacities = capacities_of(settings, material.pools, material.available)
    target = asked.target or sum(targets)
    ranges = []
    unknown = set(asked.bounds) - {component.name for component in settings.components}
    if unknown:
        name = min(unknown)
        cure = nearest(name, [component.name for component in settings.components])
        raise UserError(f"there is no component `{name}`", where="--bound", cure=cure)
    for number, component in enumerate(settings.components):
        mine = [place for place, pool in enumerate(material.pools) if pool.component == number]
        whole = sum(targets[place] for place in mine)
        if not whole:  # skip_empty: `targets_of` has let it pass
            continue
        capacity = math.floor(min(capacities[place] * whole / targets[place] for place in mine if targets[place]))
        if component.dimensions:  # targets are rounded
            capacity = math.floor(capacity * _SPLIT)
        lowest, highest = asked.bounds.get(component.name, (0.0, 1.0))
        reach = min(1.0, capacity / max(target, asked.tokens))
        if lowest > reach:
            what = f"`{component.name}` shall have a share of at least {lowest:g} and can give {reach:.3g} of {target:,} tokens"
            raise UserError(what, where="--bound", cure="lower the bound, give it more max_epochs, or plan for fewer tokens (--for-tokens)")
        present = whole / sum(targets)
        ranges.append(Range(component, present, lowest, min(highest, reach), capacity))
    least, most = sum(part.lowest for part in ranges), sum(part.highest for part in ranges)
    if least > 1 or most < 1:
        what = f"shares can sum to {least:.3g} at least and {most:.3g} at most, for {target:,} tokens"
        raise UserError(
            what, where="rephrase swarm", cure="mend --bound, give components more max_epochs, or plan for fewer (--for-tokens)"
        )
    return ranges


def _pool_mix(settings: Mix, ranges: Sequence[Range], wanted: Sequence[float], sequence_length: int) -> Mix:
    """A phase for each component with all that any mixture takes of it."""
    phases = []
    for part, tokens in zip(ranges, wanted, strict=True):
        if tokens < 1:
            continue
        pooled = min(part.capacity, math.ceil(tokens * _MARGIN))
        phases.append(Phase(components=[part.component.model_copy(update={"share": 1.0, "tokens": None})], tokens=pooled))
    guards = {"max_synthetic_share": None, "min_original_share": None}  # of the mixture, not of its components one by one
    largest = max(phase.tokens or 1 for phase in phases)
    # Each file's last sequence is filled up: with many sequences a file that is next to nothing.
    sizes = {"file_tokens": max(_SEQUENCES * sequence_length, min(settings.file_tokens, math.ceil(largest / _FILES)))}
    return settings.model_copy(update={"preset": None, "components": [], "budget_tokens": None, "phases": phases, **guards, **sizes})


def _shards_by_phase(folder: str, pool: str) -> list[tuple[str, ...]]:
    """The shards of the packed export by phase of the pool, in order: the name of a shard begins with that of its file."""
    files = mixture_manifest(pool)["files"]
    export_folder = storage.join(folder, PACKED)
    shards = [shard.path.removeprefix(f"{export_folder}/") for shard in open_packed(export_folder).shards]
    by_phase: list[tuple[str, ...]] = []
    for phase in range(max(file["phase"] for file in files) + 1):
        stems = {storage.name_of(file["name"]).rpartition(".")[0] for file in files if file["phase"] == phase}
        by_phase.append(tuple(shard for shard in shards if any(shard.startswith(f"{tables.DATA}/{stem}") for stem in stems)))
    return by_phase
