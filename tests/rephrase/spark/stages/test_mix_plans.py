"""What the mix stage promises of any mixture: targets, order, guards, the printed plan and the metadata."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from rephrase import storage
from rephrase.cli.mix_plan import show_plan
from rephrase.errors import UserError
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.mix import inputs as mix_inputs
from rephrase.spark.stages.mix.stage import mix
from rephrase.storage import tables
from tests.rephrase.spark.mixtures import HALVES, LONGEST, SOURCES, check_pairing, mixture, run_of, write_inputs


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("inputs"))
    write_inputs(folder)
    return folder


def random_settings(dice: random.Random) -> dict[str, Any]:
    """A config with a few components, by chance of shares or tokens, epochs, splits, a pairing or phases."""
    choices: list[dict[str, Any]] = [
        {"origin": "original", "source": "wiki"},
        {"origin": "original", "license": "CC-*", "max_scores": {"edu": 3}},
        {"origin": "original", "min_scores": {"edu": 1}},
        {"recipe": "wrap/*"},
        {"origin": "synthetic", "max_scores": {"quality": 0.7}},
    ]
    pairing = dice.choice([None, None, "both", "instead"])
    picked = [dice.choice(choices[:3]), dice.choice(choices[3:])] if pairing else dice.sample(choices, dice.randint(1, 4))
    picked = sorted(picked, key=choices.index)
    for component in picked:
        component["max_epochs"] = dice.choice([2, 3.5]) if not pairing else 2
        if dice.random() < 0.3:
            component |= {"split_by": "source", "temperature": dice.choice([1, 1.5])}
    small = 200 if pairing or dice.random() < 0.5 else 400
    if not pairing and dice.random() < 0.3:
        stages = [[component | {"share": 1 / len(picked)} for component in dice.sample(picked, len(picked))] for _ in range(2)]
        return {"seed": dice.randint(0, 9), "phases": [{"tokens": small * 5, "components": stage} for stage in stages]}
    if dice.random() < 0.5:
        return {"seed": dice.randint(0, 9), "pairing": pairing, "components": [c | {"tokens": small + dice.randint(0, 99)} for c in picked]}
    components = [component | {"share": 1 / len(picked)} for component in picked]
    return {"seed": dice.randint(0, 9), "pairing": pairing, "budget_tokens": small * 4, "components": components}


@pytest.mark.parametrize("number", [*range(6), *(pytest.param(number, marks=pytest.mark.long) for number in range(6, 20))])
def test_targets_are_met_within_a_document(output: str, spark: LazySession, number: int) -> None:
    settings = random_settings(random.Random(number))
    plan, rows = mixture(output, spark, **settings)
    for part in plan.components:
        assert abs(part.tokens - part.target_tokens) <= LONGEST, settings
    assert (len(rows), sum(row["n_tokens"] for row in rows)) == (plan.rows, plan.tokens)
    uses = defaultdict(list)
    for row in rows:
        uses[row["id"]].append(row["epoch"])
    assert all(sorted(epochs) == list(range(len(epochs))) for epochs in uses.values())
    check_pairing(settings.get("pairing"), rows)
    budget = settings.get("budget_tokens") or sum(phase["tokens"] for phase in settings.get("phases", []))
    assert abs(plan.tokens - (budget or sum(c["tokens"] for c in settings["components"]))) <= LONGEST * len(plan.components)


def test_guards_name_numbers_and_cure(output: str, spark: LazySession) -> None:
    settings = {"components": [{"origin": "original", "share": 0.4}, {"origin": "synthetic", "share": 0.6}], "budget_tokens": 5000}
    with pytest.raises(UserError, match=r"models wrote .* max_synthetic_share is 50\.00%: `synthetic` with .*set the shares to"):
        mixture(output, spark, **settings, max_synthetic_share=0.5)
    with pytest.raises(UserError, match=r"originals have .* min_original_share is 50\.00%.*set the shares to"):
        mixture(output, spark, **settings, min_original_share=0.5)
    plan, _ = mixture(output, spark, **settings, max_synthetic_share=0.65, min_original_share=0.35)
    assert plan.tokens
    plan, _ = mixture(output, spark, components=[{"origin": "original", "share": 1}], max_synthetic_depth=0)
    assert plan.left_out["synthetic_depth"]["rows"] == 0
    with pytest.raises(UserError, match=r"no text is there for the component `synthetic`.*max_synthetic_depth"):
        mixture(output, spark, components=HALVES, max_synthetic_depth=0)


def test_rows_of_a_document_are_adjacent_no_more_often_than_by_chance(output: str, spark: LazySession) -> None:
    _, rows = mixture(output, spark, components=HALVES)
    uses = Counter(row["document_id"] for row in rows)
    expected = sum(count * (count - 1) for count in uses.values()) / len(rows)  # of a random order, close to Poisson
    adjacent = sum(a["document_id"] == b["document_id"] for a, b in itertools.pairwise(rows))
    assert adjacent <= expected + 5 * expected**0.5
    for source in SOURCES:  # the mean place of a source's rows is the middle, to five standard deviations
        places = [at / len(rows) for at, row in enumerate(rows) if row["source"] == source]
        assert abs(sum(places) / len(places) - 0.5) < 5 * (1 / 12 / len(places)) ** 0.5


@pytest.mark.parametrize("tasks", ["1", "4"])
def test_one_seed_gives_one_order_on_any_number_of_tasks(
    output: str, spark: LazySession, monkeypatch: pytest.MonkeyPatch, tasks: str
) -> None:
    settings = {"components": HALVES, "pairing": "both", "budget_tokens": 4000}
    _, here = mixture(output, spark, **settings)
    monkeypatch.setattr(mix_inputs, "_MIN_TASK_BYTES", 1)  # each object is read by a task of its own
    monkeypatch.setattr(mix_inputs, "_MANY_TASKS", 1000)
    conf = spark.get().conf
    usual = conf.get("spark.sql.shuffle.partitions")
    conf.set("spark.sql.shuffle.partitions", tasks)
    try:
        _, there = mixture(output, spark, **settings)
    finally:
        conf.set("spark.sql.shuffle.partitions", usual)
    assert [row["id"] for row in there] == [row["id"] for row in here]


def test_the_plan_prints_what_mix_makes_and_writes_nothing(output: str, spark: LazySession, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_of(output, components=HALVES, budget_tokens=4000)
    show_plan(run, spark)
    shown = capsys.readouterr().out
    plan, _ = mixture(output, spark, components=HALVES, budget_tokens=4000)
    for part in plan.components:
        assert f"{part.available_tokens:,}" in shown
        assert f"{part.tokens:,}" in shown
    assert not Path(output, "mixture").exists()
    with pytest.raises(UserError, match="too little material"):
        show_plan(run_of(output, budget_tokens=10**8), spark)
    assert "what there is" in capsys.readouterr().out


def test_the_metadata_says_files_columns_licences_and_models(output: str, spark: LazySession) -> None:
    run = run_of(output, phases=[{"tokens": 3000, "components": HALVES}, {"tokens": 3000, "components": HALVES}])
    mix(run, spark)
    folder = storage.join(output, "mixture")
    manifest, described = (json.loads(storage.read(storage.join(folder, name))) for name in ("_manifest.json", "croissant.json"))
    rows = tables.read_folder(folder)
    assert set(manifest["licenses"]) == set(rows.column("license").to_pylist()) == set(described["license"])
    assert set(manifest["models"]) == set(rows.column("model").to_pylist()) - {None}
    assert [file["phase"] for file in manifest["files"]] == [0, 1]
    listed = {item["name"]: item["sha256"] for item in described["distribution"] if item["@type"] == "cr:FileObject"}
    assert listed == {file["name"]: file["sha256"] for file in manifest["files"]}
    fields = described["recordSet"][0]["field"]
    assert [field["source"]["extract"]["column"] for field in fields] == rows.column_names
    assert described["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert "original` in phase 2" in storage.read(storage.join(folder, "README.md")).decode()
    storage.remove_folder(folder)
