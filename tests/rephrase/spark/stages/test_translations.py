"""Translations on their way through the stages: documents in five languages, to a mixture by language."""

from __future__ import annotations

import json
import re
from collections import Counter

from rephrase import storage
from rephrase.config.file import load_run
from rephrase.spark.stages.pipeline import run_all
from rephrase.storage import tables
from tests.classifiers.checks.test_aligned import TEXTS
from tests.rephrase.engines.scripted import serving_thread
from tests.rephrase.spark.stages.test_pipeline import write_run
from tests.rephrase.spark.stages.test_rewrite import answer_of

PLACES = {paragraph: (language, place) for language, text in TEXTS.items() for place, paragraph in enumerate(text.split("\n\n"))}
LOST = "ru"
"""Of translations from this language the last paragraph is a note, and not what the source says."""


def translator(body: dict, _call: int) -> dict:
    """What a translator who knows these texts answers, paragraph by paragraph, with a word before it."""
    prompt = body["messages"][-1]["content"]
    to = re.search(r"into [\w ]+ \((\w+)", prompt)[1]
    written = []
    for paragraph in prompt.split("Text:\n", 1)[1].split("\n\n"):
        language, place = PLACES.get(paragraph, ("", 0))
        translation = TEXTS[to].split("\n\n")[place] if language else paragraph
        written.append("I left this part out." if (language, place) == (LOST, 2) else translation)
    return answer_of("Here is the translation:\n\n" + "\n\n".join(written))


def test_documents_in_five_languages_become_translations_that_are_mixed_by_their_own(tmp_path, spark, tokenizer_file):
    languages = {"zh": "zho_Hans", "ar": "arb_Arab", "de": "de", "ru": "rus_Cyrl", "en": "eng_Latn"}
    recipes = [
        {"use": "translate/document", "options": {"to": ["English"], "chunk_tokens": 420, "check_back": 1}},
        {"use": "translate/bilingual", "options": {"to": ["th", "ja"]}},
    ]
    shares = [
        {"language": "eng", "origin": "synthetic", "share": 0.12},
        {"language": "mul", "share": 0.7},
        {"origin": "original", "share": 0.18},
    ]
    with serving_thread(translator) as url:
        path = write_run(
            tmp_path,
            tokenizer_file,
            {"kind": "endpoint", "url": url, "model": "translator"},
            recipes=recipes,
            filter={"checks": ["finished", "parsed", "chatter", "length", "copied", "aligned"]},
            mix={"components": shares},
        )
        lines = [{"id": code, "text": TEXTS[code], "metadata": {"language": tag}} for code, tag in languages.items()]
        (tmp_path / "raw" / "notes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        run = load_run(str(path))
        run_all(run, spark)
    generations, judged, mixture = (
        tables.read_folder(storage.join(run.output, name)).to_pylist() for name in ("generations", "judged", "mixture")
    )
    documents = tables.read_folder(storage.join(run.output, "documents"), ["id", "text"]).to_pylist()
    codes = {row["id"]: next(code for code in languages if TEXTS[code] == row["text"]) for row in documents}
    for row in (*generations, *judged):
        row["document_id"] = codes[row["document_id"]]
    assert not any(row["error"] for row in generations)
    assert Counter(json.loads(row["fields"]).get("skipped") for row in generations)["the document is in eng_Latn"] == 1
    translated = {row["document_id"]: row for row in generations if row["text"] and row["recipe"] == "translate/document"}
    assert set(translated) == {"zh", "ar", "de", "ru"}
    assert all(row["text"] == TEXTS["en"] for name, row in translated.items() if name != LOST)
    assert {row["synthetic_depth"] for row in translated.values()} == {1}
    chunks = Counter(row["document_id"] for row in generations if row["step"] == "translate" and row["recipe"] == "translate/document")
    assert chunks["ar"] > 2, "more than one chunk, and the whole"

    verdicts = {(row["recipe"], row["document_id"]): row for row in judged if row["verdict"] != "intermediate"}
    rejected = {key for key, row in verdicts.items() if row["verdict"] != "keep"}
    assert rejected == {("translate/document", LOST), ("translate/bilingual", LOST)}
    assert {verdicts[key]["verdict"] for key in rejected} == {"aligned"}
    assert {row["language"] for (recipe, _), row in verdicts.items() if recipe == "translate/document"} == {"en"}
    assert {row["language"] for (recipe, _), row in verdicts.items() if recipe == "translate/bilingual"} == {"mul"}
    back = {row["document_id"]: score for row in judged for name, score in row["scores"] if name == "aligned.back"}
    assert set(back) == {"zh", "ar", "de", "ru"}
    assert all(back[name] > 90 for name in ("zh", "ar", "de")), "translated back they are what they were"
    assert back[LOST] < 80

    by_recipe = Counter(row["recipe"] for row in mixture)
    assert by_recipe["translate/document"] >= 1
    assert all(row["text"] == TEXTS["en"] for row in mixture if row["recipe"] == "translate/document")
    manifest = json.loads((tmp_path / "out" / "mixture" / "_manifest.json").read_text())
    assert {"en", "mul"} < {count["value"] for count in manifest["counts"]["language"]}
