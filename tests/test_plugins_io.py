"""A package made on the spot brings an input format, an export format and a store, and the stages use them end to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent

STORE = '''
import os
from pathlib import Path
from uuid import uuid4

from rephrase.storage.base import FileInfo, Store, stores

ROOT = Path(os.environ["SHELF"])


@stores.register("shelf")
class Shelf(Store):
    """Objects below a folder that an environment variable names."""

    def create(self, path, data, *, durable=True):
        file = self.file(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f".{uuid4()}")
        draft.write_bytes(b"".join(data))
        try:
            file.hardlink_to(draft)
        except FileExistsError:
            return False
        finally:
            draft.unlink()
        return True

    def put(self, path, data):
        self.delete(path)
        self.create(path, [data])

    def read_range(self, path, start, end):
        return self.file(path).read_bytes()[start:end]

    def size_of(self, path):
        return self.file(path).stat().st_size if self.file(path).is_file() else None

    def delete(self, path):
        self.file(path).unlink(missing_ok=True)

    def list_files(self, folder):
        for file in sorted(self.file(folder).rglob("*")):
            name = file.relative_to(self.file(folder))
            if file.is_file() and not any(part.startswith(".") for part in name.parts):
                yield FileInfo(f"shelf://{file.relative_to(ROOT)}", file.stat().st_size, file.stat().st_mtime)

    @staticmethod
    def file(path):
        return ROOT / path.removeprefix("shelf://").rstrip("/")
'''

FORMATS = '''
from rephrase.exports.base import Shard, TokenFormat, formats
from rephrase.readers.base import RawDocument, ReadError
from rephrase.readers.registry import Reader, readers
from rephrase.settings.section import Section
from rephrase.storage import open_stream


class CardSettings(Section):
    separator: str = ";"
    """Between the place and the text."""


@readers.register("cards")
class Cards(Reader):
    """A card a line: its place and its text."""

    Settings = CardSettings
    title = "card"
    endings = (".cards",)

    def begins(self, head):
        return head.startswith(b"CARDS")

    def read(self, file, config):
        with open_stream(file.path) as stream:
            for number, line in enumerate(stream, 1):
                place, separator, text = line.decode().strip().partition(self.settings.separator)
                if separator:
                    yield RawDocument(text, url=f"shelf:{place}", raw_bytes=len(line))
                else:
                    yield ReadError(file.path, number, "line", "no separator")


class CountSettings(Section):
    unit: str = "tokens"


@formats.register("counts")
class Counts(TokenFormat):
    """The number of each document's tokens, a line each."""

    Settings = CountSettings

    def shard(self, name, rows):
        lines = [f"{row.id} {len(row.tokens)} {self.settings.unit}" for row in rows]
        return Shard([(f"{name}.txt", "\\n".join(lines).encode())], {}, {"lines": len(lines)})

    def index(self, folder, notes):
        return [("all.txt", "\\n".join(note.name for note in notes).encode())]

    def summary(self, manifest):
        return f"on {manifest['lines']} lines"
