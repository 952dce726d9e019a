"""How many objects a run stores, and how many bytes: reckoned as its documents compress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rephrase import storage
from rephrase.spark.stages.base import Tables

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.planning.counting import Counts
    from rephrase.planning.estimate import Estimate
    from rephrase.planning.forecast import Line
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
    run: Run, recipes: Sequence[Recipe], counts: Sequence[Counts], lines: Sequence[Line], kept_tokens: Sequence[Estimate | None]
) -> Storing:
    """What documents, generations and verdicts take. Steps that fan out have more objects: one for each `prompts_per_unit` prompts."""
    stored = [file.size for file in storage.list_files(Tables.DOCUMENTS.folder(run.trial().output))]
    tokens = max((each.tokens.value for each in counts), default=0.0)
    each_token = sum(stored) / tokens if stored and tokens else _BYTES
    requests = {(line.recipe, line.step): line.requests.value if line.requests else 0.0 for line in lines}
    units = 0
    for of_material in counts:
        for index in of_material.by_recipe:
            for step in recipes[index].steps:
                parts = requests[recipes[index].name, step.name] / run.rewrite.prompts_per_unit if step.fans_out else 0
                units += max(of_material.groups, round(parts))
    generated = sum(line.output_tokens.value for line in lines if line.output_tokens) * _TEXTS * each_token
    rows = sum(requests.values()) * _ROW
    known = [kept.value if kept else 0.0 for kept in kept_tokens]
    judged = sum(known) * each_token + rows / 2
    return Storing(len(stored) + 2 * units, sum(stored) + generated + rows + judged)
