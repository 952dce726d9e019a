"""Our rewrite stage on Spark against raw `vllm.LLM.generate`: the same prompts, the same model, the same machine, in turn.

    python bench/rewrite.py                       a tiny random model, made on the spot
    python bench/rewrite.py --model FOLDER        any model; --prompts and --tokens set the load

Outputs have a fixed length, so that both sides write the same number of tokens. Timed is the work alone: engines and the Spark
session are up and warm before the clock starts, and stay up, so that the sides take turns and a machine whose speed drifts tells the same
of both. Our side includes everything from reading the documents table to the committed Parquet. On a GPU, which both engines
share, each takes 45% of its memory. The last line is `rewrite ratio R`, the median of the pairs' ratios, ours over raw in output
tokens a second.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from rephrase.engines.base import Message
    from rephrase.recipes.base import Recipe
    from rephrase.spark.runtime.session import LazySession

Side = Callable[[], float]  # one timed run; returns output tokens a second
ROOT = Path(__file__).resolve().parent.parent
WORDS = "the tide of sea and moon rises falls slowly under a clear northern sky while boats wait in harbour for water to return".split()  # noqa: SIM905  # a sentence is easier to read than a list

RAW = """
import json, sys, time
from vllm import LLM, SamplingParams

def main():
    work = json.load(open(sys.argv[1]))
    llm = LLM(model=work["model"], disable_log_stats=True, **work["engine"])
    sampling = SamplingParams(max_tokens=work["tokens"], ignore_eos=True, temperature=work["temperature"], top_p=work["top_p"])
    prompts = [{"prompt_token_ids": ids} for ids in work["prompts"]]
    for _ in sys.stdin:  # a line for each run
        started = time.perf_counter()
        outputs = llm.generate(prompts, sampling, use_tqdm=False)
        seconds = time.perf_counter() - started
        print("RAW", sum(len(o.outputs[0].token_ids) for o in outputs) / seconds, flush=True)

if __name__ == "__main__":  # vLLM starts its engine as a process that imports this file again
    main()
"""


def main() -> None:
    """Run both sides and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a model folder (default: a tiny random Llama)")
    parser.add_argument("--prompts", type=int, default=2048)
    parser.add_argument("--tokens", type=int, default=128, help="output tokens of each prompt")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of each side, in turn")
    parser.add_argument("--cores", type=int, default=2, help="Spark tasks at a time")
    add_sampling(parser)
    options = parser.parse_args()
    sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(ROOT / "bench"))]  # a library is called `catalogue`, too
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model = options.model or str(tiny(folder / "tiny-model"))
        prompts = documents(folder, model, options)
        with raw_vllm(folder, model, prompts, options) as theirs, our_stage(folder, model, options) as ours:
            ratio = in_turn("raw LLM.generate", theirs, ours, options.repeats)
    print(f"rewrite ratio {ratio:.3f}")


def in_turn(name: str, theirs: Side, ours: Side, repeats: int) -> float:
    """Time both sides in turn and print their rates. Returns the median of the pairs' ratios, ours over theirs."""
    pairs = []
    for _ in range(repeats):
        pairs.append((theirs(), ours()))
        print(f"{name} {pairs[-1][0]:,.0f} tokens/s, rewrite stage {pairs[-1][1]:,.0f} tokens/s", flush=True)
    return statistics.median(mine / other for other, mine in pairs)


def add_sampling(parser: argparse.ArgumentParser) -> None:
    about = "plain: temperature 1, top_p 1; recipe: WRAP's own, whose top_p makes a CPU sort the vocabulary for each token (default: plain)"
    parser.add_argument("--sampling", choices=("plain", "recipe"), default="plain", help=about)


def tiny(folder: Path) -> Path:
    from tests.tiny_model import make_tiny_model

    return make_tiny_model(folder)


def _use(options: argparse.Namespace) -> dict[str, object]:
    plain = {"temperature": 1.0, "top_p": 1.0} if options.sampling == "plain" else {}
    return {"use": "wrap/medium", "sampling": {"max_tokens": options.tokens, "ignore_eos": True, **plain}}


def recipe(options: argparse.Namespace) -> Recipe:
    """What both sides run."""
    from rephrase.recipes.catalogue import recipes_of
    from rephrase.recipes.use import RecipeUse

    [recipe_of_run] = recipes_of([RecipeUse.model_validate(_use(options))])
    return recipe_of_run


