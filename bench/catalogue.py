"""Every recipe on a fixed set of real passages through a real engine: what each step asks, what parses, what the checks keep.

    python bench/catalogue.py --model FOLDER [--recipes 'wrap/*' mind/debate] [--documents 6] [--tokens 512]
        [--input texts.jsonl] [--min-p 0.05] [--structured] [--out out/catalogue]

The passages are those of examples/catalogue, drawn in turn from each kind by a seed: mathematics, code, prose, dialogue, lists, poor pages.
Recipes of code get its code files, and those of long texts the documents of `--input` that have 2,500 tokens and more. Behind the passages
come the documents of `--input`, those of at most 1,000 tokens. `--structured` runs those
recipes whose answers can be held to JSON, and holds them. Recipes that need an answer beside the text get the passages with one, and behind
them the problems of examples/problems in the order of their file: 20 in all. Recipes with rows of their own get their first rows. All
share one engine. What is answered is kept below `--out`, so that the same command goes on where it was stopped, and a changed parser or
check is tried without asking again. With `--against` an earlier catalogue.json it fails where less parses or is kept than then. It writes
`catalogue.md`, a table with examples of what failed, and `catalogue.json`. The last line is `catalogue parsed P kept K`, the shares of all
completions.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import math
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.catalogue_table import falls, markdown, steps_of  # noqa: E402  # the path comes first
from rephrase.engines.base import Completion, Engine, Request  # noqa: E402

if TYPE_CHECKING:
    from rephrase.recipes.base import Recipe, Row, Step
    from rephrase.text.tokenizer import Tokenizer

PASSAGES = ROOT / "examples" / "catalogue"
MORE_PROBLEMS = ROOT / "examples" / "problems"
SEED = 1
LONGEST = 1000  # tokens of a further document: a processor reads some hundred a second
LONG = 2500  # tokens at least of one for recipes of long texts
AT_ONCE = 24  # recipes, so that the engine's batch stays full where a step has few prompts
# Where a recipe's documents are problems with an answer: the kind of passage that has them.
PROBLEMS = {"verified/choice": "choice", "verified/python": "code", "verified/*": "math", "tinygsm/*": "math", "thinking/errors": "math"}
# What a model of any size makes too much of, and an option without a default.
OPTIONS: dict[str, dict[str, Any]] = {
    "entigraph/relations": {"max_combinations": 3},
    "long/stitch": {"rewrites": 3},
    "translate/document": {"to": "fr", "check_back": 1},
    "translate/bilingual": {"to": "fr"},
    "verified/command": {"command": "python3 -c \"import os, sys; sys.exit(os.environ['EXPECTED'] not in sys.stdin.read())\""},
}


class Capped(Engine):
    """An engine that writes at most so many tokens, whatever a recipe allows: a small model that repeats itself would go on to the end.

    With `min_p` (a share of the likeliest token's probability) it draws by that where a recipe has a `top_p`.
    """

    def __init__(self, engine: Engine, tokens: int, min_p: float | None = None) -> None:
        self.model, self.batch_size, self.concurrency = engine.model, engine.batch_size, engine.concurrency
        self._engine, self._tokens, self._min_p = engine, tokens, min_p

    @property
    def identity(self) -> Any:  # type: ignore[override]  # known once it has answered
        return self._engine.identity

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        return await self._engine.complete([self._capped(request) for request in requests])

    async def close(self) -> None:
        await self._engine.close()

    def _capped(self, request: Request) -> Request:
        sampling = request.sampling
        if self._min_p is not None and sampling.top_p < 1:
            sampling = replace(sampling, top_p=1.0, min_p=self._min_p)
        return replace(request, sampling=replace(sampling, max_tokens=min(sampling.max_tokens, self._tokens)))


def main() -> None:
    """Run the recipes and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a model's folder or hub id")
    parser.add_argument("--recipes", nargs="+", default=["*"], help="names and patterns (default: all)")
    parser.add_argument("--documents", type=int, default=6, help="passages, or rows of its own, for each recipe")
    parser.add_argument("--input", nargs="+", default=[], help="files of further documents, in any format that a run reads")
    parser.add_argument("--structured", action="store_true", help="only recipes whose answers can be held to JSON, and hold them")
    parser.add_argument("--tokens", type=int, default=512, help="of a completion, at most")
    parser.add_argument("--context", type=int, default=4096, help="of the engine, in tokens")
    parser.add_argument("--min-p", type=float, help="instead of a recipe's top_p, for which vLLM on a processor sorts the vocabulary")
    parser.add_argument("--arg", action="append", default=[], help="of the vLLM server, such as --arg=--enforce-eager")
    parser.add_argument("--examples", type=int, default=2, help="of each way in which a step fails")
    parser.add_argument("--against", type=Path, help="an earlier catalogue.json, below whose shares no step may fall")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "catalogue")
    options = parser.parse_args()
    started = time.time()
    recipes = [shortened(recipe, options.tokens) for recipe in chosen(options.recipes, structured=options.structured)]
    tables = asyncio.run(answered(recipes, options))
    steps = [step for recipe in recipes for step in steps_of(recipe, *tables[recipe.name], examples=options.examples)]
    about = {"model": options.model.rstrip("/").rsplit("/", 1)[-1], "date": time.strftime("%Y-%m-%d"), "documents": options.documents}
    report = {**about, "tokens": options.tokens, "min_p": options.min_p, "seconds": round(time.time() - started, 1), "steps": steps}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "catalogue.json").write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")
    (options.out / "catalogue.md").write_text(markdown(report), encoding="utf-8")
    rows, parsed = (sum(step[name] for step in steps) for name in ("rows", "parsed"))
    judged, kept = (sum(step[name] for step in steps) for name in ("judged", "kept"))
    print(f"written to {options.out / 'catalogue.md'}")
    lower = falls(report, json.loads(options.against.read_text(encoding="utf-8"))) if options.against else []
    print("\n".join(lower))
    print(f"catalogue parsed {parsed / max(rows, 1):.3f} kept {kept / max(judged, 1):.3f}")
    sys.exit(1 if lower else 0)


