"""Our rewrite stage against datatrove's InferenceRunner: the same vLLM, model, prompts and machine, in turn.

    python bench/rewrite_peers.py [--model FOLDER] [--prompts 2048] [--tokens 128] [--repeats 3]

Both sides write the same number of tokens. datatrove talks to a vLLM server that this script starts for it with the settings of ours (its
own start calls a console script that vLLM's build for CPUs does not have); its clock starts with its first document and ends when
its writer has closed. Ours is the whole stage, from the documents table to committed Parquet, as in bench/rewrite.py. Both are warm, stay
up and take turns. The last line is `rewrite_peers ratio R`, the median of the pairs' ratios, ours over theirs in output tokens a second.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(ROOT / "bench"))]  # a library is called `catalogue`, too

from bench.rewrite import Side, add_sampling, documents, engine_settings, in_turn, our_stage, recipe, tiny  # noqa: E402  # the path comes first


@contextlib.contextmanager
def datatrove(folder: Path, model: str, messages: Sequence[list[dict[str, str]]], options: argparse.Namespace) -> Iterator[Side]:
    """datatrove's runner and a vLLM server for it, up and warm."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = [f"--{key.replace('_', '-')}={value}" for key, value in engine_settings(options).items()]
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", model, "--port", str(port), *settings]
    environment = {"VLLM_CPU_KVCACHE_SPACE": "2", **os.environ}  # as our own server has it
    started = time.perf_counter()
    with open(folder / "server.log", "wb") as log:
        arguments = [*command, "--generation-config", "vllm", "--performance-mode", "throughput", "--disable-uvicorn-access-log"]
        server = subprocess.Popen(arguments, stdout=log, stderr=log, env=environment, start_new_session=True)
    try:
        while not _answers(f"http://127.0.0.1:{port}/health"):
            if server.poll() is not None:
                sys.exit((folder / "server.log").read_text()[-3000:])
            time.sleep(0.5)
        print(f"vLLM server up after {time.perf_counter() - started:.0f} s")
        url = f"http://127.0.0.1:{port}"
        numbers = itertools.count()

        def once() -> float:
            return _infer(folder / f"theirs{next(numbers)}", url, model, messages, options)

        once()
        yield once
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310  # our own server
            return bool(response.status == 200)
    except OSError:
        return False


def _infer(folder: Path, url: str, model: str, messages: Sequence[list[dict[str, str]]], options: argparse.Namespace) -> float:
    from datatrove.data import Document
    from datatrove.executor.local import LocalPipelineExecutor
    from datatrove.pipeline.inference.run_inference import InferenceConfig, InferenceRunner
    from datatrove.pipeline.writers import JsonlWriter

    step: Any = recipe(options).steps[0]  # of a family file, which has one sampling
    sampling = step.sampling
    parameters = {"max_tokens": options.tokens, "temperature": sampling.temperature, "top_p": sampling.top_p, "ignore_eos": True}
    first: list[float] = []

    async def rollout(document: Document, generate: Any) -> Any:
        if not first:
            first.append(time.perf_counter())
        return await generate({"messages": json.loads(document.text), **parameters})

    config = InferenceConfig(server_type="endpoint", model_name_or_path=model, endpoint_url=url, use_chat=True)
    runner = InferenceRunner(rollout, config, JsonlWriter(str(folder / "out"), compression=None))
    source = [Document(text=json.dumps(turns), id=str(number)) for number, turns in enumerate(messages)]
    LocalPipelineExecutor(pipeline=[source, runner], logging_dir=str(folder / "logs"), skip_completed=False).run()
    seconds = time.perf_counter() - first[0]
    rows = [json.loads(line) for path in (folder / "out").rglob("*.jsonl") for line in path.read_bytes().split(b"\n") if line]
    tokens = sum(result["usage"]["completion_tokens"] for row in rows for result in row["metadata"]["rollout_results"])
    if len(rows) != len(messages) or tokens != len(messages) * options.tokens:
        sys.exit(f"datatrove wrote {len(rows)} of {len(messages)} documents and {tokens} tokens")
    return float(tokens / seconds)


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
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model = options.model or str(tiny(folder / "tiny-model"))
        prompts = documents(folder, model, options)
        messages = [[{"role": message.role, "content": message.content} for message in turns] for turns in prompts]
        with datatrove(folder, model, messages, options) as theirs, our_stage(folder, model, options) as ours:
            ratio = in_turn("datatrove InferenceRunner", theirs, ours, options.repeats)
    print(f"rewrite_peers ratio {ratio:.3f}")


if __name__ == "__main__":
    main()
