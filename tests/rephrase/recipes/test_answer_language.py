"""`language` of a recipe: what its prompts ask for, what it is without it, and answers in twelve languages that its parsers read."""

from __future__ import annotations

import json

import pytest

from rephrase.errors import UserError
from rephrase.generation.step_run import NO_MODEL, StepRun
from rephrase.recipes.base import Row
from rephrase.recipes.catalogue import find_recipes
from rephrase.records import Document
from tests.languages import TWELVE, text_of
from tests.rephrase.recipes.play import play

# What only the line of a language has.
SAYS = {
    "zh": "简体中文",
    "ja": "日本語",
    "ko": "한국어",
    "ar": "العربية",
    "hi": "हिन्दी",
    "th": "ภาษาไทย",
    "ru": "на русском",
    "de": "auf Deutsch",
    "fr": "en français",
    "es": "en español",
    "pt": "em português",
    "tr": "Türkçe",
}
PAIRS = {
    "zh": ("问题：塔有多高？", "答案：很高。"),
    "ja": ("質問：塔はどれくらい高いですか？", "回答：とても高いです。"),
    "ko": ("질문: 탑은 얼마나 높습니까?", "답변: 아주 높습니다."),
    "ar": ("\u200fسؤال: كم يبلغ ارتفاع البرج؟", "\u200fجواب: إنه مرتفع جدا."),
    "hi": ("प्रश्न: मीनार कितनी ऊँची है?", "उत्तर: बहुत ऊँची।"),
    "th": ("คำถาม: หอสูงเท่าไร", "คำตอบ: สูงมาก"),
    "ru": ("Вопрос: Какова высота башни?", "Ответ: Она очень высокая."),
    "de": ("Frage: Wie hoch ist der Turm?", "Antwort: Sehr hoch."),
    "fr": ("Question\u00a0: Quelle est la hauteur de la tour\u00a0?", "Réponse\u00a0: Elle est très haute."),
    "es": ("Pregunta: ¿Qué altura tiene la torre?", "Respuesta: Es muy alta."),
    "pt": ("Pergunta: Qual é a altura da torre?", "Resposta: É muito alta."),
    "tr": ("Soru: Kule ne kadar yüksek?", "Cevap: Çok yüksek."),
}
SPEAKERS = {
    "zh": ("老师：", "学生："),
    "ja": ("先生：", "生徒："),
    "ko": ("선생님: ", "학생: "),
    "ar": ("المعلم: ", "الطالب: "),
    "hi": ("शिक्षक: ", "विद्यार्थी: "),
    "th": ("ครู: ", "นักเรียน: "),
    "ru": ("Учитель: ", "Ученик: "),
    "de": ("Lehrerin: ", "Schüler: "),
    "fr": ("Professeur\u00a0: ", "Élève\u00a0: "),
    "es": ("Profesora: ", "Alumno: "),
    "pt": ("Professora: ", "Aluno: "),
    "tr": ("Öğretmen: ", "Öğrenci: "),
}
MARKERS = {
    "zh": "改写后的文本：",
    "ja": "書き直した文章：",
    "ko": "다시 쓴 글:",
    "ar": "النص المعاد صياغته:",
    "hi": "पुनर्लिखित पाठ:",
    "th": "ข้อความที่เขียนใหม่:",
    "ru": "Переписанный текст:",
    "de": "Umgeschriebener Text:",
    "fr": "Texte réécrit\u00a0:",
    "es": "Texto reescrito:",
    "pt": "Texto reescrito:",
    "tr": "Yeniden yazılmış metin:",
}


def document(code: str | None, text: str = "The tower is high. " * 12) -> Document:
    return Document("d", text, language=code)


def last_prompt(name: str, about: Document, tokenizer, **changes: object) -> str:
    return next(iter(play(name, about, {}, tokenizer, **changes).prompts.values()))[0]


@pytest.mark.parametrize("code", TWELVE)
def test_the_last_line_asks_for_the_language_in_the_language_itself(code, tokenizer):
    without = last_prompt("wrap/medium", document("en"), tokenizer)
    for about, language in ((document(code), "same"), (document("en"), code), (document(None), code)):
        prompt = last_prompt("wrap/medium", about, tokenizer, language=language)
        assert prompt.startswith(without)
        assert SAYS[code] in prompt.removeprefix(without)
        assert prompt.removeprefix(without).count("\n") == 2


def test_tags_of_one_language_are_one(tokenizer):
    digests = {find_recipes({"use": "wrap/qa", "language": tag})[0].digest for tag in ("de", "deu_Latn", "German", "ger")}
    assert len(digests) == 1
    same = [last_prompt("wrap/medium", document(tag), tokenizer, language="same") for tag in ("eng_Latn", "en-US", "en", "English")]
    assert len(set(same)) == 1
    assert "繁體中文" in last_prompt("wrap/medium", document("zho_Hant"), tokenizer, language="same")
    assert "繁體中文" in last_prompt("wrap/medium", document("en"), tokenizer, language="zh_TW")


def test_a_language_without_a_line_is_named_in_english_and_an_unknown_one_is_that_of_the_text(tokenizer):
    assert "all of your text in Polish" in last_prompt("wrap/medium", document("pol_Latn"), tokenizer, language="same")
    assert "all of your text in Swahili" in last_prompt("wrap/medium", document(None), tokenizer, language="swh")
    for unknown in (None, "und", "python"):
        assert "language that the given text is written in" in last_prompt("wrap/medium", document(unknown), tokenizer, language="same")


