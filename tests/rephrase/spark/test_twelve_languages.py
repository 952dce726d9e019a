"""A run on a document in each of twelve languages, from its passages to an export."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
import zstandard

from rephrase.config.file import load_run
from rephrase.exports.catalogue import make_format
from rephrase.records import KEEP
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.export import export
from rephrase.spark.stages.pipeline import run_all
from rephrase.storage import tables
from tests.languages import ENGLISH, TWELVE, paragraphs_of, sentence_ends, text_of, train_identifier
from tests.places import ROOT
from tests.rephrase.engines.scripted import serving_thread
from tests.rephrase.spark.stages.test_rewrite import answer_of

TAGS = ("zho_Hans", "jpn_Jpan", "ko-KR", "arb", "hin_Deva", "th", "rus_Cyrl", "German", "fr-FR", "es", "pt_BR", "tur_Latn")
LEAD_INS = {
    "zh": "当然可以！以下是改写后的文本：",
    "ja": "承知しました。以下は書き換えた文章です：",
    "ko": "물론입니다! 다음은 다시 쓴 글입니다:",
    "ar": "بالتأكيد! إليك النص بعد إعادة صياغة كاملة:",
    "hi": "ज़रूर! यहाँ पुनर्लिखित पाठ है:",
    "th": "ได้เลยครับ! นี่คือข้อความที่เรียบเรียงใหม่:",
    "ru": "Конечно! Вот переписанный текст:",
    "de": "Gerne! Hier ist der umformulierte Text:",
    "fr": "Bien sûr ! Voici le texte reformulé :",
    "es": "¡Claro! Aquí está el texto reformulado:",
    "pt": "Claro! Aqui está o texto reescrito:",
    "tr": "Elbette! İşte yeniden yazılmış metin:",
}
REFUSALS = {
    "zh": "作为一个人工智能语言模型，我无法改写这段文字。我只能说些别的事情，请谅解。",
    "ja": "私はAI言語モデルとして、この文章を書き換えることはできません。ほかのことならお手伝いできます。",
    "ko": "저는 AI 언어 모델로서 이 글을 다시 쓸 수 없습니다. 다른 일이라면 기꺼이 도와 드릴 수 있다고 말씀드립니다.",
    "ar": "بصفتي نموذج لغة لا أستطيع إعادة كتابة هذا النص كما هو مطلوب مني في هذه المرة أبدا.",
    "hi": "एक एआई भाषा मॉडल के रूप में मैं इस पाठ को दोबारा नहीं लिख सकता, मुझे बहुत खेद है।",
    "th": "ในฐานะปัญญาประดิษฐ์ ฉันไม่สามารถเขียนข้อความนี้ใหม่ได้ตามที่ร้องขอ ขออภัยเป็นอย่างยิ่ง",
    "ru": "Как языковая модель, я не могу переписать этот текст так, как меня об этом попросили сегодня.",
    "de": "Als KI-Sprachmodell kann ich diesen Text leider nicht umschreiben, wie es von mir verlangt worden ist.",
    "fr": "En tant que modèle de langage, je ne peux pas reformuler ce texte comme cela m'a été demandé.",
    "es": "Como modelo de lenguaje, no puedo reformular este texto tal como se me ha pedido en esta ocasión.",
    "pt": "Como modelo de linguagem, não posso reescrever este texto tal como me foi pedido nesta ocasião.",
    "tr": "Bir yapay zekâ dil modeli olarak bu metni istendiği gibi yeniden yazmam ne yazık ki mümkün değildir.",
}
PAIR = "Frage: Wie hoch ist der Turm?\nAntwort: Der Turm ist sehr hoch, und sein Licht ist weit zu sehen."


TITLE = "Von Leuchttürmen und Bienen"
OTHER_DIGITS = {code: unicodedata.decimal(chr(code)) for code in range(0x3000) if chr(code).isdecimal()}


def sentences_in(passage: str, code: str) -> list[tuple[int, str]]:
    """The sentences of a passage, each with the number of its paragraph."""
    return [(number, one) for number, paragraph in enumerate(paragraphs_of(code)) for one in paragraph if one in passage]


def fault_of(passage: str, code: str) -> str:
    """What the writer does wrong with a passage, by the check that shall see it; "keep" for nothing."""
    paragraphs = {number for number, _ in sentences_in(passage, code)}
    if 7 in paragraphs:
        return "chatter"
    if 3 in paragraphs:
        return "language"
    return "facts" if 5 in paragraphs and len(set(re.findall(r"\d+", passage))) >= 5 else KEEP


def retold(passage: str) -> str:
    """What the writer makes of a passage: its sentences in another order, behind a lead-in, but for what it does wrong."""
    code = next(code for code in TWELVE if passage.removeprefix(TITLE).strip() in text_of(code))
    match fault_of(passage, code):
        case "chatter":
            return REFUSALS[code]
        case "language":
            return " ".join(ENGLISH)
        case "facts":
            return passage.translate({digit: chr(digit - value + (value + 3) % 10) for digit, value in OTHER_DIGITS.items()})
    gap = "" if code in ("zh", "ja") else " "
    other = gap.join(one for _, one in reversed(sentences_in(passage, code)))
    return f"{LEAD_INS[code]}\n\n{other if len(other) > len(passage) / 2 else passage}"  # some Thai passages are pieces of sentences


def answer(body: dict[str, Any], _call: int) -> dict[str, Any]:
    prompt = body["messages"][-1]["content"]
    passage = prompt.partition("Passage:\n")[2].rpartition("\n\n")[0]
    return answer_of(PAIR if "Question:" in prompt else retold(passage))


def config_of(folder: Path, url: str) -> str:
    documents = [{"id": code, "language": tag, "text": text_of(code)} for code, tag in zip(TWELVE, TAGS, strict=True)]
    documents.append({"id": "twin", "language": "de", "text": f"{TITLE}\n\n{text_of('de')}"})
    (folder / "pages.jsonl").write_text("\n".join(map(json.dumps, documents)))
    identifier = train_identifier(folder / "identifier.bin")
    config = {
        "output": "out",
        "input": {"paths": "pages.jsonl", "fields": {"language": "language"}},
        "tokenizer": str(ROOT / "examples" / "tokenizer.json"),
        "engine": {"kind": "endpoint", "url": url, "model": "writer"},
        "recipes": [
            {"use": "wrap/medium", "language": "same"},
            {"use": "wrap/qa", "language": "German", "when": {"languages": ["zh", "jpn_Jpan", "Arabic"]}},
        ],
        "filter": {
            "checks": [
                *("finished", "parsed", "chatter", "commentary", "leaked"),
                {"language": {"model": identifier}},
                # The tokenizer of the examples knows English alone, and makes passages of a few words of the others.
                *({"length": {"min_words": 5}}, {"repetition": {"top_4gram": 0.2}}),
                *({"copied": {"max": None}}, "facts"),  # what is told in another order is a copy
            ],
        },
        "dedup": {},
        "mix": {"components": [{"recipe": "wrap/medium", "share": 1.0}]},
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(config))
    return str(path)


@pytest.fixture(scope="module")
def output(spark: LazySession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("languages")
    with serving_thread(answer) as url:
        run_all(load_run(config_of(folder, url)), spark)
    export(str(folder / "out" / "mixture"), str(folder / "out" / "exports" / "jsonl"), make_format("jsonl", None), spark)
    return folder / "out"


@pytest.fixture(scope="module")
def rows(output: Path) -> list[dict[str, Any]]:
    """Generations beside their verdicts and their documents' ids of ours."""
    documents = {row["id"]: row for row in tables.read_folder(str(output / "documents")).to_pylist()}
    generations = {row["id"]: row for row in tables.read_folder(str(output / "generations")).to_pylist()}
    judged = tables.read_folder(str(output / "judged")).to_pylist()
    return [{**generations[row["id"]], **row, "document": documents[row["document_id"]]} for row in judged]


