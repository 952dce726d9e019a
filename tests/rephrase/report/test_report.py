"""What the report and the comparison tell of runs, without a browser."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from rich.console import Console

from rephrase import storage
from rephrase.cli.compare_tables import names_of, print_comparison
from rephrase.cli.main import main
from rephrase.cli.summary_tables import print_summary
from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.errors import UserError
from rephrase.notes import EngineFigures, GenerationsNote
from rephrase.records import KEEP
from rephrase.report.charts import bars
from rephrase.report.compare import compare
from rephrase.report.comparison import tables_of
from rephrase.report.explorer import as_script
from rephrase.report.figures import RecipeFigures, figures_of
from rephrase.report.page import Part, Section, page
from rephrase.report.provenance import RecipeUsed
from rephrase.report.report import write_report
from rephrase.report.rows import read_rows
from rephrase.report.sections.engines import engines
from rephrase.report.sections.funnel import errors
from rephrase.report.work import work_of
from rephrase.spark.stages.base import Tables
from rephrase.storage import tables
from tests.rephrase.report.made_run import make_run
from tests.rephrase.spark.older_run import OLDER, copy_older_run


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return make_run(tmp_path_factory.mktemp("report"), 2)


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The config of a finished run with screening and deduplication, made by Spark."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(copy_older_run(tmp_path)))
    return tmp_path / "run.yaml"


def test_figures_are_those_of_the_rows(run: Run) -> None:
    figures = figures_of(run).to_json()
    rows = tables.read_folder(Tables.JUDGED.folder(run.output)).to_pylist()
    written = tables.read_folder(Tables.GENERATIONS.folder(run.output)).to_pylist()
    for recipe in figures["recipes"]:
        own = [row for row in rows if row["recipe"] == recipe["name"]]
        kept = [row for row in own if row["verdict"] == KEEP]
        tokens = sum(row["completion_tokens"] for row in written if row["recipe"] == recipe["name"])
        assert (recipe["judged"], recipe["kept"], recipe["completion_tokens"]) == (len(own), len(kept), tokens)
        assert recipe["kept_tokens"] == sum(row["n_tokens"] for row in kept)
        assert sum(recipe["rejected"].values()) == len(own) - len(kept)
        assert recipe["keep_rate"] == pytest.approx(len(kept) / len(own))
        assert recipe["written_per_kept"] == pytest.approx(tokens / recipe["kept_tokens"])
    assert figures["total"]["judged"] == len(rows)
    assert figures["total"]["causes"] == {"parse:no_questions": 4}


def test_requests_that_were_sent_again_are_told_where_no_error_is_left(run: Run) -> None:
    def told(**counts: int) -> str:
        recipe = RecipeFigures("wrap/qa", requests=10, generations=8, **counts)
        return errors(replace(figures_of(run), recipes=(recipe,)), str).parts[0].says

    assert told() == "No row has one: every request was answered, and every answer could be read."
    assert told(retried=1) == "No row has one: of 10 requests 1 (10%) was sent again, as the answer before could not be read."


def test_rows_are_read_beside_their_passages(run: Run) -> None:
    reading = read_rows(run, 40)
    documents = {row["id"]: row["text"] for row in tables.read_folder(Tables.DOCUMENTS.folder(run.output)).to_pylist()}
    written = {row["id"]: row for row in tables.read_folder(Tables.GENERATIONS.folder(run.output)).to_pylist()}
    assert len(reading.rows) == 40
    for row in reading.rows:
        generation = written[row.id]
        assert row.passage == documents[generation["document_id"]][generation["span_start"] : generation["span_end"]]
        assert row.text == (generation["text"] if generation["text"] is not None else generation["completion"])
        assert row.is_raw == (generation["text"] is None)
    assert {(row.recipe, row.verdict) for row in reading.rows} == reading.counts.keys(), "each pair is there"
    lengths = [len(row["text"]) for row in written.values() if row["text"] is not None]
    assert np.sort(reading.measured.of(reading.measured.text_characters)).tolist() == sorted(lengths)


def test_the_time_of_engines_is_parted_without_a_rest() -> None:
    def note(server: str, start: float, end: float, tokens: int = 100, reused: int = 0, ready: float | None = None) -> GenerationsNote:
        figures = EngineFigures(server=server, ready=ready)
        return GenerationsNote(engine=figures, started=start, ended=end, completion_tokens=tokens, reused_tokens=reused, model="m")

    notes = [
        note("a-1-1", 100, 110, ready=108),
        note("a-1-1", 105, 120, ready=109),
        note("a-1-1", 130, 140),
        note("b-1-1", 115, 125),
        note("b-1-1", 90, 95, 9, 9),
    ]
    work = work_of([*notes, note("b-1-1", 1000, 1010)])
    assert work is not None
    assert work.taken_over == 9
    assert work.seconds == 50, "the pause of minutes between two drivers is nobody's"
    first, second = work.engines
    names = ("name", "tokens", "start", "busy", "late", "idle", "early")
    assert [getattr(first, name) for name in names] == ["a", 300, 8, 22, 0, 10, 10]
    assert [getattr(second, name) for name in names] == ["b", 200, None, 20, 15, 15, 0]
    assert work.shares() == {"start": 0.08, "waiting": 0.4, "generating": 0.42, "idle": 0.1}
    assert work.engine_seconds == 100
    assert [rate for at, name, rate in work.curve if name == "a" and at == 0] == [0], "a server that starts writes nothing"
    assert "9 tokens more were taken over" in engines(work, [], None).parts[0].says
    assert work_of([notes[-1]]) is None, "what an earlier run wrote took no time"
    seconds = np.diff([at for at, name, _ in work.curve if name == "a"])[0]
    assert sum(rate * seconds for *_, rate in work.curve) == pytest.approx(500)


def test_a_report_tells_of_duplicates_and_of_what_stands_out(older: Path, capsys) -> None:
    main(["report", str(older), "-o", "page.html", "--rows", "5", "--benchmark", "1000"])
    printed = capsys.readouterr().out
    assert "page.html" in printed
    assert "5 of 28 judged rows" in printed
    html = Path("page.html").read_text()
    assert "Among documents: 0 of 4." in html
    assert "5 of 28 judged rows, drawn by the seed 0" in html
    assert "of 1,000 tokens/s" in html
    assert "as named by --benchmark" in html
    assert "there are no engine hours to tell" in html, "recorded answers take none"
    assert "the run has no event log" in html
    assert "wrap/* is 28% of the mixture&#39;s tokens" not in printed, "within two points"
    data = json.loads(html.split('<script type="application/json" id="rows">')[1].split("</script>")[0])
    assert len(data["rows"]) == 5


def test_an_unfinished_run_has_sentences_where_charts_would_be_empty(older: Path) -> None:
    for table in ("judged", "mixture", "generations", "duplicates"):
        shutil.rmtree(older.parent / "finished" / table)
    written = write_report(load_run(str(older)), "page.html")
    html = Path("page.html").read_text()
    assert written.rows == 0
    for sentence in (
        "No data, because nothing was rewritten yet.",
        "No data, because no unit of this run asked an engine",
        "No data, because no rewrite was kept.",
        "No data, because there is no finished mixture yet",
        "No rows, because nothing was judged yet",
    ):
        assert sentence in html
    with pytest.raises(UserError, match="there is no run here"):
        write_report(load_run(str(older), {"output": "nowhere"}), "page.html")
    shutil.copytree(OLDER / "finished" / "judged", "half/judged")
    with pytest.raises(UserError, match="generations of these verdicts are missing"):
        write_report(load_run(str(older), {"output": "half"}), "page.html")


def test_figures_of_trained_models_are_shown_where_there_are_some(older: Path) -> None:
    run = load_run(str(older))
    Path("results.csv").write_text("mixture,share:original,bits_per_byte:web\nplain,1,1.25\n")
    written = write_report(run, "page.html", results=["results.csv"])
    assert written.to_json()["evidence"][0]["rows"][0]["measures"] == {"bits_per_byte:web": 1.25}
    assert "Bits that a small model needs" in Path("page.html").read_text()
    with pytest.raises(UserError, match=r"no-such\.csv: there is no such file"):
        write_report(run, "page.html", results=["no-such.csv"])
    assert write_report(run, "page.html").results == ()


def test_what_a_name_holds_is_text_in_charts_and_tables() -> None:
    name = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    html = page("report.html.j2", [], **dict.fromkeys(("title", "heading", "made", "config", "sample"), name), **_content(name))
    assert "<script>alert" not in html
    assert "<img" not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 10


def _content(name: str) -> dict[str, Any]:
    table = Part(name, says=name, columns=(name, f"#{name}"), rows=[(name, name)], notes=[name])
    chart = Part(charts=[(name, bars.bars([(name, 1.0, name)], name)), (name, bars.verdicts({name: {"keep": 1, name: 1}}))])
    return {
        "sections": [Section("run", name, name, [table, chart])],
        "recipes": [RecipeUsed(name, name, name, "https://example.org")],
        "tiles": [(name, name)],
        "findings": [name],
        "data": as_script({"rows": name}),
    }


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Run:
    """The same documents with stricter checks and a recipe less."""
    folder = tmp_path_factory.mktemp("other")
    run = make_run(folder, 1, filter={"checks": ["finished", "parsed", {"length": {"min_ratio": 0.5}}]})
    for table in (Tables.GENERATIONS, Tables.JUDGED):
        for path in tables.objects(table.folder(run.output)):
            if "wrap.hard" in path:
                storage.delete(path)
    return run


def test_runs_stand_side_by_side_with_the_same_passages(run: Run, other: Run) -> None:
    compared = compare({"one": run, "two": other}, rows=6)
    assert compared.settings["filter.checks.length.min_ratio"] == ("", "0.5")
    assert compared.settings["filter.checks.chatter"] == ("yes", "")
    told = compared.to_json()
    rates = [{recipe["name"]: recipe["keep_rate"] for recipe in one["recipes"]} for one in told["runs"]]
    assert rates[0]["wrap/qa"] > rates[1]["wrap/qa"]
    assert "wrap/hard" not in rates[1]
    assert len(compared.passages) == 6
    for mine, theirs in compared.passages:
        assert (mine.passage, mine.recipe, mine.text) == (theirs.passage, theirs.recipe, theirs.text)
    assert compared.diversity[0]["rows"] == figures_of(run).documents.documents
    console = Console(record=True, width=80)
    print_comparison(compared, 1, console)
    text = console.export_text()
    assert "wrap/hard" in text
    assert "…" not in text.split("passage of")[0]
    words = compared.diversity[0]["compared_words"]
    assert f"by {words:,} words of each, self-BLEU by" in " ".join(text.split()), "figures by other amounts are others"
    with pytest.raises(UserError, match="one run alone"):
        compare({"one": run})


def test_settings_that_do_not_differ_are_left_out(run: Run) -> None:
    assert dict(tables_of(compare({"one": run, "two": run}, rows=0)))["What differs in the settings"] == []


def test_compare_tells_the_page_that_it_wrote_and_the_run_that_has_not_begun(run: Run, tmp_path: Path, capsys) -> None:
    config, page_path = str(Path(run.output).with_name("run.yaml")), tmp_path / "beside.html"
    main(["compare", config, config, "--rows", "3", "-o", str(page_path)])
    assert f"{page_path}: {page_path.stat().st_size / 1e6:.1f} MB, 3 passages of all runs" in capsys.readouterr().out
    (tmp_path / "run2.yaml").write_text(Path(config).read_text())
    with pytest.raises(SystemExit):
        main(["compare", config, str(tmp_path / "run2.yaml")])
    told = capsys.readouterr().err
    assert f"`rephrase run {tmp_path / 'run2.yaml'}` begins it" in told
    assert "--output" not in told


def test_names_of_runs_tell_them_apart() -> None:
    assert names_of(["a/run.yaml", "b/run.yaml"]) == ["a/run", "b/run"]
    assert names_of(["a/run.yaml", "other.yaml"]) == ["run", "other"]
    assert len(set(names_of(["a.yaml", "a.yaml"]))) == 2


def test_commands_that_report_print_one_json_object(older: Path, capsys) -> None:
    def said(*words: str) -> dict:
        main(list(words))
        value = json.loads(capsys.readouterr().out)
        assert isinstance(value, dict)
        return value

    path = str(older)
    report = said("report", path, "--json", "-o", "page.html", "--price", "2")
    assert report["page"]["bytes"] == Path("page.html").stat().st_size
    assert (report["total"]["kept"], report["cost"]["price"], report["cost"]["gpu_hours"]) == (28, 2, None)
    assert said("summary", path, "--json")["total"]["kept"] == 28
    shown = said("show", path, "--json", "-n", "2")["rows"]
    assert [row["judged"]["verdict"] for row in shown] == [KEEP, KEEP]
    assert said("show", path, shown[0]["id"], "--json")["rows"] == shown[:1]
    shutil.copy(path, "again.yaml")
    beside = said("compare", path, "again.yaml", "--json", "--rows", "28", "-o", "beside.html")
    assert [one["name"] for one in beside["runs"]] == ["run", "again"]
    assert len(beside["passages"]) == 28
    assert "<mark" in Path("beside.html").read_text()
    prompts = said("preview", "wrap/easy", "--input", "crawl/notes.jsonl", "--config", path, "-n", "1", "--json")["prompts"]
    assert all(prompt["generations"][0]["text"] for prompt in prompts)
    with pytest.raises(SystemExit):
        main(["show", path, "no-such-id", "--json"])


def test_a_summary_cuts_no_word_at_80_columns(run: Run) -> None:
    print_summary(run, console := Console(record=True, width=80))
    text = console.export_text()
    assert "…" not in text
    assert "generations" in text.split("Kept by recipe")[1].split("wrap")[0]
    assert "wrap/qa: rejected by parsed" in text
    print_summary(run, console := Console(record=True, width=140))
    assert "rejected by" in console.export_text().split("Kept by recipe")[1].split("wrap")[0], "within the table where there is room"