def chosen(patterns: Sequence[str], *, structured: bool = False) -> list[Recipe]:
    """The recipes of the catalogue that these names and patterns stand for, with the options of this bench."""
    from rephrase.recipes.catalogue import catalogue, recipes_of
    from rephrase.recipes.lookup import matching
    from rephrase.recipes.use import RecipeUse

    wanted = {entry.name for pattern in patterns for entry in matching(pattern)} if patterns != ["*"] else set(catalogue())
    recipes = recipes_of([RecipeUse(use=name, options=OPTIONS.get(name, {})) for name in catalogue() if name in wanted])
    if not structured:
        return recipes
    held = [recipe.name for recipe in recipes if any(step.held_to_form().structured for step in recipe.steps)]
    return recipes_of([RecipeUse(use=name, options=OPTIONS.get(name, {}), structured=True) for name in held])


def shortened(recipe: Recipe, tokens: int) -> Recipe:
    """The recipe with steps that ask for so many tokens at most, where bounds of answers as JSON follow from that number."""
    from rephrase.recipes.template import TemplateStep

    def shorter(step: Step) -> Step:
        if not isinstance(step, TemplateStep) and not step.structured:
            return step
        changed: Any = step  # a dataclass with a sampling, as all of these are
        held: Step = replace(changed, sampling=replace(changed.sampling, max_tokens=min(changed.sampling.max_tokens, tokens)))
        return held

    return replace(recipe, steps=tuple(map(shorter, recipe.steps)))


