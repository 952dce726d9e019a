"""`manifest.json` of a virtual mixture: its phases and shares, for people to change, and what was planned by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from rephrase import storage
from rephrase.errors import UserError
from rephrase.loading.asked import Asked
from rephrase.loading.index import Index, open_index
from rephrase.loading.planning import plan_phases
from rephrase.loading.schedule import PhaseEnd, Schedule
from rephrase.mixing.component import Component
from rephrase.mixing.grid import Finite
from rephrase.mixing.plan import Plan
from rephrase.mixing.settings import Mix
from rephrase.mixing.targets import capacities_of, largest, pool_shares
from rephrase.records import content_id
from rephrase.settings.section import Section
from rephrase.settings.validation import validate

MANIFEST = "manifest.json"
_ENDS = TypeAdapter(list[PhaseEnd])
_MOST, _MOST_EPOCHS = 2**62, 2**31 - 1  # a key is smaller than the first; an index holds epochs in 32 bits


class VirtualPhase(Section):
    """A phase, and the tokens of the mixture before it. It ends the phase before it where that has more."""

    model_config = ConfigDict(populate_by_name=True)
    begins: int | None = Field(default=None, ge=0, alias="from")
    """Default: where the phase before it has given all of its tokens."""
    tokens: int | None = Field(default=None, ge=1)
    components: list[Component] = Field(min_length=1)


class Manifest(Section):
    """A virtual mixture as its file has it."""

    index: str
    """The folder of the index, beside the manifest."""
    phases: list[VirtualPhase] = Field(min_length=1)
    skip_empty: bool = False
    max_synthetic_share: Finite | None = Field(default=None, ge=0, le=1)
    min_original_share: Finite | None = Field(default=None, ge=0, le=1)
    plan: dict[str, Any] | None = None
    """What was planned by all of this: made anew where something else has changed since."""

    @property
    def digest(self) -> str:
        """What tells manifests of other phases from this one."""
        asked = self.model_dump(mode="json", exclude={"plan"}, exclude_defaults=True)
        return content_id(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS).decode())

    def schedule(self, index: Index, where: str) -> Schedule:
        """Which rows of the index the mixture takes: as it was planned, or planned now where the file has changed since.

        Raises `UserError` where the texts do not suffice.
        """
        if self.plan and self.plan.get("of") == self.digest:
            return _schedule_of(self.plan.get("phases"), len(index.pools), where)
        return plan_phases(index, self._asked(where))[0]

    def planned(self, index: Index, where: str) -> tuple[Manifest, Plan]:
        """The same with what is planned by it."""
        schedule, plan = plan_phases(index, self._asked(where))
        made = {"of": self.digest, "phases": schedule.to_json(), "components": [part.describe() for part in plan.components]}
        return self.model_copy(update={"plan": made}), plan

    def _asked(self, where: str) -> Asked:
        phases = [phase.model_dump(mode="json", exclude={"begins"}, exclude_defaults=True) for phase in self.phases]
        bounds = {name: getattr(self, name) for name in ("skip_empty", "max_synthetic_share", "min_original_share")}
        return Asked(validate(Mix, {"phases": phases, **bounds}, where), [phase.begins for phase in self.phases], self.digest, where)

    def write(self, folder: str) -> None:
        """Put it in the place of the one that is there."""
        content = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        storage.put(storage.join(folder, MANIFEST), orjson.dumps(content, option=orjson.OPT_INDENT_2))


def _schedule_of(phases: Any, pools: int, where: str) -> Schedule:
    """What was planned. Raises `UserError` where somebody has changed it."""
    try:
        schedule = Schedule(tuple(_ENDS.validate_python(phases)))
    except ValidationError as error:
        raise _damaged(where) from error
    is_same = orjson.dumps(schedule.to_json()) == orjson.dumps(phases)
    for end in schedule.phases:
        counts = [*end.keys, end.stop or 0, end.rows, end.tokens]
        fits = len(end.epochs) == len(end.keys) == pools and min(*counts, *end.epochs) >= 0
        if not is_same or not fits or max(counts) > _MOST or max(end.epochs) > _MOST_EPOCHS:
            raise _damaged(where)
    if not schedule.phases:
        raise _damaged(where)
    return schedule


def _damaged(where: str) -> UserError:
    return UserError("`plan` is not as it was written", where=where, cure="take `plan` out: it is then planned anew by `phases`")


def manifest_for(mix: Mix, index: Index) -> Manifest:
    """The manifest of a mixture of a config. Without a budget it has all the tokens that the texts of the index allow."""
    phases = [VirtualPhase(tokens=phase.tokens, components=phase.components) for phase in mix.all_phases]
    if mix.all_phases[0].budget is None:
        phases = [VirtualPhase(tokens=index.paired.tokens if index.paired else _largest(mix, index), components=mix.components)]
    return Manifest(
        index=storage.name_of(index.folder),
        phases=phases,
        skip_empty=mix.skip_empty,
        max_synthetic_share=mix.max_synthetic_share,
        min_original_share=mix.min_original_share,
    )


def _largest(mix: Mix, index: Index) -> int:
    material = index.material()
    shares = pool_shares(mix, material.pools, material.available)[0]
    return largest(shares, capacities_of(mix, material.pools, material.available))


def read_manifest(folder: str) -> bytes:
    """The bytes of the manifest of the virtual mixture in a folder. Raises `UserError` where there is none."""
    path = storage.join(folder, MANIFEST)
    try:
        return storage.read(path)
    except FileNotFoundError as error:
        raise UserError("there is no virtual mixture", where=path, cure="make it: `rephrase mix run.yaml --virtual`") from error


def parse_manifest(data: bytes, path: str) -> Manifest:
    """A manifest of its bytes. Raises `UserError` where they are none."""
    try:
        content = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise UserError(
            f"this is no JSON: {error}", where=path, cure="mend it, or make it again: `rephrase mix run.yaml --virtual`"
        ) from error
    manifest: Manifest = validate(Manifest, content, path)
    return manifest


def begin_phase(folder: str, begins: int, components: Sequence[Mapping[str, Any]], tokens: int | None = None) -> None:
    """Other shares from a position on: end the phase that gives it there, and begin another of so many tokens.

    begins: tokens of the mixture before the phase. components: as in run.yaml, of those that the mixture has. Phases that would have begun
    there or later are left out. Programs that read the mixture go on with the new phase when they come to it. Raises `UserError` where the
    texts do not suffice.
    """
    where = storage.join(folder, MANIFEST)
    manifest = parse_manifest(read_manifest(folder), where)
    index = open_index(storage.join(folder, manifest.index))
    starts = manifest.schedule(index, where).begins
    kept = [phase for phase, start in zip(manifest.phases, starts, strict=False) if start == 0 or start < begins]
    phase = validate(VirtualPhase, {"from": begins, "tokens": tokens, "components": list(components)}, where)
    changed, _ = manifest.model_copy(update={"phases": [*kept, phase]}).planned(index, where)
    changed.write(folder)
