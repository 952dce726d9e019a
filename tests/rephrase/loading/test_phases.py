"""Shares that change while a mixture is read: what was given stays, what follows has the new shares, and no text comes twice."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml

from rephrase.cli import main
from rephrase.errors import UserError
from rephrase.loading import begin_phase
from rephrase.loading.reader import Share, VirtualMixture
from tests.rephrase.loading.mixtures import PHASES, REST, WIKI, WRAP, mixture_of
from tests.rephrase.spark.exports import read_with
from tests.rephrase.spark.stages.test_mix import run_of

LONGEST = 400
SHARES = [{**WRAP, "share": 0.7}, {**REST, "share": 0.2}, {**WIKI, "share": 0.1}]


@pytest.fixture
def folder(outputs: dict[int, str], tmp_path: Path) -> str:
    """A virtual mixture of its own."""
    shutil.copytree(outputs[7], tmp_path / "run", ignore=shutil.ignore_patterns("mixture"))
    return str(tmp_path / "run/virtual")


def reader(folder: str, share: Share | None = None) -> VirtualMixture:
    return VirtualMixture(folder, share, window_tokens=15_000, look_seconds=0)


def component_of(row: dict[str, Any]) -> str:
    return "wrap" if row["origin"] == "synthetic" else "wiki" if row["source"] == "wiki" else "rest"


def tokens_of(rows: list[dict[str, Any]]) -> int:
    return sum(row["n_tokens"] for row in rows)


def test_shares_change_while_they_are_read(folder: str, outputs: dict[int, str]) -> None:
    mixture = reader(folder)
    rows = iter(mixture)
    first = list(islice(rows, 100))
    assert mixture.tokens == tokens_of(first)
    begin_phase(folder, 150_000, SHARES, 60_000)
    given = [*first, *rows]
    plain = mixture_of(outputs[7])
    count = next(at for at in range(len(given)) if given[at] != plain[at])
    assert 150_000 <= tokens_of(given[:count]) < 150_000 + LONGEST
    after = given[count:]
    assert abs(tokens_of(after) - 60_000) <= 4 * LONGEST / 2
    for name, share in (("wrap", 0.7), ("rest", 0.2), ("wiki", 0.1)):
        assert abs(tokens_of([row for row in after if component_of(row) == name]) - share * 60_000) <= LONGEST
    assert max(Counter((row["id"], row["epoch"]) for row in given).values()) == 1
    assert list(reader(folder)) == given
    begin = [list(reader(folder, Share(number, 3, block=4, start=40))) for number in range(3)]
    assert sorted((row["id"], row["epoch"]) for part in begin for row in part) == sorted((row["id"], row["epoch"]) for row in given[40:])


def test_the_shown_change(folder: str, tmp_path: Path) -> None:
    shares = {'{"origin": "original", "share": 0.8}, {"origin": "synthetic", "share": 0.2}': json.dumps(SHARES)[1:-1], "3_000": "150_000"}
    begins = "[phase.get('from') for phase in json.load(open(PATH))['phases']]".replace("PATH", repr(f"{folder}/manifest.json"))
    title = "a virtual mixture, with other shares"
    assert read_with("pyarrow", title, str(Path(folder).parent), begins, tmp_path, **shares) == [None, 150_000]


def test_what_a_phase_has_not_given_comes_later(folder: str) -> None:
    begin_phase(folder, 100_000, [{**REST, "tokens": 20_000}])
    begin_phase(folder, 110_000, [{**WIKI, "share": 0.5}, {**REST, "share": 0.5}], 200_000)
    rows = list(reader(folder))
    assert max(Counter((row["id"], row["epoch"]) for row in rows).values()) == 1
    assert abs(tokens_of(rows) - 310_000) <= 3 * LONGEST
    last = [row for row in rows[-700:] if component_of(row) == "rest"]
    assert {row["epoch"] for row in last} == {0}


def test_people_change_the_file(folder: str) -> None:
    path = Path(folder) / "manifest.json"
    before = path.read_text()
    begin_phase(folder, 150_000, SHARES, 60_000)
    by_function = list(reader(folder))
    manifest = json.loads(before)
    manifest["phases"][1:] = [{"from": 150_000, "tokens": 60_000, "components": SHARES}]
    path.write_text(json.dumps(manifest))
    assert list(reader(folder)) == by_function


def test_a_change_of_what_was_read_is_refused(folder: str) -> None:
    mixture = reader(folder)
    rows = iter(mixture)
    list(islice(rows, 900))
    begin_phase(folder, 1000, SHARES, 60_000)
    with pytest.raises(UserError, match="changed what was read already") as error:
        list(rows)
    assert "`from`" in error.value.cure


@pytest.mark.parametrize(
    ("phase", "what"),
    [
        ({"from": 150_000, "tokens": 10, "components": [{"recipe": "mind/*", "share": 1}]}, r"the index has no component `mind/\*`"),
        ({"from": 150_000, "tokens": 10, "components": [{**REST, "max_epochs": 2, "share": 1}]}, "1 epochs of `original`"),
        ({"from": 150_000, "tokens": 10**7, "components": [{**REST, "share": 1}]}, "has .* left"),
        ({"from": 900_000, "tokens": 10, "components": [{**REST, "share": 1}]}, "phase 3 begins after 900,000 tokens"),
        ({"form": 150_000, "tokens": 10, "components": [{**REST, "share": 1}]}, "unknown key `phases.2.form`"),
        ({"from": 150_000, "components": [{**REST, "share": 1}]}, "does not say how many tokens"),
    ],
)
def test_what_is_wrong_with_a_manifest_is_told(folder: str, phase: dict[str, Any], what: str) -> None:
    path = Path(folder) / "manifest.json"
    manifest = json.loads(path.read_text())
    if phase.get("from") == 150_000:
        manifest["phases"][:] = [{"tokens": 200_000, "components": [{**WIKI, "share": 1}]}]
    manifest["phases"].append(phase)
    path.write_text(json.dumps(manifest))
    with pytest.raises(UserError, match=what) as error:
        list(reader(folder))
    assert error.value.where.startswith(str(path))
    assert error.value.cure


def test_phases_of_the_config_are_those_of_the_manifest(folder: str) -> None:
    manifest = json.loads((Path(folder) / "manifest.json").read_text())
    assert [phase.get("tokens") for phase in manifest["phases"]] == [PHASES[0]["tokens"], None]
    parts = [part for part in manifest["plan"]["components"] if part["phase"] == 0]
    assert sum(part["share"] for part in parts) == pytest.approx(1)
    assert [part["share"] for part in parts[-2:]] == [0.4, 0.25]  # those before divide a component over its sources
    assert sum(part["tokens"] for part in parts) == manifest["plan"]["phases"][0]["tokens"]


def test_the_command_writes_other_shares_alone(folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_of(str(Path(folder).parent), phases=PHASES, seed=7)
    settings = run.model_dump(mode="json", include={"output", "tokenizer", "engine", "mix"}, exclude_defaults=True)
    (tmp_path / "run.yaml").write_text(yaml.safe_dump({**settings, "input": {"paths": "unused"}, "recipes": ["wrap/easy"]}))
    with pytest.raises(SystemExit):
        main.main(["mix", str(tmp_path / "run.yaml"), "--virtual", "--json"])
    assert "the index of a mixture is no JSON" in capsys.readouterr().err
    before = [path.stat().st_mtime_ns for path in sorted(Path(folder).glob("index-*/**/*"))]
    phases = json.dumps([PHASES[0], {"components": [{**WIKI, "tokens": 40_000}, {**WRAP, "tokens": 30_000}]}])
    main.main(["mix", str(tmp_path / "run.yaml"), "--virtual", "--set", f"mix.phases={phases}"])
    assert [path.stat().st_mtime_ns for path in sorted(Path(folder).glob("index-*/**/*"))] == before
    assert "the mixture: " in capsys.readouterr().out
    assert abs(tokens_of(list(reader(folder))) - 320_000) <= 4 * LONGEST
