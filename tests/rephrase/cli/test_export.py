"""The options of `rephrase export`: which settings they are, for which formats."""

from __future__ import annotations

from pathlib import Path

import pytest

from rephrase.cli import main as cli


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "megatro"], "rephrase: --format: unknown export format `megatro` (did you mean `megatron`?)"),
        (["--format", "jsonl", "--compress"], "rephrase: --compress: jsonl has no compression to choose (leave it out)"),
        (["--format", "mds", "--sequence-length", "8"], "--sequence-length and --packing: mds packs no sequences (leave them out)"),
        (["--format", "mds", "--packing", "best-fit"], "--sequence-length and --packing: mds packs no sequences (leave them out)"),
        (["--format", "mds", "--option", "compress"], "--option: `compress` is not KEY=VALUE"),
        (["--format", "mds", "--option", "zip=true"], "--option: unknown key `zip`"),
        (["--format", "megatron"], "--tokenizer: megatron holds tokens"),
    ],
)
def test_a_mistake_ends_in_one_line(options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["export", "--from", str(tmp_path), "--to", str(tmp_path / "to"), *options])
    assert end.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert message in line


def test_help_lists_the_formats_with_their_settings(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["export", "--help"])
    assert not end.value.code
    shown = " ".join(capsys.readouterr().out.split())
    assert " mds MosaicML streaming's shards. --option: compress. " in shown
    assert " megatron Megatron-core's indexed datasets" in shown
