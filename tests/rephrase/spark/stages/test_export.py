"""The export job: it resumes, it refuses, it tells. What its files are, the loaders say: see test_export_readers.py."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rephrase import storage
from rephrase.cli import main as cli
from rephrase.errors import UserError
from rephrase.exports.base import formats
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.export import export
from rephrase.spark.stages.ledger import claim
from rephrase.spark.stages.meaning import Meaning
from rephrase.spark.stages.mix.manifest import MANIFEST
from rephrase.storage import tables
from tests.places import EXAMPLES
from tests.rephrase.spark.exports import DOCUMENTS, EOD, form_of, manifest_of, texts, write_mixture

EXAMPLE = EXAMPLES / "run.yaml"


def checksums(folder: str) -> dict[str, str]:
    return {file.path: hashlib.sha256(storage.read(file.path)).hexdigest() for file in storage.list_files(folder)}


@pytest.mark.parametrize("name", formats.names())
def test_a_killed_export_resumes_to_the_same_bytes(name: str, source: str, tokenizer_file: str, spark: LazySession, tmp_path: Path) -> None:
    to = str(tmp_path / "to")
    manifest = export(source, to, form_of(name, tokenizer_file), spark)
    before = checksums(to)
    named = {storage.join(to, file["name"]): file["sha256"] for shard in manifest["shards"] for file in shard["files"]}
    assert named.items() <= before.items()
    for path in manifest["index"]:
        storage.put(storage.join(to, path), b"[]")  # datatrove's reader makes a list of files itself, of what it finds
    storage.delete(storage.join(to, MANIFEST))
    storage.delete(storage.join(to, "__units__", "part-00001.parquet"))  # a task that was killed after some of its objects
    storage.delete(next(path for path in named if "part-00001-001" in path))
    Path(next(path for path in named if "part-00001-000" in path)).write_bytes(b"written by another version of a library")
    assert export(source, to, form_of(name, tokenizer_file), spark) == manifest
    assert checksums(to) == before
    assert manifest["documents"] == DOCUMENTS
    assert manifest["source_tokens"] == sum(len(text) // 4 for text in texts())


def test_no_index_before_all_is_there(spark: LazySession, tokenizer_file: str, tmp_path: Path) -> None:
    folder = str(tmp_path / "from")
    write_mixture(folder)
    tables.commit(storage.join(folder, "part-00009.parquet"), pa.table({"words": ["a"]}))
    to = str(tmp_path / "to")
    with pytest.raises(UserError, match="no column `text`"):
        export(folder, to, form_of("datatrove", tokenizer_file), spark)
    left = {storage.name_of(file.path) for file in storage.list_files(to)}
    assert not left & {"paths.json", MANIFEST}


def test_rows_without_text_are_left_out_and_told(spark: LazySession, tokenizer_file: str, tmp_path: Path, capsys: Any) -> None:
    tables.commit(str(tmp_path / "from" / "a.parquet"), pa.table({"text": ["one", None, "", "two"]}))
    manifest = export(str(tmp_path / "from"), str(tmp_path / "to"), form_of("megatron", tokenizer_file), spark)
    assert (manifest["documents"], manifest["source_rows"]) == (2, 4)
    assert "2 rows without text left out" in capsys.readouterr().err


def test_an_unfinished_mixture_is_refused(tokenizer_file: str, spark: LazySession, tmp_path: Path) -> None:
    write_mixture(str(tmp_path / "mixture"))
    claim(str(tmp_path / "mixture"), Tables.MIXTURE, Meaning({}))
    with pytest.raises(UserError, match="the mixture is not complete"):
        export(str(tmp_path / "mixture"), str(tmp_path / "to"), form_of("numpy", tokenizer_file), spark)
    with pytest.raises(UserError, match="there is no Parquet file"):
        export(str(tmp_path / "other"), str(tmp_path / "to"), form_of("numpy", tokenizer_file), spark)


def test_another_export_in_the_folder_is_refused(
    exported: Callable[..., str], source: str, tokenizer_file: str, spark: LazySession
) -> None:
    with pytest.raises(UserError, match='`format` was "numpy", is "litdata"'):
        export(source, exported("numpy"), form_of("litdata", tokenizer_file), spark)


def test_the_command(source: str, tokenizer_file: str, spark: LazySession, tmp_path: Path, capsys: Any) -> None:
    arguments = ["export", "--from", source, "--to", str(tmp_path / "to"), "--format", "numpy", "--tokenizer", tokenizer_file]
    spark.get()  # the command uses the session that runs
    cli.main(arguments)
    tokens = manifest_of(str(tmp_path / "to"))["tokens"]
    assert f"{tokens:,} tokens with {EOD} after each document; the Parquet's n_tokens sum to" in " ".join(capsys.readouterr().err.split())
    write_mixture(str(tmp_path / "run" / "mixture"))
    cli.main(["export", str(EXAMPLE), "--output", str(tmp_path / "run"), "--format", "litdata"])
    assert manifest_of(str(tmp_path / "run" / "exports" / "litdata"))["documents"] == DOCUMENTS
    packed = [*arguments[:3], "--to", str(tmp_path / "packed"), "--format", "packed", "--tokenizer", tokenizer_file]
    cli.main([*packed, "--sequence-length", "512"])
    manifest = manifest_of(str(tmp_path / "packed"))
    assert (manifest["tokens"], manifest["packing"]) == (tokens, {"length": 512, "strategy": "concatenate"})
    assert manifest["padding"] == manifest["sequences"] * 512 - tokens < 512 * len(manifest["shards"])
    with pytest.raises(SystemExit):
        cli.main([*packed, "--sequence-length", "512", "--packing", "best-fit"])
    assert 'was "concatenate", is "best-fit"' in " ".join(capsys.readouterr().err.split())
    with pytest.raises(SystemExit):
        cli.main([*arguments, "--eod", "<end>"])
    assert "no control token `<end>`" in capsys.readouterr().err


def test_the_command_puts_middles_last(source: str, tokenizer_file: str, spark: LazySession, tmp_path: Path, capsys: Any) -> None:
    arguments = ["export", "--from", source, "--to", str(tmp_path / "to"), "--format", "jsonl", "--fim", "sentinels=starcoder"]
    spark.get()  # the command uses the session that runs
    cli.main([*arguments, "--fim", "rate=0.4"])
    manifest = manifest_of(str(tmp_path / "to"))
    assert manifest["fill_in_the_middle"]["rate"] == 0.4
    assert manifest["fill_in_the_middle"]["sentinels"]["middle"] == "<fim_middle>"
    assert 10 < manifest["infilled"] < 40
    assert manifest["infilled"] == sum(shard["infilled"] for shard in manifest["shards"])
    assert f"{manifest['infilled']} of the documents with their middle last" in " ".join(capsys.readouterr().err.split())
    for more, error in (
        ([*arguments, "--fim", "rate=0.5"], "was 0.4, is 0.5"),
        ([*arguments, "--fim", "rate"], "`rate` is not KEY=VALUE"),
        ([*arguments[:5], "--format", "numpy", "--tokenizer", tokenizer_file, "--fim", "rate=1"], "no tokens that mark prefix"),
    ):
        with pytest.raises(SystemExit):
            cli.main(more)
        assert error in " ".join(capsys.readouterr().err.split())