def documents(folder: Path, model: str, options: argparse.Namespace) -> list[tuple[Message, ...]]:
    """Write a documents table of one-passage documents. Returns the prompts.

    Each task has one unit: by default real ones hold 500,000 tokens, 1,600 passages and more. A unit's last requests leave the engine
    half empty where no other task is there to fill it, so that many small units would measure their tails and little else.
    """
    from rephrase.names import DocumentsName
    from rephrase.notes import DocumentsNote
    from rephrase.recipes.base import Row
    from rephrase.records import DOCUMENT, Document, content_id
    from rephrase.spark.stages.base import Tables
    from rephrase.spark.stages.ledger import claim
    from rephrase.spark.stages.meaning import Meaning
    from rephrase.storage import tables
    from rephrase.text.tokenizer import Tokenizer

    shuffle = random.Random(0)
    texts = [f"Note {i}. " + " ".join(shuffle.choices(WORDS, k=60)).capitalize() + "." for i in range(options.prompts)]
    rows: list[dict[str, Any]] = [
        {"id": content_id(text), "text": text, "source": "bench", "n_tokens": 0, "synthetic_depth": 0} for text in texts
    ]
    table = pa.Table.from_pylist(rows, schema=DOCUMENT)
    group = max(256, options.prompts // options.cores)
    groups = [min(group, options.prompts - at) for at in range(0, options.prompts, group)]
    for run in range(options.repeats + 1):
        documents = folder / f"run{run}" / "documents"
        tables.commit(str(documents / str(DocumentsName(0))), table, DocumentsNote(documents=len(rows)), groups)
        claim(str(documents), Tables.DOCUMENTS, Meaning({"bench": run}))
    counter, step = Tokenizer.load(model), recipe(options).steps[0]
    return [prompt.messages for row in rows for prompt in step.prompts(Row(Document(row["id"], row["text"])), counter)]


def engine_settings(options: argparse.Namespace) -> dict[str, object]:
    share = {"gpu_memory_utilization": 0.45} if shutil.which("nvidia-smi") else {}
    return {"max_model_len": 1024 + options.tokens, **share}


def of_our_server(model: str) -> tuple[dict[str, object], dict[str, str]]:
    """What our own server is started with on a processor: arguments of `LLM`, and the environment. The same engine shall be measured."""
    from rephrase.engines.vllm.engine import launch
    from rephrase.engines.vllm.settings import VllmSettings

    ours = launch(VllmSettings(kind="vllm", model=model))
    arguments: dict[str, object] = {"enforce_eager": True} if "--enforce-eager" in ours.arguments else {}
    if "--dtype" in ours.arguments:
        arguments["dtype"] = ours.arguments[ours.arguments.index("--dtype") + 1]
    return arguments, {**os.environ, **dict(ours.environment)}


@contextlib.contextmanager
def raw_vllm(folder: Path, model: str, prompts: list[tuple[Message, ...]], options: argparse.Namespace) -> Iterator[Side]:
    """vLLM without anything of ours, up and warm."""
    from rephrase.engines.prompts import ChatPrompter

    prompter = ChatPrompter(model, {})
    arguments, environment = of_our_server(model)
    sampling = recipe(options).steps[0].sampling  # type: ignore[attr-defined]  # a PassageStep
    work, script, errors = folder / "raw.json", folder / "raw.py", folder / "raw.log"
    work.write_text(
        json.dumps(
            {
                "model": model,
                "prompts": [prompter.token_ids(messages) for messages in prompts],
                "tokens": options.tokens,
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "engine": {**engine_settings(options), **arguments},
            }
        )
    )
    script.write_text(RAW)
    with open(errors, "wb") as log:
        command = [sys.executable, str(script), str(work)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None, "a pipe"
    assert stdout is not None, "a pipe"

    def once() -> float:
        stdin.write("again\n")
        stdin.flush()
        line = next((line for line in stdout if line.startswith("RAW ")), None)
        if line is None:
            sys.exit(f"raw vLLM failed:\n{errors.read_text()[-3000:]}")
        return float(line[4:])

    try:
        once()
        yield once
    finally:
        stdin.close()  # its last run is over: it ends by itself
        process.wait()


def run_stage(session: LazySession, output: Path, model: str, options: argparse.Namespace, engine: Mapping[str, object]) -> float:
    """One run of the rewrite stage on the documents of `output`. Returns output tokens a second."""
    from rephrase.config.run import Run
    from rephrase.notes import GenerationsNote
    from rephrase.settings.validation import validate
    from rephrase.spark.stages.rewrite.stage import rewrite_stage
    from rephrase.storage import tables

    data = {
        "output": str(output),
        "input": {"paths": "unused"},
        "tokenizer": model,
        "engine": {"kind": "vllm", "model": model, **engine},
        "recipes": [_use(options)],
    }
    run = validate(Run, data, "bench")
    started = time.perf_counter()
    rewrite_stage(run, session)
    seconds = time.perf_counter() - started
    footers = tables.footers(tables.objects(str(output / "generations")), GenerationsNote)
    tokens = sum(footer.note.completion_tokens for footer in footers)
    if tokens != options.prompts * options.tokens:
        sys.exit(f"{tokens} tokens written, {options.prompts * options.tokens} expected")
    return float(tokens / seconds)


@contextlib.contextmanager
def our_stage(folder: Path, model: str, options: argparse.Namespace) -> Iterator[Side]:
    """Our rewrite stage, its engine and Spark up and warm. Each run has its own copy of the documents."""
    from rephrase.config.run import Spark
    from rephrase.spark.runtime.session import LazySession

    session = LazySession(Spark(), f"local[{options.cores}]")
    numbers = itertools.count()

    def once() -> float:
        return run_stage(session, folder / f"run{next(numbers)}", model, options, engine_settings(options))

    try:
        once()  # starts the engine
        yield once
    finally:
        session.stop()


if __name__ == "__main__":
    main()