@pytest.mark.parametrize(
    ("name", "spoken_of"),
    [
        *(("wrap/medium", False), ("mind/two_professors", False), ("nemotron/knowledge_list", False)),
        *(("wrap/qa", True), ("nemotron/wikipedia", True), ("rewire/guided", True), ("mga/reformulate", True)),
    ],
)
def test_labels_are_spoken_of_where_a_parser_looks_for_them(name, spoken_of, tokenizer):
    assert ("bleiben genau so stehen" in last_prompt(name, document("de"), tokenizer, language="same")) is spoken_of


def test_a_judge_is_asked_as_ever_and_a_prompt_that_follows_another_as_the_first(tokenizer):
    text = " ".join(f"The keeper of tower {number} counts the ships that pass below him." for number in range(60))
    scripts = {"rewrite": "Der Wärter zählt die Schiffe.", "fidelity": "yes"}
    played = play("chunkwise/rewrite", document("en", text), scripts, tokenizer, language="de", chunk_tokens=300)
    assert len(played.prompts["rewrite"]) > 1
    assert all(prompt.rstrip().endswith("wenn oben von Englisch die Rede ist.") for prompt in played.prompts["rewrite"])
    assert not any("Deutsch" in prompt for prompt in played.prompts["fidelity"])
    assert "Der Wärter zählt die Schiffe." in played.rows["fidelity"][-1]["text"]


def test_recipes_without_it_are_as_ever_and_with_it_others():
    [without], [given] = find_recipes("wrap/qa"), find_recipes({"use": "wrap/qa", "language": "same"})
    assert without.digest == "8229f3fbaea386aa"
    assert given.digest != without.digest
    assert "Deutsch" not in without.wording
    assert all(said in given.wording for said in SAYS.values()), "the check `leaked` looks for what prompts say"


@pytest.mark.parametrize(
    ("use", "message"),
    [
        ({"use": "wrap/easy", "language": "klingonish"}, r"`klingonish` is no language.*write `same`, or a code"),
        ({"use": "wrap/easy", "language": "und"}, r"`und` is no language"),
        ({"use": "prox/document", "language": "same"}, "the recipe writes no text"),
        ({"use": "instruction/urial", "language": "de"}, "sends no chat messages"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(use, message):
    with pytest.raises(UserError, match=message):
        find_recipes(use)


@pytest.mark.parametrize("code", TWELVE)
def test_questions_are_read_in_any_language_and_written_in_the_one_asked_for(code, tokenizer):
    question, answer = PAIRS[code]
    own = "\n\n".join([f"{question}\n{answer}"] * 2)
    asks, answers = (part.replace("：", ":").partition(":")[0].strip("\u200f\u00a0") for part in (question, answer))
    asked, answered = (part.replace("：", ":").partition(":")[2].strip() for part in (question, answer))
    english = f"Question: {asked}\nAnswer: {answered}"
    marked = f"**{asks}:** {asked}\n**{answers}:** {answered}"
    for completion in (own, english, marked):
        played = play("wrap/qa", document("en"), {"rewrite": completion}, tokenizer, language=code)
        assert set(played.texts("rewrite")[0].split("\n\n")) == {f"{asks}: {asked}\n{answers}: {answered}"}
    held = json.dumps({"pairs": [{"question": asked, "answer": answered}]})
    played = play("wrap/qa", document("en"), {"rewrite": held}, tokenizer, language=code, structured=True)
    assert played.texts("rewrite") == [f"{asks}: {asked}\n{answers}: {answered}"]
    assert play("wrap/qa", document(code), {"rewrite": own}, tokenizer).texts("rewrite")[0].startswith("Question: "), "as ever"


@pytest.mark.parametrize("code", TWELVE)
def test_conversations_marked_texts_tags_and_lists_are_read_in_any_language(code, tokenizer):
    first, second = SPEAKERS[code]
    body = text_of(code).split("\n\n")[0]
    talk = "\n".join([f"{first}{body}", f"{second}{body}", f"{first}{body}"])
    assert play("mind/two_professors", document("en"), {"rewrite": talk}, tokenizer, language=code).texts("rewrite") == [talk]
    for marker in (MARKERS[code], "Rewritten text:", f"**{MARKERS[code]}**"):
        played = play("nemotron/wikipedia", document("en"), {"rewrite": f"{marker} {body}"}, tokenizer, language=code)
        assert played.texts("rewrite") == [body], played.errors("rewrite")
    tagged = play("rewire/guided", document("en"), {"rewrite": f"{body}\n<rewritten>\n{body}\n</rewritten>"}, tokenizer, language=code)
    assert tagged.texts("rewrite") == [body]
    listed = "\n".join(f"- {sentence}" for sentence in (body, body[::-1]))
    assert play("nemotron/knowledge_list", document("en"), {"rewrite": listed}, tokenizer, language=code).texts("rewrite") == [
        listed.replace("- ", "")
    ]


@pytest.mark.parametrize(
    ("code", "least"), [("en", 200), ("de", 200), ("zh", 50), ("ja", 50), ("th", 50), ("ko", 50), ("ru", 100), ("hi", 100)]
)
def test_a_text_held_to_json_is_as_long_as_its_script_makes_it(code, least, tokenizer):
    recipe = find_recipes({"use": "nemotron/wikipedia", "structured": True})[0]
    asked = find_recipes({"use": "nemotron/wikipedia", "structured": True, "language": code})[0]
    for chosen, about in ((recipe, document(code)), (asked, document("en"))):
        [prompt] = StepRun(chosen, chosen.steps[0], tokenizer, NO_MODEL).prompts(Row(about))
        assert json.loads(prompt.schema)["properties"]["text"]["minLength"] == least
