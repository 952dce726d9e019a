"""How many objects a run stores, and how many bytes: reckoned as its documents compress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rephrase import storage
from rephrase.spark.stages.base import Tables

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.planning.counting import Counts
    from rephrase.recipes.base import Recipe

_BYTES = 1.9  # of a stored document for each of its tokens, where there is no table yet: 4.2 characters of English, zstd
_ROW = 250  # bytes of a generation beside its texts: ids, digests, sampling
_TEXTS = 2  # a completion is stored as it came and as it was parsed


@dataclass(frozen=True, slots=True)
class Storing:
    """Objects and bytes of a run's tables, but for the mixture and exports."""

    objects: int
    bytes: float


def storing_of(
    run: Run, recipes: Sequence[Recipe], counts: Sequence[Counts], steps: Mapping[tuple[str, str], tuple[float, float]], kept_tokens: float
) -> Storing:
    """What documents, generations and verdicts take. Steps that fan out have more objects: one for each `prompts_per_unit` prompts.

    `steps`: requests and output tokens by the names of recipe and step.
    """
    stored = [file.size for file in storage.list_files(Tables.DOCUMENTS.folder(run.output))]
    tokens = max((each.tokens.value for each in counts), default=0.0)
    each_token = sum(stored) / tokens if stored and tokens else _BYTES
    units = 0
    for of_material in counts:
        for index in of_material.by_recipe:
            for step in recipes[index].steps:
                parts = steps[recipes[index].name, step.name][0] / run.rewrite.prompts_per_unit if step.fans_out else 0
                units += max(of_material.groups, round(parts))
    rows = sum(requests for requests, _ in steps.values()) * _ROW
    generated = sum(output for _, output in steps.values()) * _TEXTS * each_token + rows
    judged = kept_tokens * each_token + rows / 2
    return Storing(len(stored) + 2 * units, sum(stored) + generated + judged)
