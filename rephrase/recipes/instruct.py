"""Self-Instruct and Alpaca: instructions that a model makes from a pool of examples, round by round (sources: instruct.yaml)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import Field
from typing_extensions import override

from rephrase.engines.base import Completion, Sampling
from rephrase.recipes.base import TRUNCATED, Answer, Numbered, Output, Paper, Parsed, Prompt, Recipe, Row
from rephrase.recipes.instances import NO_INPUT, TASKS_OF_A_PROMPT, Instances, Kinds, as_training_text
from rephrase.recipes.pools import Pool, PoolRows, Rules, SeedTask, accept, draw, read_seeds
from rephrase.recipes.prompts import fill, flow_prompts
from rephrase.recipes.registry import recipe
from rephrase.recipes.sections import SamplingSection
from rephrase.recipes.template import fields_of
from rephrase.records import content_id
from rephrase.settings.paths import File
from rephrase.settings.section import Section
from rephrase.text.labels import Labels
from rephrase.text.tokenizer import Tokenizer

_TASK_LINE = re.compile(r"[\s*_#>]{0,12}+(?:task\s{0,4})?(\d{1,3})[*_]{0,3}[.:)][\s*_]{0,8}(\S.*)", re.IGNORECASE)
_PARTS = ("instruction", "input", "output")
_ALPACA = Labels(_PARTS)
_OWN = 2  # of the tasks that a prompt of Self-Instruct shows, those of earlier rounds


class Options(Section):
    """Options of the recipes `self_instruct` and `alpaca`. No documents are needed."""

    seeds: File | None = None
    """JSONL of seed tasks, such as Self-Instruct's own 175. Default: a small list of ours."""
    target: int = Field(default=1000, ge=1)
    """Instructions of a pool at which the rounds end."""
    rounds: int = Field(default=4, ge=1, le=50)
    """Rounds in which a pool grows, at most."""
    prompts_per_round: int = Field(default=100, ge=1)
    """Prompts of a round, for each pool."""
    pools: int = Field(default=1, ge=1)
    """Pools that grow side by side, each in one Spark task."""


@recipe("self_instruct/tasks", Options, file="instruct")
def _build_self_instruct(options: Options, sampling: SamplingSection) -> Recipe:
    texts = flow_prompts("instruct")
    seeds = read_seeds(options.seeds)
    base = sampling.over(Sampling(max_tokens=1024, temperature=0.7, top_p=0.5, presence_penalty=2.0))
    prompts = texts["self_instruct"]
    rounds = tuple(TaskRound(n, seeds, options, rules(), base, prompts["tasks"].strip()) for n in range(options.rounds))
    names = tuple(step.name for step in rounds)
    kinds = Kinds(prompts["classify"].strip(), names, sampling=Sampling(max_tokens=64, temperature=0.0))
    examples = Instances(
        Sampling(max_tokens=1024, temperature=0.7, top_p=0.9), prompts["output_first"].strip(), prompts["input_first"].strip()
    )
    rows = PoolRows("self_instruct/tasks", seeds, options.pools)
    summary = "New instructions from a pool of seeds that grows in rounds, each with examples. No documents are needed."
    return Recipe("self_instruct/tasks", Paper(**texts["papers"]["self_instruct"]), (*rounds, kinds, examples), summary, rows)


@recipe("alpaca/tasks", Options, file="instruct")
def _build_alpaca(options: Options, sampling: SamplingSection) -> Recipe:
    texts = flow_prompts("instruct")
    seeds = read_seeds(options.seeds)
    base = sampling.over(Sampling(max_tokens=3072, temperature=1.0, top_p=1.0, stop=("\n20.", "20.")))
    rounds = tuple(AlpacaRound(n, seeds, options, rules(alpaca=True), base, texts["alpaca"].strip()) for n in range(options.rounds))
    rows = PoolRows("alpaca/tasks", seeds, options.pools)
    summary = "Instructions with input and output, twenty a call, from a pool of seeds that grows in rounds. No documents are needed."
    return Recipe("alpaca/tasks", Paper(**texts["papers"]["alpaca"]), rounds, summary, rows)


def rules(*, alpaca: bool = False) -> Rules:
    """The rules of instruct.yaml: Self-Instruct's, or Alpaca's."""
    limits = flow_prompts("instruct")["rules"]
    unserved = (*limits["unserved"], *(limits["unserved_in_alpaca"] if alpaca else ()))
    return Rules(limits["fewest_words"], limits["most_words"], limits["similar"], unserved, tuple(limits["starts"]))