def document_of(row: dict[str, Any]) -> str:
    """The code of our document."""
    return TWELVE[TAGS.index(row["document"]["language"])] if row["document"]["language"] in TAGS else "de"


@pytest.mark.parametrize("code", TWELVE)
def test_what_is_wrong_is_told_and_the_rest_is_kept(rows, code):
    retellings = [row for row in rows if row["recipe"] == "wrap/medium" and document_of(row) == code]
    assert len(retellings) > 4
    expected = Counter()
    for row in retellings:
        passage = row["document"]["text"][row["span_start"] : row["span_end"]]
        expected[fault_of(passage, code), row["verdict"]] += 1
    assert {pair for pair in expected if pair[0] != pair[1]} == set()
    assert {"chatter", "language", "keep"} <= {fault for fault, _ in expected}
    if code != "de":
        assert all(LEAD_INS[code][-8:] not in row["text"] for row in retellings if row["text"])


@pytest.mark.parametrize("code", [code for code in TWELVE if code not in ("th", "de")])
def test_passages_end_where_sentences_end(rows, code):
    ends = {row["span_end"] for row in rows if row["recipe"] == "wrap/medium" and document_of(row) == code}
    assert ends <= set(sentence_ends(code))


def test_answers_in_another_language_are_judged_as_such(rows):
    answers = [row for row in rows if row["recipe"] == "wrap/qa"]
    assert {document_of(row) for row in answers} == {"zh", "ja", "ar"}
    assert {(row["verdict"], row["language"], row["text"]) for row in answers} == {(KEEP, "de", PAIR)}
    assert not any(name.startswith(("facts", "copied")) for row in answers for name, _ in row["scores"])


def test_a_twin_is_found_and_the_export_has_all_languages(output):
    paths = tables.objects(str(output / "duplicates" / "documents"))
    assert sum(len(tables.read(path)) for path in paths) == 1
    files = sorted((output / "exports" / "jsonl" / "documents").iterdir())
    lines = [json.loads(line) for file in files for line in zstandard.decompress(file.read_bytes()).splitlines()]
    texts = "\n".join(line["text"] for line in lines)
    sentences = {code: [sentence for paragraph in paragraphs_of(code) for sentence in paragraph] for code in TWELVE}
    assert [code for code in TWELVE if sum(sentence in texts for sentence in sentences[code]) > 5] == list(TWELVE)
