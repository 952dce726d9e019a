"""A small mixture of real texts, and the lines of docs/loaders.md for each loader run on an export of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from pydoc_data import topics
from typing import Any

import pyarrow as pa
import pytest

from rephrase import storage
from rephrase.exports.base import Format
from rephrase.exports.catalogue import make_format
from rephrase.exports.vocabulary import find_vocabulary
from rephrase.records import MIXTURE, content_id
from rephrase.spark.stages.mix.manifest import MANIFEST
from rephrase.storage import tables
from tests.places import ROOT

LOADERS = ROOT / "docs" / "loaders.md"
READERS = Path(sys.prefix) / "readers"  # see infra/readers.txt
EOD = "<|endoftext|>"
FILES, DOCUMENTS = 3, 60
LENGTH = 1024  # of packed sequences
_SMALL = 60_000  # bytes of a shard, so that a file of the small mixture forms several


def texts() -> list[str]:
    """Documents in order; some spell the token that ends documents."""
    plain = list(topics.topics.values())[: DOCUMENTS - 2]
    return [
        *plain[:7],
        f"A page about {EOD} and {EOD}{EOD}.",
        *plain[7:],
        'é\u2028ß\n\n\ttext, "quoted"',
    ]


def write_mixture(folder: str) -> None:
    """Three files of several row groups, one more without rows."""
    folder = storage.join(folder, tables.DATA)
    rows = [
        {
            "text": text,
            "id": content_id(text),
            "origin": "original",
            "source": "help",
            "document_id": content_id(text),
            "epoch": 0,
            "n_tokens": len(text) // 4,
            "synthetic_depth": 0,
            "license": "psf",
        }
        for text in texts()
    ]
    size = -(-len(rows) // FILES)
    for number in range(FILES + 1):
        part = rows[number * size : (number + 1) * size]
        if not part:
            tables.Writer(MIXTURE).commit(storage.join(folder, f"part-{number:05d}.parquet"))
            continue
        table = pa.Table.from_pylist([{f.name: row.get(f.name) for f in MIXTURE} for row in part], schema=MIXTURE)
        sizes = [len(part[at : at + 8]) for at in range(0, len(part), 8)]
        tables.commit(storage.join(folder, f"part-{number:05d}.parquet"), table, row_groups=sizes)


def form_of(name: str, tokenizer: str) -> Format:
    """A format with shards so small that each file forms several; mds with tokens, and compressed."""
    settings = {"packed": {"sequence_length": LENGTH, "packing": "best-fit"}, "mds": {"compress": True}}
    form = make_format(name, None if name == "jsonl" else find_vocabulary(tokenizer), settings.get(name))
    form.shard_bytes = _SMALL
    return form


def read_with(package: str, title: str, output: str, result: str, tmp_path: Path, **replacements: str) -> Any:
    """Run the lines of docs/loaders.md for a loader in a process of its own, and give the value of the expression `result`."""
    if PathFinder.find_spec(package, [*sys.path, str(READERS)]) is None:
        pytest.skip(f"{package} is not installed")
    [code] = [block for block in re.findall(r"```python\n(.*?)```", LOADERS.read_text(), re.DOTALL) if block.startswith(f"# {title}")]
    assert "out/demo" in code
    for old, new in {"out/demo": output, **replacements}.items():
        assert old in code
        code = code.replace(old, new)
    answer = tmp_path / "answer.json"
    code = f"import tests.no_images\n{code}\nimport json\nopen({str(answer)!r}, 'w').write(json.dumps({result}))\n"
    if package == "datasets":
        # Arrow's threads may abort an interpreter that shuts down after a streamed read (apache/arrow#45214, huggingface/datasets#7566).
        code += "import os\nos._exit(0)\n"
    (tmp_path / "reader.py").write_text(f"if __name__ == '__main__':\n{_indented(code)}")
    environment = {**os.environ, "PYTHONPATH": f"{READERS}:{ROOT}"}
    subprocess.run([sys.executable, str(tmp_path / "reader.py")], check=True, timeout=300, cwd=tmp_path, env=environment)
    return json.loads(answer.read_text())


def _indented(code: str) -> str:
    return "".join(f"    {line}\n" for line in code.splitlines())


def manifest_of(folder: str) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(storage.read(storage.join(folder, MANIFEST)))
    return manifest


def streams(folder: str, expected: list[list[int]]) -> list[list[int]]:
    """The tokens of each shard in order, by the number of documents that the manifest says it has."""
    shards, at = [], 0
    for shard in manifest_of(folder)["shards"]:
        shards.append([token for document in expected[at : at + shard["documents"]] for token in document])
        at += shard["documents"]
    assert at == len(expected)
    assert len(shards) > FILES
    return shards


def windows(stream: list[int], size: int, step: int | None = None) -> list[list[int]]:
    return [stream[at : at + size] for at in range(0, len(stream) - size + 1, step or size)]


def output_of(folder: str) -> str:
    return str(Path(folder).parents[1])
