"""An export of texts that take up what stands beside them in a column `reasoning`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from rephrase import storage
from rephrase.cli.main import build_parser
from rephrase.errors import UserError
from rephrase.exports.catalogue import make_format
from rephrase.exports.vocabulary import find_vocabulary
from rephrase.spark.runtime.units import Unit
from rephrase.spark.stages.export import export_unit, meaning_of
from rephrase.text.reasoning_joint import joint_of
from rephrase.text.tokenizer import Tokenizer

ROWS = {
    "text": ["The tide rises.", "Ships wait.", None, "So it is. The Moon pulls."],
    "reasoning": ["The Moon pulls.", None, "Nothing came of it.", "The Moon pulls."],
    "id": list("abcd"),
}
WRAPPED = ["<think>\nThe Moon pulls.\n</think>\n\nThe tide rises.", "Ships wait.", "So it is. The Moon pulls."]


def exported(folder: Path, name: str, tokenizer: str | None, kind: str, columns: dict[str, Any]) -> Path:
    pq.write_table(pa.table(columns), folder / "part.parquet")
    [file] = storage.list_files(str(folder))
    form = make_format(name, find_vocabulary(tokenizer) if tokenizer else None)
    form.joint = joint_of(kind)
    export_unit(Unit(str(folder / "to" / "unit.parquet"), file), to=str(folder / "to"), form=form)
    return folder / "to"


@pytest.mark.parametrize(
    ("kind", "texts"),
    [("drop", [text for text in ROWS["text"] if text]), ("keep", ["The Moon pulls.\n\nThe tide rises.", *WRAPPED[1:]]), ("wrap", WRAPPED)],
)
def test_texts_are_written_with_their_reasoning_as_it_is_asked_for(kind: str, texts: list[str], tmp_path: Path) -> None:
    [path] = exported(tmp_path, "jsonl", None, kind, ROWS).glob("documents/*.zst")
    lines = [orjson.loads(line) for line in zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read().splitlines()]
    assert [line["text"] for line in lines] == texts
    assert ["reasoning" in line["metadata"] for line in lines] == [kind == "drop", False, kind == "drop"]


def test_tokens_are_those_of_the_text_with_its_reasoning(tmp_path: Path, tokenizer_file: str) -> None:
    [path] = exported(tmp_path, "numpy", tokenizer_file, "wrap", ROWS).glob("*.npy")
    encoded = Tokenizer.load(tokenizer_file).encode(WRAPPED)
    assert np.memmap(path, "<u2", "r").size == sum(len(tokens) + 1 for tokens in encoded)


def test_a_table_without_reasoning_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no column `reasoning`.*mix\.reasoning"):
        exported(tmp_path, "jsonl", None, "wrap", {"text": ["The tide rises."]})


def test_an_export_goes_on_only_with_the_same_reasoning() -> None:
    forms = [make_format("jsonl", None) for _ in range(3)]
    forms[1].joint, forms[2].joint = joint_of("keep"), joint_of("wrap")
    assert len({meaning_of(form, []).digest(1) for form in forms}) == 3


def test_marks_are_for_wrapping(tmp_path: Path) -> None:
    words = ["export", "--format", "jsonl", "--from", str(tmp_path), "--to", str(tmp_path / "to"), "--reasoning-marks", "(", ")"]
    options = build_parser().parse_args(words)
    with pytest.raises(UserError, match="nothing is wrapped"):
        options.action(options)