@dataclass(frozen=True)
class _Round(Numbered):
    """One round of prompts for a pool."""

    number: int
    seeds: tuple[SeedTask, ...]
    options: Options
    rules: Rules
    sampling: Sampling
    prompt: str
    kind = "round"

    @property
    @override
    def load(self) -> str:
        return f"{self.options.prompts_per_round} for each pool, until it holds {self.options.target}"

    def _tasks(self, row: Row) -> list[Mapping[str, Any]]:
        """Tasks that earlier rounds let in."""
        return [fields_of(task) for n in range(self.number) for task in row.good(f"round{n}")]

    def _faults(self, row: Row, candidates: Sequence[str]) -> list[str | None]:
        pool = Pool(self.rules.similar)
        for text in (*(seed.instruction for seed in self.seeds), *(task["instruction"] for task in self._tasks(row))):
            pool.add(text)
        return list(accept(candidates, pool, self.rules))

    @override
    def describe(self) -> dict[str, Any]:
        seeds = content_id(*(part for seed in self.seeds for part in (seed.instruction, seed.input, seed.output)))
        description = {"number": self.number, "seeds": seeds, "rules": [*map(str, vars(self.rules).values())], "prompt": self.prompt}
        return {**description, "options": self.options.model_dump(exclude={"seeds"}), "sampling": self.sampling.fields()}

    @override
    def shown(self) -> dict[str, Any]:
        return {**self.describe(), "rules": asdict(self.rules)}


@dataclass(frozen=True)
class TaskRound(_Round):
    """Instructions alone, eight to each prompt's eight examples. The paper's code drops a cut completion whole."""

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        own = [task["instruction"] for task in self._tasks(row)]
        if len(own) >= self.options.target:
            return
        for number in range(self.options.prompts_per_round):
            seed = content_id(row.document.id, self.name, str(number))
            examples = draw([task.instruction for task in self.seeds], own, TASKS_OF_A_PROMPT - _OWN, _OWN, seed)
            listing = "\n".join(f"{place}. {' '.join(text.split())}" for place, text in enumerate(examples, 1))
            text = fill(self.prompt, {"examples": listing, "first": str(len(examples) + 1), "last": str(2 * len(examples))})
            yield Prompt.from_user(text, row.span, self.sampling, str(number))

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del prompt, tokenizer
        if completion.finish_reason == "length":
            return Parsed(error=TRUNCATED)
        instructions = [match.group(2).rstrip() for line in completion.text.splitlines() if (match := _TASK_LINE.match(line))]
        return Parsed(fields={"instructions": instructions}) if instructions else Parsed(error="parse:no_items")

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        places = [(answer, part, text) for answer in answers for part, text in enumerate(answer.parsed.fields.get("instructions", ()))]
        faults = self._faults(row, [text for _, _, text in places])
        for (answer, part, text), fault in zip(places, faults, strict=True):
            yield Output(answer, Parsed(error=f"rejected:{fault}" if fault else None, fields={"instruction": text}), part)
        yield from (Output(answer, answer.parsed) for answer in answers if answer.parsed.error)


@dataclass(frozen=True)
class AlpacaRound(_Round):
    """Tasks with input and output, twenty a call."""

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        if len(self._tasks(row)) >= self.options.target:
            return
        by_text = {seed.instruction: seed for seed in self.seeds}
        for number in range(self.options.prompts_per_round):
            examples = [by_text[text] for text in draw(list(by_text), [], 3, 0, content_id(row.document.id, self.name, str(number)))]
            listing = "\n###\n".join(_as_alpaca(place, task) for place, task in enumerate(examples, 1))
            text = fill(self.prompt, {"examples": f"{listing}\n###"})
            yield Prompt.from_user(text, row.span, self.sampling, str(number))

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del prompt, tokenizer
        blocks = re.split("###", completion.text)
        if completion.finish_reason == "length":
            blocks.pop()
        tasks = [task for block in blocks if (task := _from_alpaca(block))]
        return Parsed(fields={"tasks": tasks}) if tasks else Parsed(error="parse:no_items")

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        places = [(answer, part, task) for answer in answers for part, task in enumerate(answer.parsed.fields.get("tasks", ()))]
        faults = self._faults(row, [task["instruction"] for _, _, task in places])
        for (answer, part, task), fault in zip(places, faults, strict=True):
            yield Output(answer, Parsed(error=f"rejected:{fault}", fields=task) if fault else as_training_text(task), part)
        yield from (Output(answer, answer.parsed) for answer in answers if answer.parsed.error)


def _as_alpaca(number: int, task: SeedTask) -> str:
    return f"{number}. Instruction: {task.instruction}\n{number}. Input:\n{task.input or '<noinput>'}\n{number}. Output:\n{task.output}"


def _from_alpaca(block: str) -> dict[str, str] | None:
    parts: list[list[str]] = []
    for line in block.splitlines():
        label = _ALPACA.read(line)
        if label and len(parts) < len(_PARTS) and label.name == _PARTS[len(parts)]:
            parts.append([label.rest])
        elif label and label.name == _PARTS[0]:
            return None  # another task, and no sign between the two
        elif parts:
            parts[-1].append(line)
    if len(parts) != len(_PARTS):
        return None
    instruction, input_text, output = ("\n".join(lines).strip() for lines in parts)
    return (
        {"instruction": instruction, "input": "" if input_text.lower() in NO_INPUT else input_text, "output": output}
        if instruction and output
        else None
    )
