from __future__ import annotations

import json
from pathlib import Path

import pytest

from classifiers.entities.evaluate import ANY_KIND, evaluate, read_labelled
from examples import build_personal_data
from rephrase.cli.main import main
from rephrase.errors import UserError
from rephrase.readers.settings import StandIns
from tests.places import ROOT

SET = ROOT / "examples" / "personal_data.jsonl"


def write(path: Path, *rows: object) -> str:
    path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
    return str(path)


def span(text: str, part: str, kind: str) -> dict[str, object]:
    return {"start": text.index(part), "end": text.index(part) + len(part), "kind": kind}


def test_figures_of_patterns_counted_by_hand(tmp_path: Path) -> None:
    mail = "Mail a.b@northfen.test, or ask Ada Lee."
    half = "Call +49 30 901820 today."
    path = write(
        tmp_path / "labelled.jsonl",
        {"text": mail, "spans": [span(mail, "a.b@northfen.test", "EMAIL"), span(mail, "Ada Lee", "person")]},
        {"text": half, "spans": [span(half, "901820", "phones")]},  # less than half of what is replaced
        {"text": "None: 8.8.8.8", "spans": []},
    )
    kinds = evaluate(read_labelled(path), StandIns())["patterns"].kinds
    assert list(kinds) == ["emails", "ipv4", "person", "phones", ANY_KIND]
    figures = {kind: (one.labelled, one.given, one.right, one.precision, one.recall) for kind, one in kinds.items()}
    assert figures["emails"] == (1, 1, 1, 1.0, 1.0)
    assert figures["ipv4"] == (0, 1, 0, 0.0, None)
    assert figures["person"] == (1, 0, 0, None, 0.0)
    assert figures["phones"] == (1, 1, 0, 0.0, 0.0)
    assert figures[ANY_KIND] == (3, 3, 1, 1 / 3, 1 / 3)
    assert kinds[ANY_KIND].f1 == pytest.approx(1 / 3)
    assert kinds[ANY_KIND].left_share == pytest.approx(7 / 30)  # of the labelled characters only the name would stay
    assert kinds["phones"].left_share == 0


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "Ada"}, "no field `spans`"),
        ({"spans": []}, "no field `text`"),
        ({"text": 5, "spans": []}, "`text` should be text"),
        ({"text": "Ada", "spans": [{"start": 0, "end": 4, "kind": "person"}]}, "none of a text of 3 characters"),
        ({"text": "Ada", "spans": [{"start": 2, "end": 2, "kind": "person"}]}, "none of a text of 3 characters"),
        ({"text": "Ada", "spans": [{"start": "0", "end": 3, "kind": "person"}]}, "should be numbers"),
        ({"text": "Ada", "spans": [{"start": 0, "end": 2, "kind": "a"}, {"start": 1, "end": 3, "kind": "b"}]}, "overlap at character 1"),
        ("{no json\n", "JSON"),
    ],
)
def test_a_row_that_is_not_of_the_form_is_named(tmp_path: Path, row: object, message: str) -> None:
    path = write(tmp_path / "labelled.jsonl", {"text": "Fine", "spans": []}, row)
    with pytest.raises(UserError, match=message) as error:
        read_labelled(path)
    assert error.value.where == f"{path}, row 2"


def test_an_empty_set_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there are no texts"):
        read_labelled(write(tmp_path / "labelled.jsonl"))


def test_the_shipped_set_is_what_its_script_makes() -> None:
    assert [json.loads(line) for line in SET.read_text().splitlines()] == build_personal_data.rows()


def test_the_command_prints_a_table_and_writes_the_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["scrub", "eval", str(SET), "--json", str(tmp_path / "figures.json")])
    printed = capsys.readouterr().out
    assert "60 texts with 88 labelled spans" in printed
    assert any(line.split("│")[1:5] and "emails" in line and "1.000" in line for line in printed.splitlines())
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert list(figures["ways"]) == ["patterns"]
    assert figures["ways"]["patterns"]["kinds"]["emails"]["f1"] == 1
    with pytest.raises(SystemExit):
        main(["scrub", "eval", str(SET), "--set", "input.scrub=true"])
    assert "there is no config to replace keys of" in capsys.readouterr().err
