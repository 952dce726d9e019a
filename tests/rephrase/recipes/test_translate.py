"""Documents in another language: chunks, context, paragraphs, languages, layouts, and translations back."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from rephrase.engines.base import Completion
from rephrase.errors import UserError
from rephrase.recipes.bilingual import laid_out
from rephrase.recipes.catalogue import catalogue, recipes_of
from rephrase.recipes.prompts import flow_prompts
from rephrase.recipes.translation_chunks import chunk_spans
from rephrase.recipes.use import RecipeUse
from rephrase.records import Document
from rephrase.settings.validation import validate
from rephrase.text.blocks import paragraphs_of
from rephrase.text.chrf import chrf
from tests.rephrase.recipes.play import cut, play

SOURCE = (
    "# Tides\n\nThe tide rises twice a day. The Moon pulls the sea.\n  \n- high water\n- low water\n\n"
    + "Where the bay is narrow the water climbs by twelve metres. " * 12
).strip()


def in_capitals(prompt: str) -> str:
    """A translation that keeps all: the text in capitals, with what assistants say around it."""
    return "Here is the translation:\n\n" + prompt.split("Text:\n", 1)[1].upper()


def translate(document: str | Document, tokenizer, script=in_capitals, name="translate/document", **options):
    document = document if isinstance(document, Document) else Document("d", document, language="eng_Latn")
    return play(
        name, document, {"translate": script, "back": lambda prompt: in_capitals(prompt).title()}, tokenizer, **{"to": "de", **options}
    )


def test_a_document_is_translated_chunk_by_chunk_and_keeps_its_paragraphs(tokenizer):
    played = translate(SOURCE, tokenizer, chunk_tokens=60)
    prompts = played.prompts["translate"]
    assert len(prompts) > 3
    for number, prompt in enumerate(prompts[1:], 1):
        before = played.fields("translate")[number - 1]["translation"]
        shown = prompt.split("so far:\n", 1)[1].split("\n\nTranslate the next part", 1)[0]
        assert shown.endswith(before[-40:]), "the end of what is translated stands before each next chunk"
    [text] = played.texts("translate")
    assert text == SOURCE.upper(), "what stands between paragraphs, and between sentences of one, is the source's"
    whole = played.rows["translate"][-1]
    assert (whole["span_start"], whole["span_end"], whole["synthetic_depth"]) == (0, len(SOURCE), 1)
    assert json.loads(whole["fields"]) == {"source_language": "en", "translated_to": "de", "text_language": "de"}


def test_sentences_of_a_long_paragraph_are_joined_as_the_language_joins_them(tokenizer):
    long = "The tide rises twice a day in every bay. " * 20
    for to, joint in (("de", "Satz. Satz."), ("zh", "句子。句子。"), ("th", "ประโยคประโยค"), ("ar", "جملة. جملة.")):
        one = joint[: len(joint) // 2].strip()
        [text] = translate(long, tokenizer, lambda _, one=one: one, to=to, chunk_tokens=60).texts("translate")
        assert text.startswith(joint)


def test_chunks_are_whole_paragraphs_of_at_most_512_tokens(tokenizer):
    """Models leave sentences out of longer ones: arXiv 2401.08088."""
    text = "\n\n".join(("The tide rises twice a day, and falls. " * size).strip() for size in (3, 5, 2, 2, 90, 1, 4))
    [recipe] = recipes_of([RecipeUse(use="translate/document", options={"to": "de"})])
    assert recipe.steps[0].chunk_tokens == 512
    chunks = [text[start:end] for start, end in chunk_spans(text, tokenizer, 512, "en")]
    assert all(tokenizer.count([chunk])[0] <= 512 for chunk in chunks)
    assert " ".join(chunks).split() == text.split()
    paragraphs = paragraphs_of(text)
    assert chunks[0] == "\n\n".join(paragraphs[:4]), "short ones go together"
    assert chunks[-1] == "\n\n".join(paragraphs[5:])
    assert len(chunks) > 3, "one alone is longer"
    assert all(chunk.endswith("falls.") for chunk in chunks), "and cut where sentences end"


def test_the_context_is_as_long_as_it_may_be(tokenizer):
    played = translate(SOURCE, tokenizer, chunk_tokens=60, context_tokens=12)
    shown = [prompt.split("so far:\n", 1)[1].split("\n\nTranslate the next")[0] for prompt in played.prompts["translate"][1:]]
    assert all(0 < tokenizer.count([text])[0] <= 13 for text in shown)
    without = translate(SOURCE, tokenizer, chunk_tokens=60, context_tokens=0).prompts["translate"]
    assert not any("so far:" in prompt for prompt in without)
    assert len(without) == len(shown) + 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("# Gezeiten", "parse:paragraphs"),
        (lambda prompt: f"{in_capitals(prompt)}\n\nNote: the list was kept.", "parse:paragraphs"),
        ("", "parse:empty"),
        (cut("# Gezeiten\n\nDie"), "parse:truncated"),
        (Completion("", "error", error="engine:timeout"), "engine:timeout"),
    ],
    ids=["paragraphs lost", "a note", "nothing", "cut", "no answer"],
)
def test_a_chunk_that_is_not_translated_ends_its_document(answer, error, tokenizer):
    played = translate(SOURCE, tokenizer, answer if callable(answer) else lambda _: answer, chunk_tokens=400)
    assert played.texts("translate") == []
    assert played.errors("translate") == [error]


THREE = "The tide rises.\n\nIt falls again.\n\nThen it rests."
LIST = "There are:\n\n- ebb\n- flood\n- slack water\n\nThat is all."
TABLE = "A table:\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nThat is all."
CODE = "Run this:\n\n```sh\nls\n```\n\nThat is all."


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        (THREE, "**Übersetzung ins Deutsche:**\n\nDie Flut steigt.\n\nSie fällt wieder."),
        (THREE, "Deutsch (de):\n\nDie Flut steigt.\n\nSie fällt wieder."),
        (THREE, "Die Flut steigt.\n\nSie fällt wieder.\n\n(Anmerkung: der dritte Absatz fehlt.)"),
        (THREE, "Die Flut steigt.\n\n---\n\nSie fällt wieder."),
        (THREE, "Die Flut steigt.\n\n…\n\n[...]"),
        (LIST, "Es gibt:\n\n- Ebbe\n- Flut\n\nDas ist alles."),
        (TABLE, "Eine Tabelle:\n\n| a | b |\n|---|---|\n\nDas ist alles."),
        (CODE, "Starte dies:\n\nls\n\nDas ist alles."),
    ],
)
def test_a_paragraph_that_is_lost_is_not_made_up_for_by_another_one(source, answer, tokenizer):
    assert translate(source, tokenizer, answer).errors("translate") == ["parse:paragraphs"]


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        (LIST, "Es gibt:\n\n* Ebbe\n* Flut\n* Stillwasser\n\nDas ist alles."),
        (CODE, "Starte dies:\n\n```sh\nls\n```\n\nDas ist alles."),
        ("On May 1\nit rose.\n\nThat is all.", "Am\n1. Mai stieg sie.\n\nDas ist alles."),
    ],
)
def test_the_marks_of_lists_and_the_ends_of_lines_are_free(source, answer, tokenizer):
    assert translate(source, tokenizer, answer).texts("translate") == [answer]


@pytest.mark.parametrize("lead_in", ["Hier ist die Übersetzung: ", "Voici la traduction : ", "以下是翻译：", "**Перевод:** "])
def test_a_lead_in_on_the_line_of_a_translation_is_no_part_of_it(lead_in, tokenizer):
    assert translate("The tide rises.", tokenizer, f"{lead_in}Die Flut steigt.").texts("translate") == ["Die Flut steigt."]


def test_what_does_not_fit_is_asked_for_again(tokenizer):
    answers = iter(["# Gezeiten", "# Gezeiten\n\nnoch eins"])
    played = translate("# Tides\n\nOne more", tokenizer, lambda _: next(answers))
    assert played.texts("translate") == ["# Gezeiten\n\nnoch eins"]
    assert [row["attempts"] for row in played.rows["translate"]] == [2, 2]


def test_lines_are_paragraphs_where_no_line_is_blank_and_fences_are_whole(tokenizer):
    lines = "The tide rises.\nThe tide falls.\n```py\nx = 1\n\ny = 2\n```\nThe end."
    assert paragraphs_of(lines, by_lines=True) == ["The tide rises.", "The tide falls.", "```py\nx = 1\n\ny = 2\n```", "The end."]
    [text] = translate(lines.replace("\n\n", "\n"), tokenizer).texts("translate")
    assert text == lines.replace("\n\n", "\n").upper()
    assert translate("One line.\nAnother.", tokenizer, "Eine Zeile. Noch eine.").errors("translate") == ["parse:paragraphs"]


@pytest.mark.parametrize(
    ("language", "to"),
    [("eng_Latn", "en"), ("de", ["German", "deu_Latn"]), ("zh-Hans", "zho_Hans"), ("pt-BR", "Portuguese"), ("python", "de")],
)
def test_documents_in_the_language_already_are_left_out_and_say_so(language, to, tokenizer):
    played = translate(Document("d", SOURCE, language=language), tokenizer, to=to)
    assert played.prompts["translate"] == []
    [row] = played.rows["translate"]
    assert (row["text"], row["error"], row["model"], row["synthetic_depth"]) == (None, None, "none", 0)
    assert json.loads(row["fields"]) == {"skipped": f"the document is in {language}"}


def test_of_several_languages_one_is_drawn_for_each_document_but_its_own(tokenizer):
    drawn = Counter()
    for number in range(45):
        played = translate(Document(str(number), "Ja.", language="de"), tokenizer, "Si.", to=["de", "fr", "es", "zh_TW"])
        drawn[played.fields("translate")[-1]["text_language"]] += 1
    assert set(drawn) == {"fr", "es", "zh-Hant-TW"}
    assert min(drawn.values()) > 7
    again = translate(Document("7", "Ja.", language="de"), tokenizer, "Si.", to=["de", "fr", "es", "zh_TW"])
    assert again.rows == translate(Document("7", "Ja.", language="de"), tokenizer, "Si.", to=["de", "fr", "es", "zh_TW"]).rows


def test_prompts_name_both_languages_with_their_tags(tokenizer):
    prompt = translate(Document("d", "Guten Tag.", language="deu_Latn"), tokenizer, to="zho_Hant").prompts["translate"][0]
    assert "from German (de) into Chinese (zh-Hant)" in prompt
    unknown = translate(Document("d", "Guten Tag."), tokenizer, to="en")
    assert "Translate this text into English (en)" in unknown.prompts["translate"][0]
    assert "source_language" not in unknown.fields("translate")[-1]


def test_what_is_no_language_is_refused_with_its_place():
    with pytest.raises(UserError, match=r"`options.to`.*more than one language .*\[German, French\]"):
        validate(RecipeUse, {"use": "translate/document", "options": {"to": "German, French"}}, "run.yaml")
    with pytest.raises(UserError, match=r"`options.to.1`: `Klingonese` is no language"):
        validate(RecipeUse, {"use": "translate/document", "options": {"to": ["de", "Klingonese"]}}, "run.yaml")
    with pytest.raises(UserError, match=r"options\.to"):
        validate(RecipeUse, {"use": "translate/document"}, "run.yaml")


def test_an_answer_is_as_long_as_its_chunk_allows(tokenizer):
    """A loop ends at so many times the tokens of its chunk, in steps, so that requests of one size go to the engine together."""
    short, long = (translate(text, tokenizer).rows["translate"][0] for text in ("One.", "The tide rises. " * 100))
    assert json.loads(short["sampling"])["max_tokens"] == 256
    assert json.loads(long["sampling"])["max_tokens"] == 4096
    assert json.loads(translate("The tide rises. " * 100, tokenizer, max_growth=2).rows["translate"][0]["sampling"])["max_tokens"] == 1024


PAIR = ("The tide rises.\n\nThe tide falls.", "Die Flut steigt.\n\nDie Flut fällt.")


def layouts_of(language: str | None) -> dict[str, set[str]]:
    """The texts of many documents by the layout that was drawn for each."""
    texts: dict[str, set[str]] = {}
    for number in range(300):
        document = Document(str(number), PAIR[0], language=language)
        text, layout = laid_out(document, PAIR[1], "de", flow_prompts("translate")["layouts"])
        texts.setdefault(layout, set()).add(text)
    return texts


def test_a_bilingual_text_holds_both_in_a_layout_and_an_order_that_are_drawn(tokenizer):
    by_layout = layouts_of("eng_Latn")
    assert set(by_layout) == set(flow_prompts("translate")["layouts"])
    assert by_layout["lines"] == {
        "The tide rises.\nDie Flut steigt.\n\nThe tide falls.\nDie Flut fällt.",
        "Die Flut steigt.\nThe tide rises.\n\nDie Flut fällt.\nThe tide falls.",
    }
    named = "German: Die Flut steigt.\nEnglish: The tide rises.\n\nGerman: Die Flut fällt.\nEnglish: The tide falls."
    assert named in by_layout["named_lines"]
    assert "\n\n".join(PAIR) in by_layout["documents"]
    assert all(len(texts) == 2 for texts in by_layout.values()), "each in both orders"
    assert set(layouts_of(None)) == {"lines", "documents"}, "what names the languages wants to know them"
    open_fence = laid_out(Document("3", PAIR[0], language="en"), f"```\n{PAIR[1]}", "de", flow_prompts("translate")["layouts"])[1]
    assert open_fence not in ("lines", "named_lines"), "there are no pairs"
    played = translate(PAIR[0], tokenizer, lambda _: PAIR[1], name="translate/bilingual")
    fields = played.fields("translate")[-1]
    assert (fields["translation"], fields["text_language"], fields["translated_to"]) == (PAIR[1], "mul", "de")
    assert played.texts("translate")[0] in by_layout[fields["layout"]]


def test_a_sample_is_translated_back_and_compared_with_its_source(tokenizer):
    shares = Counter()
    for number in range(80):
        played = translate(Document(str(number), "The tide rises. It falls.", language="en"), tokenizer, check_back=0.25)
        shares[len(played.prompts["back"])] += 1
        assert [*played.texts("translate"), *played.texts("back")] == ["THE TIDE RISES. IT FALLS."], "the text is there either way"
    assert 10 <= shares[1] <= 30
    assert shares[0] == 80 - shares[1], "the others cost nothing"
    played = translate(SOURCE, tokenizer, chunk_tokens=60, check_back=1)
    assert len(played.prompts["back"]) == len(played.prompts["translate"])
    assert "from German (de) into English (eng" not in played.prompts["back"][0]
    assert "from German (de) into English (en)" in played.prompts["back"][0]
    assert played.texts("translate") == []
    assert played.texts("back") == [SOURCE.upper()]
    [whole] = [fields for fields in played.fields("back") if "chrf" in fields]
    back = "\n\n".join(fields["back"] for fields in played.fields("back") if "back" in fields)
    assert whole == {"chrf": round(chrf(back, SOURCE), 2), "source_language": "en", "translated_to": "de", "text_language": "de"}
    chunk, first = played.rows["translate"][0], played.rows["back"][0]
    assert first["lineage"] == [chunk["id"]]
    nobody_knows = translate(Document("d", "The tide rises."), tokenizer, check_back=1)
    assert nobody_knows.prompts["back"] == [], "back into what"
    assert nobody_knows.texts("translate") == ["THE TIDE RISES."]


def test_where_a_part_does_not_come_back_the_text_is_kept_without_the_comparison(tokenizer):
    answers = iter(["It rises.", cut("It")])
    document = Document("d", SOURCE, language="en")
    scripts = {"translate": in_capitals, "back": lambda _: next(answers, "It falls.")}
    played = play("translate/document", document, scripts, tokenizer, to="de", chunk_tokens=60, check_back=1)
    assert played.errors("back") == ["parse:truncated"]
    assert played.texts("back") == [SOURCE.upper()]
    whole = played.rows["back"][-1]
    assert whole["finish_reason"] == "stop"
    assert "chrf" not in json.loads(whole["fields"])


def test_without_a_check_there_is_no_step_for_it_and_a_whole_translation_is_compared():
    [plain] = recipes_of([RecipeUse(use="translate/document", options={"to": "de"})])
    assert [step.name for step in plain.steps] == ["translate"]
    assert catalogue()["translate/bilingual"].paper.url.endswith("2502.13252")


@pytest.mark.parametrize(
    ("text", "reference", "score"),
    [
        ("The tide rises twice a day.", "The sea rises two times each day.", 34.5270),
        ("the cat sat on the mat", "the cat is on the mat", 64.5779),
        ("Die Flut steigt zweimal am Tag.", "Die Flut kommt zweimal täglich.", 43.4704),
        ("潮水每天上涨两次。", "潮水一天涨两次。", 32.0707),
        ("ab", "abc", 63.6364),
        ("xyz", "abc", 0),
        ("", "abc", 0),
        ("The same.", "The same.", 100),
    ],
)
def test_chrf_is_that_of_sacrebleu(text, reference, score):
    assert chrf(text, reference) == pytest.approx(score, abs=1e-4)
