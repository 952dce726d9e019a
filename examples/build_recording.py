"""Stamps the recorded completions of the demo with the digests under which the replay engine finds them.

The files in `recorded/` name each completion by what a person sees (url, recipe, step, span, key, attempt); the digest of the
request depends on the wording of the prompt as well. After a change of prompts or pages:

    rephrase shard examples/run.yaml && python examples/build_recording.py

stamps all lines anew, and lists the prompts that have no recording with their full text. `--missing FILE` writes those as JSONL.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.engines.base import Request
from rephrase.generation.rows import rows_of
from rephrase.recipes.base import Prompt, Recipe, Row
from rephrase.recipes.catalogue import recipes_of
from rephrase.records import Generation
from rephrase.spark.stages.run_tables import documents_of
from rephrase.storage import tables
from rephrase.text.tokenizer import Tokenizer

HERE = Path(__file__).parent
Key = tuple[str, ...]


def main() -> None:
    """Stamp the recordings, and report what is missing or no longer asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--missing", help="write prompts without a recording there, as JSONL")
    options = parser.parse_args()
    run = load_run(str(HERE / "run.yaml"))
    recorded = {
        path: [orjson.loads(line) for line in path.read_bytes().splitlines()] for path in sorted((HERE / "recorded").glob("*.jsonl"))
    }
    lines = {key_of(line): line for several in recorded.values() for line in several}
    missing, used = stamp(run, lines)
    for path, several in recorded.items():
        path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in several))
    unused = [key for key in lines if key not in used]
    print(f"{len(used)} completions stamped, {len(missing)} prompts without one, {len(unused)} recordings that no prompt asks for")
    for key in unused:
        print("  not asked for:", *key)
    if options.missing:
        Path(options.missing).write_bytes(b"".join(orjson.dumps(item) + b"\n" for item in missing))
    sys.exit(1 if missing or unused else 0)


def key_of(line: dict[str, Any]) -> Key:
    """What names a recording for a person."""
    return tuple(str(line[name]) for name in ("url", "recipe", "step", "span", "key", "attempt"))


def stamp(run: Run, lines: dict[Key, dict[str, Any]]) -> tuple[list[dict[str, Any]], set[Key]]:
    """Put digests and token counts into `lines`. Returns the prompts without a line, and the keys of the lines in use."""
    tokenizer = Tokenizer.load(run.tokenizer)
    rows = [row for path in documents_of(run) for row in rows_of(tables.read(path), {})]
    missing: list[dict[str, Any]] = []
    used: set[Key] = set()
    for recipe in recipes_of(run.recipes):
        for row in rows:
            for prompt, request, step in requests(recipe, row, tokenizer, lines):
                name = {
                    "url": row.document.url or row.document.id,
                    "recipe": recipe.name,
                    "step": step,
                    "span": f"{prompt.span[0]}-{prompt.span[1]}",
                    "key": prompt.key,
                    "attempt": str(request.attempt),
                }
                key = key_of(name)
                if key not in lines:
                    missing.append({**name, "messages": [[m.role, m.content] for m in prompt.messages]})
                    continue
                used.add(key)
                prompt_tokens, completion_tokens = tokenizer.count(
                    ["\n".join(m.content for m in prompt.messages), lines[key]["completion"]]
                )
                lines[key] |= {
                    "request_digest": request.digest,
                    "prompt_tokens": prompt_tokens,
                    "completion_tokens": completion_tokens,
                }
    return missing, used


def requests(recipe: Recipe, row: Row, tokenizer: Tokenizer, lines: dict[Key, dict[str, Any]]) -> Iterator[tuple[Prompt, Request, str]]:
    """Every request that a run makes of a row, attempts after a completion that does not parse included."""
    url = row.document.url or row.document.id
    for step in recipe.steps:
        generations = []
        for prompt in step.prompts(row, tokenizer):
            span = f"{prompt.span[0]}-{prompt.span[1]}"
            for attempt in range(step.retries + 1):
                yield prompt, Request(prompt.messages, prompt.sampling, prompt.schema, 0, attempt), step.name
                line = lines.get((url, recipe.name, step.name, span, prompt.key, str(attempt)))
                completion = line["completion"] if line else ""
                generations.append(
                    Generation(
                        span,
                        step.name,
                        prompt.key,
                        *prompt.span,
                        completion,
                        None,
                        None,
                        None if line else "missing",
                        1,
                    )
                )
                if not line or line.get("parses", True):
                    break
                generations[-1] = replace(generations[-1], error="parse:json")
        row = Row(row.document, {**row.earlier, step.name: generations})


if __name__ == "__main__":
    main()
