"""What the mix stage promises of any mixture: targets, order, pairing, phases, splits and guards, over inputs of many kinds."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jobs.mix import mix, show_plan
from jobs.mix_inputs import find_inputs
from jobs.mix_plan import make_plan, marks_of
from jobs.mix_write import shuffled
from jobs.session import LazySession
from jobs.stage import claim
from rephrase import storage, tables
from rephrase.config import Input, Mix, ReplayEngine, Run, Spark
from rephrase.errors import UserError
from rephrase.mix_plan import Plan
from rephrase.records import DOCUMENT, JUDGED, content_id

LONGEST = 120
SOURCES = {"web": 240, "wiki": 90, "code": 30}


def run_of(output: str, **settings: Any) -> Run:
    return Run(
        output=output,
        input=Input(paths=["unused"]),
        tokenizer="unused",
        engine=ReplayEngine(kind="replay", path="unused"),
        recipes=["wrap/easy"],
        mix=Mix.model_validate({"file_tokens": 5000, **settings}),
    )


def documents_and_rewrites() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Documents of three sources, of which the even ones have one to three rewrites; and a rewrite whose document is gone."""
    dice = random.Random(3)
    documents: list[dict[str, Any]] = []
    rewrites: list[dict[str, Any]] = []
    names = [source for source, count in SOURCES.items() for _ in range(count)]
    for number, source in enumerate(names):
        documents.append(
            {
                "id": content_id("document", str(number)),
                "text": f"original {number}",
                "source": source,
                "n_tokens": dice.randint(20, LONGEST),
                "synthetic_depth": 0,
                "license": dice.choice(["CC-BY-4.0", "CC-BY-SA-4.0", "MIT"]),
                "metadata": [("edu", str(dice.randint(0, 5)))],
            }
        )
    parents = [document for number, document in enumerate(documents) for _ in range(dice.randint(1, 3)) if number % 2 == 0]
    for number, parent in enumerate([*parents, {**documents[0], "id": "gone"}]):
        rewrites.append(
            {
                "id": content_id("rewrite", str(number)),
                "document_id": parent["id"],
                "recipe": dice.choice(["wrap/easy", "mind/debate"]),
                "verdict": "keep",
                "text": f"rewrite {number}",
                "n_tokens": dice.randint(20, LONGEST),
                "source": parent["source"],
                "license": parent["license"],
                "model": dice.choice(["small", "large"]),
                "synthetic_depth": 1,
                "scores": [("quality", dice.random())],
            }
        )
    return documents, rewrites


