"""The report in a browser: it opens in silence, is read and marked by mouse and keys, and what is hostile in it stays text."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from classifiers.agreement import compare as agreement
from rephrase.cli.main import main
from rephrase.config.run import Run
from rephrase.report.compare import compare
from rephrase.report.comparison import comparison_page
from rephrase.report.report import write_report
from rephrase.spark.stages.base import Tables
from rephrase.storage import tables
from tests.browser import chromium, opened_browser
from tests.rephrase.report.made_run import make_run

HOSTILE = '<script>document.title="owned"</script></script></textarea><img src=x onerror=document.title="owned"><!--\u2028'

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium: `make test` installs one on Linux with x86-64")


@dataclass
class Opened:
    """A page, and all that it said and asked for."""

    page: Any
    run: Run
    path: Path
    seconds: float = math.inf
    """Of the fastest opening: the first one of a browser, and those on a busy machine, take longer."""
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def go(self, anchor: str = "") -> None:
        start = time.monotonic()
        if not anchor and self.page.url.split("#")[0] == self.path.as_uri():
            self.page.reload()
        else:
            self.page.goto("about:blank")  # or an anchor alone would load nothing
            self.page.goto(f"{self.path.as_uri()}{anchor}")
        self.seconds = min(self.seconds, time.monotonic() - start)

    def count(self) -> int:
        return int(self.page.inner_text("#found").split()[0].replace(",", ""))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with opened_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Run, Path]:
    folder = tmp_path_factory.mktemp("report")
    run = make_run(folder, 2, hostile=HOSTILE)
    write_report(run, str(folder / "report.html"))
    return run, folder / "report.html"


@pytest.fixture
def report(browser, made) -> Iterator[Opened]:
    context = browser.new_context(color_scheme="light", accept_downloads=True, viewport={"width": 1280, "height": 900})
    opened = Opened(context.new_page(), *made)
    opened.page.on("console", lambda message: opened.said.append(message.text))
    opened.page.on("pageerror", lambda error: opened.said.append(str(error)))
    opened.page.on("request", lambda request: opened.asked.append(request.url))
    opened.go()
    yield opened
    assert opened.said == []
    assert {url.split("#")[0] for url in opened.asked if not url.startswith(("about:", "blob:"))} == {opened.path.as_uri()}
    context.close()


def rows_of(run: Run) -> list[dict[str, Any]]:
    return tables.read_folder(Tables.JUDGED.folder(run.output)).to_pylist()


def test_it_opens_at_once_and_every_section_tells_something(report: Opened) -> None:
    report.go()
    report.go()
    assert report.seconds < 3
    names = report.page.eval_on_selector_all("main section", "all => all.map(one => one.id)")
    assert names == ["run", "funnel", "recipes", "work", "errors", "texts", "contamination", "mixture"]
    for name in names:
        text = report.page.inner_text(f"#{name}")
        assert len(text.splitlines()) > 1, name
        assert not {"None", "nan", "NaN", "undefined", "null"} & set(text.split()), name
    boxes = report.page.eval_on_selector_all(
        "figure svg", "all => all.map(one => one.getBoundingClientRect()).map(b => [b.width, b.height])"
    )
    assert len(boxes) > 8
    assert all(width > 100 and height > 30 for width, height in boxes)
    assert report.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing stands beside the page"


def test_what_is_hostile_is_shown_as_text(report: Opened) -> None:
    [scripts] = report.page.evaluate("[document.scripts.length]")
    assert scripts == 2, "the rows and the page's own"
    report.page.fill("#search", 'document.title="owned"')
    assert report.count() > 0
    assert 'document.title="owned"</script></script></textarea><img' in report.page.inner_text("#detail")
    assert report.page.query_selector_all("#detail img, #detail script") == []
    assert report.page.title().endswith(": report")
    policy = report.page.get_attribute("meta[http-equiv]", "content")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_filters_leave_the_rows_that_the_tables_have(report: Opened) -> None:
    rows, page = rows_of(report.run), report.page
    assert report.count() == len(rows)
    page.select_option("#recipe", "=wrap/qa")
    assert report.count() == sum(row["recipe"] == "wrap/qa" for row in rows)
    page.select_option("#verdict", "=parsed")
    assert report.count() == sum((row["recipe"], row["verdict"]) == ("wrap/qa", "parsed") for row in rows) > 0
    assert page.inner_text("#detail .bar .verdict") == "parsed"
    page.click("#clear")
    page.select_option("#source", "=notes")
    assert report.count() == sum(row["source"] == "notes" for row in rows)
    page.click("#clear")
    page.select_option("#score", label="length.ratio")
    page.fill("#low", "0.5")
    page.fill("#high", "0.7")
    assert report.count() == sum(0.5 <= dict(row["scores"]).get("length.ratio", 0) <= 0.7 for row in rows) > 0
    page.click("#clear")
    page.fill("#search", "krakatau KILOMETRES")
    assert 0 < report.count() < len(rows)
    page.fill("#search", "no such words anywhere")
    assert page.inner_text("#detail") == "No row fits these filters."


def test_keys_move_mark_and_search_and_marks_outlive_the_page(report: Opened, tmp_path: Path) -> None:
    page = report.page
    first = page.inner_text("#detail code")
    page.keyboard.press("b")
    assert page.inner_text("#save") == "save 0 marks", "no row is in sight"
    page.click("nav a[href='#explorer']")
    page.keyboard.press("g")
    second = page.inner_text("#detail code")
    page.keyboard.press("b")
    page.keyboard.press("k")
    assert page.inner_text("#detail code") == second
    assert page.inner_text("#detail .bar .mark-bad") == "bad"
    page.keyboard.press("/")
    page.keyboard.type("g")
    assert page.input_value("#search") == "g", "keys in a field write"
    page.keyboard.press("Escape")
    page.click("#clear")
    page.select_option("#verdict", "=parsed")
    page.click("#bad")
    report.go()
    assert page.inner_text("#save") == "save 3 marks"
    page.select_option("#marked", "good")
    assert report.count() == 1
    with page.expect_download() as download:
        page.click("#save")
    path = tmp_path / "marks.jsonl"
    download.value.save_as(path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert {line["id"]: line["mark"] for line in lines}.items() >= {first: "good", second: "bad"}.items()
    told = agreement(str(path), str(path), score="length.ratio")
    assert (told.good, told.bad) == (1, 2)
    assert told.rejections["parsed"].rejected == 1
    main(["review", "import", str(path), "--of", str(path)])


def test_a_link_leads_to_its_row_and_one_that_is_not_there_is_told(report: Opened) -> None:
    row = rows_of(report.run)[-1]
    report.go(f"#row={row['id']}")
    assert report.page.inner_text("#detail code") == row["id"]
    assert report.page.evaluate("location.hash") == f"#row={row['id']}"
    report.page.keyboard.press("k")
    assert report.page.evaluate("location.hash") == f"#row={report.page.inner_text('#detail code')}" != f"#row={row['id']}"
    report.go("#row=%E0%A4%A")
    assert "not in this report's sample" in report.page.inner_text("#found")


def luminance(color: str) -> float:
    parts = [int(part) / 255 for part in color.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(page: Any, selector: str) -> float:
    """Of an element's colour against the page's, as WCAG 2 defines it."""
    colors = page.evaluate(
        f"[getComputedStyle(document.querySelector('{selector}')).color, getComputedStyle(document.body).backgroundColor]"
    )
    light, dark = sorted(map(luminance, colors), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_can_be_read_in_light_and_dark(report: Opened, theme: str) -> None:
    page = report.page
    page.emulate_media(color_scheme=theme)
    page.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=theme)
    assert contrast(page, "body") > 7
    for selector in ("th", "figcaption", "a", ".verdict.keep", "nav a"):
        assert contrast(page, selector) > 4.5, selector
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    report.go()
    assert page.evaluate("document.documentElement.dataset.theme") != theme, "the choice outlives the page"


def test_a_chart_says_its_numbers_and_a_print_leaves_out_what_is_for_the_screen(report: Opened) -> None:
    page = report.page
    page.hover("#recipes svg [aria-roledescription='bar']")
    assert "kept, " in page.inner_text("#tip")
    page.emulate_media(media="print")
    assert not page.is_visible("nav")
    assert not page.is_visible("#list")
    assert page.is_visible("#recipes table")
    assert len(page.pdf()) > 50_000


def test_runs_side_by_side_open_in_silence_too(report: Opened, tmp_path: Path) -> None:
    beside = compare({"one": report.run, "two": report.run}, rows=60)
    report.path = tmp_path / "beside.html"
    report.path.write_text(comparison_page(beside))
    report.asked.clear()
    report.go()
    assert report.seconds < 3
    assert report.page.title() == "runs side by side"
    assert len(report.page.query_selector_all(".pairs")) == len(beside.passages) == 60
    report.page.click("#theme")
    assert report.page.evaluate("document.documentElement.dataset.theme") == "dark"
