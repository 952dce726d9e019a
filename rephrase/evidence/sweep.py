"""Trains a proxy model on each mixture with each seed, and adds a row of results after each: a sweep that was killed goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rephrase import storage
from rephrase.errors import UserError
from rephrase.evidence.held_out import HeldOut
from rephrase.evidence.packed_sequences import Block, PackedExport, open_packed, read_first, repeated
from rephrase.evidence.results import BITS, SETTINGS, Row, read_rows, write_rows
from rephrase.evidence.sizes import Schedule, Size
from rephrase.evidence.swarm import PACKED, Swarm, is_swarm, load_swarm, sequences_of
from rephrase.evidence.training import Measured, Progress, Trial, train
from rephrase.records import content_id


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mixture to train on: one of a swarm, or a whole packed export. shares: by component; none of an export."""

    name: str
    shares: dict[str, float]
    export: PackedExport
    swarm: Swarm | None = None

    @property
    def tokens(self) -> int:
        """As many as there are of it."""
        return self.swarm.tokens if self.swarm else self.export.length * sum(shard.sequences for shard in self.export.shards)

    def block(self, tokens: int) -> tuple[Block, dict[str, float]]:
        """Its sequences, and how often what is read more than once is read, by component."""
        if self.swarm:
            mixture = next(mixture for mixture in self.swarm.mixtures if mixture.name == self.name)
            return sequences_of(self.swarm, mixture, self.export, tokens)
        count = max(1, tokens // self.export.length)
        there = read_first(self.export.shards, count, self.export.length)
        return repeated(there, count), {self.name: count / len(there)} if 0 < len(there) < count else {}


def candidates_in(folders: Sequence[str]) -> list[Candidate]:
    """The mixtures of folders: those of a swarm, or the whole of a packed export. Raises `UserError` where they are not packed alike."""
    found: list[Candidate] = []
    for folder in folders:
        if is_swarm(folder):
            swarm, export = load_swarm(folder), open_packed(storage.join(folder, PACKED))
            found += [Candidate(mixture.name, swarm.shares_of(mixture), export, swarm) for mixture in swarm.mixtures]
        else:
            found.append(Candidate(folder.rstrip("/"), {}, open_packed(folder)))
    first = found[0].export
    for candidate in found:
        other = candidate.export
        if (other.tokenizer, other.length) != (first.tokenizer, first.length):
            what = f"it has sequences of {other.length} tokens of {other.tokenizer}, and {first.folder} {first.length} of {first.tokenizer}"
            raise UserError(what, where=other.folder, cure="export both alike: figures of other sequences do not compare")
    names = [candidate.name for candidate in found]
    for name in names:
        if names.count(name) > 1:
            raise UserError(
                f"two mixtures are called `{name}`", where="rephrase proxy", cure="give each folder once, and one swarm at a time"
            )
    return found


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is trained, on what, and where its results and checkpoints go. checkpoints: a local folder, or None for none."""

    candidates: Sequence[Candidate]
    seeds: Sequence[int]
    size: Size
    tokens: int
    schedule: Schedule
    held_out: Sequence[HeldOut]
    results: str
    checkpoints: str | None
    device: str

    @property
    def settings(self) -> str:
        """Names all that figures depend on beside the mixture and the seed: rows with another do not compare."""
        export = self.candidates[0].export
        held = [held.digest for held in self.held_out]
        return content_id(str(self.size), str(self.tokens), str(self.schedule), str(export.length), export.tokenizer, *held)[:12]

    def rows(self) -> list[Row]:
        """The rows that are there. Raises `UserError` where other settings made one."""
        rows = read_rows(self.results)
        for row in rows:
            if row.notes.get(SETTINGS, self.settings) != self.settings:
                what = f"the row of `{row.mixture}` was made with other settings (size, tokens, batch, learning rate or held-out documents)"
                raise UserError(what, where=self.results, cure="repeat those settings, or name another file by --results")
        return rows

    def missing(self) -> list[tuple[Candidate, int]]:
        """The trainings that have no row yet: all mixtures with the first seed, then all with the next."""
        done = {(row.mixture, row.seed) for row in self.rows()}
        return [(candidate, seed) for seed in self.seeds for candidate in self.candidates if (candidate.name, str(seed)) not in done]


@dataclass(frozen=True, slots=True)
class Done:
    """A training that has a row now. epochs: of what was read more than once."""

    candidate: Candidate
    seed: int
    measured: Measured
    epochs: dict[str, float]


def run_sweep(sweep: Sweep, progress: Callable[[Candidate, int], Progress]) -> Iterator[Done]:
    """Do what is missing, one after the other. `progress` gives what is told of each training's steps."""
    for candidate, seed in sweep.missing():
        block, epochs = candidate.block(sweep.tokens)
        export = candidate.export
        trial = Trial(sweep.size, export.vocabulary, export.eod, block, sweep.schedule, seed)
        path = None
        if sweep.checkpoints:
            path = os.path.join(sweep.checkpoints, f"{content_id(sweep.settings, candidate.name, str(seed))[:16]}.pt")
        measured = train(trial, sweep.held_out, sweep.device, path, progress(candidate, seed))
        row = Row(
            candidate.name,
            str(seed),
            candidate.shares,
            {f"{BITS}{name}": bits for name, bits in measured.bits_per_byte.items()},
            {
                "size": sweep.size.name,
                "parameters": str(measured.parameters),
                "tokens": str(block.tokens.size),
                "loss": f"{measured.loss:.4f}",
                "seconds": f"{measured.seconds:.0f}",
                SETTINGS: sweep.settings,
            },
        )
        others = [other for other in sweep.rows() if (other.mixture, other.seed) != (row.mixture, row.seed)]
        write_rows(sweep.results, [*others, row])
        if path and os.path.exists(path):
            os.remove(path)
        yield Done(candidate, seed, measured, epochs)