@pytest.fixture
def many_tasks() -> Iterator[None]:
    """Each of the small objects is a task of its own, as large ones are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.mix_inputs._MIN_TASK_BYTES", 1)
        patch.setattr("jobs.mix_inputs._MANY_TASKS", 1000)
        yield


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("inputs"))
    for (name, schema, stage), rows in zip(
        (("documents", DOCUMENT, "shard"), ("judged", JUDGED, "filter")), documents_and_rewrites(), strict=True
    ):
        claim(storage.join(folder, name), stage, {})
        for number in range(3):
            part = [{field.name: row.get(field.name) for field in schema} for row in rows[number::3]]
            tables.commit(storage.join(folder, name, f"{number:05d}.parquet"), pa.Table.from_pylist(part, schema=schema), {})
    return folder


def mixture(output: str, spark: LazySession, **settings: Any) -> tuple[Plan, list[dict[str, Any]]]:
    """The plan, and the rows in their order, without the files."""
    run = run_of(output, **settings)
    inputs = find_inputs(run)
    plan, marks = make_plan(run.mix, inputs, spark.get())
    frame = shuffled(spark.get(), inputs, run.mix, plan, range(sum(plan.files)), marks)
    rows: list[dict[str, Any]] = frame.toArrow().to_pylist()
    return plan, sorted(rows, key=lambda row: (row["part"], row["place"], row["id"], row["epoch"]))


def tokens(rows: list[dict[str, Any]], **wanted: Any) -> int:
    return sum(row["n_tokens"] for row in rows if all(row[key] == value for key, value in wanted.items()))


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


@pytest.mark.parametrize("number", range(20))
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
    _check_pairing(settings.get("pairing"), rows)
    budget = settings.get("budget_tokens") or sum(phase["tokens"] for phase in settings.get("phases", []))
    assert abs(plan.tokens - (budget or sum(c["tokens"] for c in settings["components"]))) <= LONGEST * len(plan.components)


def _check_pairing(pairing: str | None, rows: list[dict[str, Any]]) -> None:
    originals = {row["id"] for row in rows if row["origin"] == "original"}
    parents = {row["document_id"] for row in rows if row["origin"] == "synthetic"}
    if pairing == "both":
        assert parents
        assert parents <= originals
    if pairing == "instead":
        assert parents
        assert not parents & originals


HALVES: list[dict[str, Any]] = [{"origin": "original", "share": 0.5}, {"origin": "synthetic", "share": 0.5, "max_epochs": 2}]


@pytest.mark.parametrize("pairing", ["both", "instead"])
@pytest.mark.parametrize("original", [0.3, 0.7])
def test_pairing_without_a_budget_takes_what_fits(output: str, spark: LazySession, many_tasks: None, pairing: str, original: float) -> None:
    components = [HALVES[0] | {"share": original}, HALVES[1] | {"share": 1 - original}]
    plan, rows = mixture(output, spark, components=components, pairing=pairing)
    _check_pairing(pairing, rows)
    for part, component in zip(plan.components, components, strict=True):
        assert abs(part.tokens - component["share"] * plan.tokens) <= LONGEST
    with pytest.raises(UserError, match="too little material") as caught:
        mixture(output, spark, components=components, pairing=pairing, budget_tokens=int(plan.tokens * 1.1))
    fits = int(caught.value.cure.split("budget_tokens to at most ")[1].split(";")[0].split(", or")[0].replace(",", ""))
    assert fits == pytest.approx(plan.tokens, rel=0.02)


def test_shares_that_no_budget_can_pair_are_refused(output: str, spark: LazySession) -> None:
    components = [HALVES[0] | {"share": 0.1}, HALVES[1] | {"share": 0.9, "max_epochs": 1}]
    for budget in (None, 4000):
        with pytest.raises(
            UserError, match=r"mix\.pairing: with texts whose original is taken alone: .* \(no budget is small enough; or give"
        ):
            mixture(output, spark, components=components, pairing="both", budget_tokens=budget)


def test_an_unpaired_mixture_has_rewrites_without_their_originals(output: str, spark: LazySession) -> None:
    _, rows = mixture(output, spark, components=HALVES, budget_tokens=4000)
    with pytest.raises(AssertionError):
        _check_pairing("both", rows)


def test_pairing_resumes_from_its_plan(output: str, spark: LazySession, many_tasks: None) -> None:
    for pairing in ("both", "instead"):
        run = run_of(output, components=HALVES, pairing=pairing, budget_tokens=4000)
        inputs = find_inputs(run)
        plan, marks = make_plan(run.mix, inputs, spark.get())
        again = marks_of(run.mix, inputs, spark.get(), Plan.from_dict(json.loads(json.dumps(plan.to_dict()))))
        assert marks is not None
        assert again is not None
        assert sorted(marks.collect()) == sorted(again.collect())


def test_phases_stand_in_their_files_and_go_on_where_the_earlier_stopped(output: str, spark: LazySession) -> None:
    web, wiki = {"origin": "original", "source": "web"}, {"origin": "original", "source": "wiki", "max_epochs": 3}
    phases = [
        {"tokens": 10_000, "components": [web | {"share": 0.8}, wiki | {"share": 0.2}]},
        {"tokens": 8_000, "components": [wiki | {"share": 1}]},
        {"components": [web | {"tokens": 2_000}]},
    ]
    plan, rows = mixture(output, spark, phases=phases, file_tokens=6000)
    assert plan.files == (2, 2, 1)
    by_phase = [[row for row in rows if row["part"] in files] for files in ((0, 1), (2, 3), (4,))]
    assert [abs(tokens(part) - count) <= 2 * LONGEST for part, count in zip(by_phase, (10_000, 8_000, 2_000), strict=True)] == [True] * 3
    assert {row["source"] for row in by_phase[1]} == {"wiki"}
    first, last = ({row["id"] for row in by_phase[n] if row["source"] == "web"} for n in (0, 2))
    assert first
    assert last
    assert not first & last
    seen = Counter[str]()
    for part in by_phase:  # the uses of a text are counted on from phase to phase
        uses = Counter(row["id"] for row in part)
        assert all(row["epoch"] in range(seen[row["id"]], seen[row["id"]] + uses[row["id"]]) for row in part)
        seen += uses
    with pytest.raises(UserError, match="the tokens of all phases to at most"):
        mixture(output, spark, phases=[phase | {"tokens": 90_000} for phase in phases[:2]])


def test_temperature_lifts_small_sources(output: str, spark: LazySession) -> None:
    component = {"origin": "original", "split_by": "source", "max_epochs": 2, "share": 1}
    there = Counter[str]()
    for document in documents_and_rewrites()[0]:
        there[document["source"]] += document["n_tokens"]
    for temperature in (1, 2):
        plan, rows = mixture(output, spark, components=[component | {"temperature": temperature}], budget_tokens=6000)
        weights = {source: count ** (1 / temperature) for source, count in there.items()}
        for source, weight in weights.items():
            assert abs(tokens(rows, source=source) - 6000 * weight / sum(weights.values())) <= LONGEST
        assert sorted(part.name for part in plan.components) == ["original from code", "original from web", "original from wiki"]


def test_licences_and_score_buckets_tell_texts_apart(output: str, spark: LazySession) -> None:
    low = {"origin": "original", "license": "CC-*", "max_scores": {"edu": 2}, "tokens": 700}
    high = {"origin": "original", "license": "CC-*", "min_scores": {"edu": 3}, "tokens": 1500}
    _, rows = mixture(output, spark, components=[low, high])
    grades = {document["id"]: int(document["metadata"][0][1]) for document in documents_and_rewrites()[0]}
    assert {row["license"] for row in rows} == {"CC-BY-4.0", "CC-BY-SA-4.0"}
    assert abs(sum(row["n_tokens"] for row in rows if grades[row["id"]] <= 2) - 700) <= LONGEST
    assert abs(sum(row["n_tokens"] for row in rows if grades[row["id"]] >= 3) - 1500) <= LONGEST


def test_guards_name_numbers_and_cure(output: str, spark: LazySession) -> None:
    settings = {"components": [{"origin": "original", "share": 0.4}, {"origin": "synthetic", "share": 0.6}], "budget_tokens": 5000}
    with pytest.raises(UserError, match=r"models wrote .* max_synthetic_share is 50\.00%: `synthetic` with .* tokens off them"):
        mixture(output, spark, **settings, max_synthetic_share=0.5)
    with pytest.raises(UserError, match=r"originals have .* min_original_share is 50\.00%.* tokens of the others'"):
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


def test_one_seed_gives_one_order_on_any_number_of_tasks(output: str, spark: LazySession, tmp_path: Path) -> None:
    settings = {"components": HALVES, "pairing": "both", "budget_tokens": 4000}
    _, here = mixture(output, spark, **settings)
    run = run_of(output, **settings).model_copy(update={"spark": Spark(conf={"spark.sql.shuffle.partitions": 4})})
    (tmp_path / "run.json").write_text(run.model_dump_json())
    code = """if True:
        import json, sys
        import jobs.mix_inputs
        jobs.mix_inputs._MIN_TASK_BYTES, jobs.mix_inputs._MANY_TASKS = 1, 1000
        from jobs.mix_inputs import find_inputs
        from jobs.mix_plan import make_plan
        from jobs.mix_write import shuffled
        from jobs.session import LazySession
        from rephrase.config import Run
        run = Run.model_validate_json(open(sys.argv[1]).read())
        session = LazySession(run.spark, f"local[{sys.argv[2]}]")
        inputs = find_inputs(run)
        plan, marks = make_plan(run.mix, inputs, session.get())
        rows = shuffled(session.get(), inputs, run.mix, plan, range(sum(plan.files)), marks).toArrow().to_pylist()
        json.dump([row["id"] for row in rows], open(sys.argv[3], "w"))
    """
    for tasks in ("1", "4"):
        out = tmp_path / f"{tasks}.json"
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "run.json"), tasks, str(out)], check=True, timeout=200)
        assert json.loads(out.read_text()) == [row["id"] for row in here]
    _, other = mixture(output, spark, **settings, seed=8)
    assert [row["id"] for row in other] != [row["id"] for row in here]


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
