"""One side of bench/gpu.py in a process of its own, which prints what it measured: `python bench/gpu_side.py raw|stage WORK.json`.

Each side starts its engine, warms it with an eighth of the prompts, and answers all of them once.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(ROOT / "bench"))]  # a library is called `catalogue`, too

WARM_UP = 8  # the part of the prompts that comes before the clock starts


def raw(work: dict[str, Any]) -> dict[str, Any]:
    """vLLM without anything of ours."""
    from rephrase.engines.prompts import ChatPrompter

    options = _options(work)
    prompter = ChatPrompter(work["model"], {})
    prompts: list[Any] = [{"prompt_token_ids": prompter.token_ids(turns)} for turns in _documents(work, "raw", options)]
    started = time.time()
    from vllm import LLM, SamplingParams

    llm = LLM(model=work["model"], load_format="dummy", disable_log_stats=True, **work["engine"], **work["raw"])
    ready = time.time()
    sampling = SamplingParams(max_tokens=options.tokens, ignore_eos=True, temperature=1.0)
    llm.generate(prompts[: len(prompts) // WARM_UP], sampling, use_tqdm=False)
    began = time.time()
    outputs = llm.generate(prompts, sampling, use_tqdm=False)
    ended = time.time()
    return {
        "start_seconds": ready - started,
        "began": began,
        "ended": ended,
        "prompt_tokens": sum(len(output.prompt_token_ids or ()) for output in outputs),
        "output_tokens": sum(len(output.outputs[0].token_ids) for output in outputs),
    }


def stage(work: dict[str, Any]) -> dict[str, Any]:
    """Our rewrite stage, from the documents table to committed Parquet, with its vLLM server and Spark."""
    from bench.rewrite import run_stage
    from rephrase.config.run import Spark
    from rephrase.engines.vllm import server_folder
    from rephrase.notes import GenerationsNote
    from rephrase.spark.runtime.session import LazySession
    from rephrase.storage import tables

    options = _options(work)
    few = argparse.Namespace(**{**vars(options), "prompts": options.prompts // WARM_UP})
    _documents(work, "warm", few)
    _documents(work, "stage", options)
    session = LazySession(Spark(), f"local[{options.cores}]")
    session.get()
    engine = {**work["engine"], "args": ["--load-format", "dummy", *work["args"]]}
    started = time.time()
    run_stage(session, Path(work["folder"], "warm", "run0"), work["model"], few, engine)
    folders = server_folder.server_folders(server_folder.base_folder())
    ready = max(status["at"] for status in map(server_folder.read_status, folders) if status.get("state") == "ready")
    began = time.time()
    output = Path(work["folder"], "stage", "run0")
    run_stage(session, output, work["model"], options, engine)
    ended = time.time()
    notes = [footer.note for footer in tables.footers(tables.objects(str(output / "generations")), GenerationsNote)]
    session.stop()
    return {
        "start_seconds": ready - started,
        "began": began,
        "ended": ended,
        "prompt_tokens": sum(note.prompt_tokens for note in notes),
        "output_tokens": sum(note.completion_tokens for note in notes),
    }


def _options(work: dict[str, Any]) -> argparse.Namespace:
    return argparse.Namespace(prompts=work["prompts"], tokens=work["tokens"], cores=work["cores"], sampling="plain", repeats=0)


def _documents(work: dict[str, Any], name: str, options: argparse.Namespace) -> list[Any]:
    from bench.rewrite import documents

    return documents(Path(work["folder"], name), work["model"], options)


if __name__ == "__main__":
    side, path = sys.argv[1:3]
    result = {"raw": raw, "stage": stage}[side](json.loads(Path(path).read_text(encoding="utf-8")))
    print("RESULT " + json.dumps(result), flush=True)
