"""The whole pipeline from a program: what it gives back, and whose session it works in."""

from __future__ import annotations

import pytest
import yaml

from rephrase import UserError, load_run
from rephrase.records import JUDGED, MIXTURE
from rephrase.spark import run
from rephrase.spark.runtime.session import LazySession
from tests.rephrase.spark.mixtures import HALVES


def test_a_run_gives_its_tables_and_leaves_the_session(spark: LazySession, tmp_path, tokenizer_file: str) -> None:
    (tmp_path / "pages.jsonl").write_text(
        "".join(f'{{"text": "Page {n} has enough words to be read, and to be told again."}}\n' for n in range(6))
    )
    config = {
        "output": "out",
        "input": {"paths": "pages.jsonl", "min_characters": 10},
        "tokenizer": tokenizer_file,
        "engine": {"kind": "echo"},
        "recipes": ["wrap/easy"],
        "filter": {"checks": ["finished"]},
        "mix": {"components": HALVES},
    }
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(config))
    made = run(str(path), spark.get())
    assert made.output == str(tmp_path / "out")
    assert made.read("judged").schema.equals(JUDGED)
    assert spark.get().read.parquet(*made.paths("mixture")).count() == made.read("mixture", ["id"]).num_rows == made.manifest["rows"]
    assert made.read("mixture").schema.equals(MIXTURE)
    assert run(load_run(str(path)), spark.get()).manifest == made.manifest, "a second time there is nothing to do"
    with pytest.raises(UserError, match=r"there is no screened table .*rephrase screen run\.yaml"):
        made.read("screened")
    with pytest.raises(UserError, match=r"no table `mixed` .*mixture"):
        made.paths("mixed")
    with pytest.raises(UserError, match=r"`mix\.seed` was 0, is 1"):
        run(load_run(str(path), {"mix.seed": 1}), spark.get())
    assert run(load_run(str(path), {"mix.seed": 1}), spark.get(), replace=True).manifest["rows"] == made.manifest["rows"]
