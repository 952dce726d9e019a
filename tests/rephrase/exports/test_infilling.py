"""Fill-in-the-middle: exports with the middle last give each document back, and what is drawn depends on the documents alone."""

from __future__ import annotations

import json
import random
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Inner
from tokenizers.trainers import BpeTrainer

from rephrase import storage
from rephrase.errors import UserError
from rephrase.exports.catalogue import make_format
from rephrase.exports.infilling import Infilling, make_infilling
from rephrase.exports.part_encoder import spelled
from rephrase.exports.sentinels import known_sentinels
from rephrase.exports.vocabulary import find_vocabulary
from rephrase.records import content_id
from rephrase.spark.runtime.units import Unit
from rephrase.spark.stages.export import export_unit
from rephrase.storage import tables
from rephrase.text.tokenizer import Tokenizer

EOD = "<|endoftext|>"
STARCODER = known_sentinels()["starcoder"]


def real_files(count: int) -> list[str]:
    """Modules of the standard library, always the same of one Python."""
    paths = [path for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")) if path.stat().st_size < 20_000]
    return [path.read_bytes().decode("utf-8", "replace") for path in random.Random(1).sample(paths, count)]


@pytest.fixture(scope="module")
def files() -> list[str]:
    spelling = f"print('{STARCODER.prefix} is a token of StarCoder')\n"
    return [*real_files(40), spelling, "x", "a = 1\n\n\nß = 'é\u2028☺'\n"]


def byte_level(folder: Path, special: list[str], files: list[str]) -> str:
    inner = Inner(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator(files[:5], BpeTrainer(vocab_size=600, special_tokens=special, initial_alphabet=alphabet))
    inner.save(str(folder / "tokenizer.json"))
    return str(folder / "tokenizer.json")


def with_spaces_put_before(folder: Path, special: list[str]) -> str:
    """As Llama's and Code Llama's: a space goes before all that is encoded, and is taken away from all that is decoded."""
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "▁▁", "▁▁▁▁", *map(chr, range(33, 127))]
    merges = [("▁", "▁"), ("▁▁", "▁▁")]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    inner = Inner(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    inner.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    inner.pre_tokenizer = pre_tokenizers.Split(Regex("\n+"), "isolated")
    replace = decoders.Replace("▁", " ")
    inner.decoder = decoders.Sequence([replace, decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    inner.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    inner.save(str(folder / "tokenizer.json"))
    return str(folder / "tokenizer.json")


@pytest.fixture(scope="module")
def starcoder(tmp_path_factory: Any, files: list[str]) -> str:
    return byte_level(tmp_path_factory.mktemp("starcoder"), [EOD, *STARCODER.all], files)


def export(folder: Path, files: list[str], name: str, tokenizer: str | None, infilling: Infilling | None, rows: int = 1000) -> Path:
    """An export of the files, as the tasks make it, of Parquet with so many rows a file."""
    vocabulary = find_vocabulary(tokenizer) if tokenizer else None
    form = make_format(name, vocabulary, {})
    for at in range(0, len(files), rows):
        table = pa.table({"text": files[at : at + rows], "id": [content_id(text) for text in files[at : at + rows]]})
        path = str(folder / "from" / f"part-{at:05d}.parquet")
        tables.commit(path, table)
        file = next(file for file in storage.list_files(str(folder / "from")) if file.path == path)
        export_unit(
            Unit(str(folder / "to" / "__units__" / f"{at:05d}.parquet"), file), to=str(folder / "to"), form=form, infilling=infilling
        )
    return folder / "to"


def documents_of(folder: Path, tokenizer: str) -> list[list[int]]:
    """The tokens of each document of an export in bare arrays."""
    dtype = make_format("numpy", find_vocabulary(tokenizer)).dtype
    stream = [token for path in sorted(folder.glob("*.npy")) for token in np.fromfile(path, dtype).tolist()]
    end = Tokenizer.load(tokenizer).control_id(EOD)
    ends = [at for at, token in enumerate(stream) if token == end]
    return [stream[a:b] for a, b in zip([0, *(at + 1 for at in ends)], ends, strict=False)]


def restored(tokens: list[int], tokenizer: str, marks: Any) -> tuple[str, str]:
    """The text that a document was made from, and the order of its parts."""
    inner = Tokenizer.load(tokenizer)
    prefix, suffix, middle = (inner.control_id(mark) for mark in (marks.prefix, marks.suffix, marks.middle))
    if tokens[:1] != [prefix]:
        return inner.decode(np.array(tokens, np.uint32)), "whole"
    if marks.end:
        assert tokens.pop() == inner.control_id(marks.end)
    assert [token for token in tokens if token in (prefix, suffix, middle)] == [prefix, suffix, middle]
    at, last = tokens.index(suffix), tokens.index(middle)
    first = tokens[1:at]
    return inner.decode(np.array(first + tokens[last + 1 :] + tokens[at + 1 : last], np.uint32)), "PSM" if first else "SPM"


@pytest.mark.parametrize("spans", ["characters", "lines"])
def test_exports_of_real_files_give_each_document_back(spans: str, starcoder: str, files: list[str], tmp_path: Path) -> None:
    infilling = make_infilling({"rate": 0.9, "spans": spans}, find_vocabulary(starcoder))
    documents = documents_of(export(tmp_path, files, "numpy", starcoder, infilling), starcoder)
    texts, orders = zip(*(restored(tokens, starcoder, STARCODER) for tokens in documents), strict=True)
    assert list(texts) == files
    assert all(orders.count(order) > 5 for order in ("PSM", "SPM"))
    assert 0 < orders.count("whole") < 15


def test_a_tokenizer_that_puts_spaces_before_all_texts_gives_them_back(files: list[str], tmp_path: Path) -> None:
    marks = known_sentinels()["codellama"]
    tokenizer = with_spaces_put_before(tmp_path, [EOD, *marks.all])
    infilling = make_infilling({"rate": 1}, find_vocabulary(tokenizer))
    documents = documents_of(export(tmp_path, files, "numpy", tokenizer, infilling), tokenizer)
    assert [restored(tokens, tokenizer, marks)[0] for tokens in documents] == files


def test_texts_are_stored_with_the_sentinels_by_their_names(files: list[str], tmp_path: Path) -> None:
    infilling = make_infilling({"rate": 1, "sentinels": "qwen", "spm": 0}, None)
    folder = export(tmp_path, files, "jsonl", None, infilling)
    [path] = (folder / "documents").iterdir()
    lines = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read().splitlines()
    marks = infilling.sentinels
    for line, text in zip(lines, files, strict=True):
        before, prefix, rest = json.loads(line)["text"].partition(marks.prefix)
        first, suffix, rest = rest.partition(marks.suffix)
        last, middle, inner = rest.partition(marks.middle)
        assert (before, prefix, suffix, middle) == ("", marks.prefix, marks.suffix, marks.middle)
        assert first + inner + last == text


def test_any_partition_gives_the_same_documents(starcoder: str, files: list[str], tmp_path: Path) -> None:
    infilling = make_infilling({}, find_vocabulary(starcoder))
    one = documents_of(export(tmp_path / "one", files, "numpy", starcoder, infilling), starcoder)
    several = documents_of(export(tmp_path / "several", files, "numpy", starcoder, infilling, rows=7), starcoder)
    assert several == one
    assert documents_of(export(tmp_path / "off", files, "numpy", starcoder, None), starcoder) != one


def test_shares_are_those_that_are_asked_for() -> None:
    infilling = make_infilling({"rate": 0.3, "spm": 0.25, "sentinels": "starcoder"}, None)
    texts = [f"line {number}\nand one\nmore\n" for number in range(4000)]
    parts = [infilling.parts(text, content_id(text)) for text in texts]
    taken = [several for several in parts if several]
    assert len(taken) / len(texts) == pytest.approx(0.3, abs=0.03)
    assert sum(spelled(several).startswith("<fim_prefix><fim_suffix>") for several in taken) / len(taken) == pytest.approx(0.25, abs=0.06)
    again = [infilling.parts(text, content_id(text), epoch=1) for text in texts]
    assert (
        sum(bool(one) != bool(other) for one, other in zip(parts, again, strict=True)) > 1000
    )  # a text that is taken twice is drawn twice


def test_lines_stay_whole_and_sources_are_chosen() -> None:
    infilling = make_infilling({"rate": 1, "spans": "lines", "spm": 0, "sources": "github*", "sentinels": "starcoder"}, None)
    text = "".join(f"line {number}\n" for number in range(50))
    parts = infilling.parts(text, "a", source="github/main")
    assert parts
    assert all(part.text.endswith("\n") or not part.text for part in parts)
    assert infilling.parts(text, "a", source="web") is None
    assert infilling.parts(text, "a", source=None) is None


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"rate": 1.5}, "rate"),
        ({"rates": 0.5}, "did you mean `rate`"),
        ({"sentinels": "starcodr"}, "did you mean `starcoder`"),
        ({"prefix": "<a>"}, "three different ones"),
        ({"sentinels": ""}, "`sentinels` is empty"),
        ({"prefix": None, "suffix": None, "middle": None}, "--fim: `prefix` is empty (name a token, or leave `prefix` out)"),
        ({"prefix": "<a>", "suffix": "<b>", "middle": ""}, "`middle` is empty"),
        ({}, "without a tokenizer nobody knows the sentinels"),
    ],
)
def test_wrong_settings_are_told_with_their_cure(settings: dict[str, Any], error: str) -> None:
    with pytest.raises(UserError) as caught:
        make_infilling(settings, None)
    assert error in f"{caught.value}"


def test_a_tokenizer_without_sentinels_is_refused(starcoder: str) -> None:
    with pytest.raises(UserError, match="no tokens that mark prefix, suffix and middle"):
        make_infilling({}, find_vocabulary("examples/tokenizer.json"))
    with pytest.raises(UserError, match=r"no control token `<\|fim_prefix\|>`"):
        make_infilling({"sentinels": "qwen"}, find_vocabulary(starcoder))