async def answered(recipes: Sequence[Recipe], options: argparse.Namespace) -> dict[str, tuple[list[Row], list[Any]]]:
    """By recipe: the rows that it worked on, and a table of GENERATION rows for each of its steps."""
    from rephrase.engines.keeping import Keeping
    from rephrase.engines.settings import engine_of
    from rephrase.text.tokenizer import Tokenizer

    counter = Tokenizer.load(options.model)
    settings = engine_of({"kind": "vllm", "model": options.model, "max_model_len": options.context, "args": options.arg})
    settings.check(here=True)
    drawn = f"-min-p-{options.min_p:g}" if options.min_p is not None else ""
    capped = Capped(settings.open(), options.tokens, options.min_p)
    engine: Engine = Keeping(capped, str(options.out / f"answers-{options.tokens}{drawn}"))
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(recipe: Recipe) -> tuple[str, tuple[list[Row], list[Any]]]:
        async with turn:
            started = time.time()
            rows = rows_for(recipe, options.documents, counter, options.input)
            tables = await played(recipe, rows, engine, counter)
            print(f"{recipe.name}: {sum(map(len, tables))} rows, {time.time() - started:.0f} s", file=sys.stderr, flush=True)
            return recipe.name, (rows, tables)

    try:
        return dict(await asyncio.gather(*map(one, recipes)))
    finally:
        await engine.close()


async def played(recipe: Recipe, rows: list[Row], engine: Engine, counter: Tokenizer) -> list[Any]:
    """The recipe's steps, one after the other."""
    from rephrase.generation.loop import generate
    from rephrase.generation.rows import with_generations
    from rephrase.generation.step_run import StepRun
    from rephrase.recipes.related import with_related

    grown: Sequence[Row] = with_related(rows, recipe, counter)
    tables = []
    for step in recipe.steps:
        table, _ = await generate(grown, StepRun(recipe, step, counter, engine.model), engine)
        tables.append(table)
        grown = with_generations(grown, step.name, table)
    return tables


def rows_for(recipe: Recipe, number: int, counter: Tokenizer, files: Sequence[str] = ()) -> list[Row]:
    """The documents that a recipe works on."""
    from fnmatch import fnmatchcase

    from rephrase.recipes.base import Row

    if recipe.rows is not None:
        return [Row(document) for document in itertools.islice(recipe.rows.documents(), number)]
    kind = next((kind for pattern, kind in PROBLEMS.items() if fnmatchcase(recipe.name, pattern)), None)
    folder = PASSAGES / "files" if recipe.family == "code" else PASSAGES
    if recipe.family == "long":
        return [Row(document) for document in itertools.islice(_documents(files, counter, LONG, math.inf), number)]
    everything = itertools.chain(passages(counter, folder), _documents(files, counter) if kind is None else _more_problems(kind, counter))
    documents = [document for document in everything if kind is None or (document.source == kind and "answer" in document.metadata)]
    for document in documents[:number]:  # what a recipe asks for beside the text, such as its rewrite, is the text itself here
        document.metadata.update({name: document.text for step in recipe.steps for name in getattr(step, "metadata", ())})
    return [Row(document) for document in documents[:number]]


def passages(counter: Tokenizer, folder: Path = PASSAGES) -> Iterator[Any]:
    """The passages of a folder, examples/catalogue by default: one of each kind, then another of each, in an order that the seed draws."""
    draw = random.Random(SEED)
    kinds = []
    for path in sorted(folder.glob("*.jsonl")):
        entries = _entries(path)
        kinds.append(draw.sample(entries, len(entries)))
    for entry in (entry for several in itertools.zip_longest(*kinds) for entry in several if entry is not None):
        yield _document(entry, counter)


def _more_problems(kind: str, counter: Tokenizer) -> Iterator[Any]:
    for entry in _entries(MORE_PROBLEMS / f"{kind}.jsonl"):
        yield _document(entry, counter)


def _entries(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _document(entry: dict[str, str], counter: Tokenizer) -> Any:
    from rephrase.records import Document

    metadata = {"answer": entry["answer"]} if "answer" in entry else {}
    [tokens] = counter.count([entry["text"]])
    return Document(entry["id"], entry["text"], source=entry["source"], language="eng_Latn", n_tokens=tokens, metadata=metadata)


def _documents(files: Sequence[str], counter: Tokenizer, least: int = 0, most: float = LONGEST) -> Iterator[Any]:
    from rephrase import read_documents
    from rephrase.generation.rows import rows_of

    if files:
        documents = (row.document for row in rows_of(read_documents(files, counter.name), {}))
        yield from (document for document in documents if least <= document.n_tokens <= most)


if __name__ == "__main__":
    main()
