"""Pools of instructions: Self-Instruct and Alpaca grow one in rounds, and let in only what differs from all that is there."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any

import orjson
from typing_extensions import override

from rephrase import storage
from rephrase.errors import UserError
from rephrase.recipes.base import RowSource
from rephrase.records import Document, content_id

_TOKEN = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True)
class SeedTask:
    """A task with an example of it."""

    instruction: str
    input: str = ""
    output: str = ""


@dataclass(frozen=True)
class PoolRows(RowSource):
    """Pools as rows: each holds the seeds, and grows on its own, so that several executors can work."""

    recipe: str
    seeds: tuple[SeedTask, ...]
    pools: int = 1

    @override
    def documents(self) -> Iterator[Document]:
        text = "\n".join(seed.instruction for seed in self.seeds)
        for number in range(self.pools):
            yield Document(content_id(self.recipe, str(number), text), text, source=f"rows:{self.recipe}", metadata={"pool": str(number)})

    @override
    def named(self, recipe: str) -> PoolRows:
        return replace(self, recipe=recipe)

    @override
    def describe(self) -> Any:
        return [content_id(*(part for seed in self.seeds for part in (seed.instruction, seed.input, seed.output))), self.pools]


def read_seeds(path: str | None) -> tuple[SeedTask, ...]:
    """Seed tasks: JSONL as Self-Instruct publishes them (`instruction`, `instances`), or with `input` and `output`. Default: ours.

    Raises `UserError` with the line of what is wrong.
    """
    where = path or "lists/seed_tasks.jsonl"
    try:
        text = storage.read(path).decode() if path else files("rephrase.recipes").joinpath(where).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(
            "there is no such file of seed tasks", where=where, cure="JSONL with `instruction`, and `instances` or `output`"
        ) from error
    seeds = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            data = orjson.loads(line)
            example = data["instances"][0] if data.get("instances") else data
            seeds.append(SeedTask(data["instruction"].strip(), str(example.get("input") or ""), str(example.get("output") or "")))
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise UserError(
                f"not a seed task: {error}", where=f"{where}, line {number}", cure="see Self-Instruct's seed_tasks.jsonl"
            ) from error
    if not seeds:
        raise UserError("there are no seed tasks", where=where, cure="give at least eight")
    return tuple(seeds)


@dataclass(frozen=True)
class Rules:
    """What an instruction must be to enter a pool; see instruct.yaml."""

    fewest_words: int
    most_words: int
    similar: float
    unserved: tuple[str, ...]
    starts: tuple[str, ...]

    def fault(self, instruction: str) -> str | None:
        """The rule that the instruction breaks, or None."""
        words = instruction.split()
        if len(words) < self.fewest_words:
            return "too_short"
        if len(words) > self.most_words:
            return "too_long"
        lowered = instruction.lower()
        if any(re.search(rf"\b{re.escape(word)}\b", lowered) for word in self.unserved):
            return "unserved"
        if lowered.startswith(self.starts):
            return "start"
        first = instruction[0]
        return None if first.isascii() and first.isalnum() else "first_character"


@dataclass
class Pool:
    """Instructions that are in, by the tokens that ROUGE-L compares."""

    similar: float
    _tokens: list[list[str]] = field(default_factory=list)

    def add(self, instruction: str) -> None:
        """Let an instruction in."""
        self._tokens.append(rouge_tokens(instruction))

    def nearest(self, instruction: str) -> float:
        """The greatest ROUGE-L of the instruction to any in the pool, or the first found above the limit."""
        tokens = rouge_tokens(instruction)
        places: dict[str, int] = {}
        for place, token in enumerate(tokens):
            places[token] = places.get(token, 0) | 1 << place
        best = 0.0
        for other in self._tokens:
            longest = min(len(tokens), len(other))
            total = len(tokens) + len(other)
            if not total or 2 * longest / total <= best:  # not even if one were a part of the other
                continue
            best = max(best, 2 * common_length(places, len(tokens), other) / total)
            if best > self.similar:
                break
        return best


def rouge_tokens(text: str) -> list[str]:
    """Words as ROUGE sees them: lower-case letters and digits, unstemmed."""
    return _TOKEN.findall(text.lower())


def rouge_l(first: str, second: str) -> float:
    """ROUGE-L F measure of two texts, from the longest common subsequence of their words (Lin 2004)."""
    tokens, other = rouge_tokens(first), rouge_tokens(second)
    places: dict[str, int] = {}
    for place, token in enumerate(tokens):
        places[token] = places.get(token, 0) | 1 << place
    total = len(tokens) + len(other)
    return 2 * common_length(places, len(tokens), other) / total if tokens and other else 0.0


def common_length(places: dict[str, int], length: int, other: Sequence[str]) -> int:
    """Length of the longest common subsequence, a word at a time on the bits of one number (Hyyrö 2004)."""
    row = (1 << length) - 1
    every = row
    for token in other:
        matches = row & places.get(token, 0)
        row = ((row + matches) | (row - matches)) & every
    return length - row.bit_count()


def accept(candidates: Iterable[str], pool: Pool, rules: Rules) -> Iterator[str | None]:
    """For each candidate in order the rule that keeps it out, or None for those that come in."""
    for candidate in candidates:
        fault = rules.fault(candidate)
        if fault is None and pool.nearest(candidate) > pool.similar:
            fault = "similar"
        if fault is None:
            pool.add(candidate)
        yield fault


def draw(seeds: Sequence[str], own: Sequence[str], n_seeds: int, n_own: int, seed: str) -> list[str]:
    """Examples for a prompt: some of the machine's own where there are any, seeds for the rest, shuffled."""
    rng = random.Random(seed)  # not a secret
    own_examples = rng.sample(list(own), min(n_own, len(own)))
    examples = own_examples + rng.sample(list(seeds), min(n_seeds + n_own - len(own_examples), len(seeds)))
    rng.shuffle(examples)
    return examples