'''

SCRIPT = """
import json, sys
from rephrase import storage
from rephrase.cli import main as cli
from rephrase.storage import tables

cli.main(["shard", "run.yaml"])
rows = tables.read_folder("shelf://run/documents").to_pylist()
for path in tables.objects("shelf://run/documents"):
    storage.create(f"shelf://mixture/{storage.name_of(path)}", storage.read(path))
cli.main(["export", "run.yaml", "--from", "shelf://mixture", "--to", "shelf://out", "--format", "counts", "--option", "unit=pieces"])
print(json.dumps({
    "rows": [[row["url"], row["text"], row["source"], row["n_tokens"]] for row in rows],
    "errors": [[row["offset"], row["reason"]] for row in tables.read_folder("shelf://run/errors").to_pylist()],
    "files": {file.path: storage.read(file.path).decode() for file in storage.expand("shelf://out/*.txt")},
    "manifest": json.loads(storage.read("shelf://out/_manifest.json")),
}))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The folder of an installed package: its entry point names the store alone, whereas a run names the module with the formats."""
    folder = tmp_path / "site"
    about = folder / "shelf-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "shelf_store.py").write_text(STORE)
    (folder / "shelf_formats.py").write_text(FORMATS)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[rephrase.plugins]\nshelf = shelf_store\n")
    return folder


def run(package: Path, code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{package}:{ROOT}", "SHELF": str(package.parent / "shelf")}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, cwd=package.parent, check=False, capture_output=True, text=True, timeout=300)


def write_cards(folder: Path) -> None:
    raw = folder / "shelf" / "raw"
    raw.mkdir(parents=True)
    (raw / "a.cards").write_text("A1|The tide comes in twice a day.\nA2 has no separator\n")
    (raw / "unnamed").write_text("CARDS|These are known by their first bytes; so are others.\n")


def write_run(folder: Path, tokenizer: str, **source: Any) -> None:
    config = {
        "plugins": ["shelf_formats"],  # imported by the driver alone: what tasks need of it must come to them
        "output": "shelf://run",
        "input": {"paths": ["shelf://raw"], "min_characters": 5, **source},
        "tokenizer": tokenizer,
        "engine": {"kind": "echo"},
        "recipes": ["wrap/easy"],
        "spark": {"master": "local[2]"},
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(config))


def test_a_package_brings_formats_and_a_store(package: Path, tokenizer_file: str, tmp_path: Path) -> None:
    write_cards(tmp_path)
    write_run(tmp_path, tokenizer_file, format={"cards": {"separator": "|"}})
    done = run(package, SCRIPT)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert sorted(row[:3] for row in answer["rows"]) == [
        ["shelf:A1", "The tide comes in twice a day.", "cards"],
        ["shelf:CARDS", "These are known by their first bytes; so are others.", "cards"],
    ]
    assert answer["errors"] == [[2, "no separator"]]
    manifest, files = answer["manifest"], answer["files"]
    assert manifest["settings"] == {"unit": "pieces"}
    assert manifest["lines"] == manifest["documents"] == 2
    assert files.keys() == {"shelf://out/all.txt", *(f"shelf://out/{shard['name']}.txt" for shard in manifest["shards"])}
    tokens = sorted(row[3] + 1 for row in answer["rows"])  # and the one that ends the document
    lines = [line.split() for path, text in files.items() if not path.endswith("all.txt") for line in text.splitlines()]
    assert sorted((int(count), unit) for _, count, unit in lines) == [(count, "pieces") for count in tokens]
    assert "on 2 lines" in " ".join(done.stderr.split())


def test_files_find_readers_of_a_package_by_their_names_and_first_bytes(package: Path, tmp_path: Path) -> None:
    write_cards(tmp_path)
    (tmp_path / "shelf" / "raw" / "c.jsonl").write_text('{"text": "A line that is no card."}\n')
    (tmp_path / "shelf" / "raw" / "z.bin").write_bytes(bytes(100))
    code = """
from rephrase import storage
from rephrase.readers import read_documents
from rephrase.readers.settings import Input
from rephrase.settings.kinds import load_plugin

load_plugin("shelf_formats")
config = Input(paths=["shelf://raw"], min_characters=5)
for file in storage.expand("shelf://raw"):
    for item in read_documents(file, config):
        print(storage.name_of(file.path), getattr(item, "source", None), getattr(item, "reason", ""))
"""
    done = run(package, code)
    *lines, last = done.stdout.splitlines()
    assert lines == ["a.cards None no separator", "a.cards None no separator", "c.jsonl jsonl ", "unnamed cards "], done.stderr
    assert last.startswith("z.bin None not a ")
    assert all(title in last for title in ("WARC", "WET", "JSONL", "Parquet", "card"))


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("card", "unknown input format `card`"),
        ({"cards": {"separater": "|"}}, "unknown key `input.format.cards.separater` (did you mean `separator`?)"),
        ({"cards": {"separator": 3}}, "`input.format.cards.separator`: should be text, not 3"),
        ({"cards": {}, "warc": {}}, "it is the name of a format, or one name with settings"),
    ],
)
def test_a_wrong_format_is_told_before_anything_runs(package: Path, form: Any, message: str, tmp_path: Path) -> None:
    write_run(tmp_path, "tokenizer.json", format=form)
    code = """
from rephrase.cli import main as cli

cli.main(["shard", "run.yaml"])
"""
    done = run(package, code)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert message in line
    assert "run.yaml, line" in line
