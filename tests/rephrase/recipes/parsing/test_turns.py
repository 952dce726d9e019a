"""Questions and conversations in the many forms that models give them."""

from __future__ import annotations

import pytest

from rephrase.recipes.parsers import parser_of
from rephrase.recipes.parsing.common import Context

TWO = "Question: What rises?\nAnswer: The tide.\n\nQuestion: Why?\nAnswer: The Moon."
ONE = "Question: What rises?\nAnswer: The tide."


def parse(name: str, completion: str, tokenizer, **settings):
    return parser_of(name, settings, "test")(completion, Context(tokenizer))


def pair(question: str, answer: str) -> str:
    """Two pairs with these labels; `{n}` is the number."""
    texts = (("What rises?", "The tide."), ("Why?", "The Moon."))
    return "\n\n".join(f"{question.format(n=n)}{q}\n{answer.format(n=n)}{a}".replace("{end}", "") for n, (q, a) in enumerate(texts, 1))


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Question: ", "Answer: "),
        ("**Question:** ", "**Answer:** "),
        ("Ｑ：", "Ａ："),
        ("Ｑ１：", "Ａ１："),
        ("**Question**: ", "**Answer**: "),
        ("**Question:**\n", "**Answer:**\n"),
        ("Question:\n", "Answer:\n"),
        ("__Q__: ", "__A__: "),
        ("**Q:** ", "**A:** "),
        ("*Question:* ", "*Answer:* "),
        ("{n}. **Question:** ", "   **Answer:** "),
        ("{n}. Question: ", "Answer: "),
        ("{n}) Question: ", "   Answer: "),
        ("**{n}. Question:** ", "**Answer:** "),
        ("**{n}.**\nQuestion: ", "Answer: "),
        ("- **Question**: ", "- **Answer**: "),
        ("> Question: ", "> Answer: "),
        ("Question： ", "Answer： "),
        ("Question : ", "Answer : "),
        ("Q{n}) ", "A{n}) "),
        ("Q{n}. ", "A{n}. "),
        ("Q{n}: ", "A{n}: "),
        ("(Q{n}) ", "(A{n}) "),
        ("Q.{n} ", "A.{n} "),
        ("Q. ", "A. "),
        ("Q) ", "A) "),
        ("Q - ", "A - "),
        ("q: ", "a: "),
        ("### Question {n}\n", "### Answer {n}\n"),
        ("### Question {n}\n\n", "#### Answer\n\n"),
        ("### Question {n}: ", "**Answer:** "),
        ("## Question\n", "## Answer\n"),
        ("**Question {n}**\n", "**Answer {n}**\n"),
        ("**Question {n}:** ", "**Answer {n}:** "),
        ("Question {n}\n", "Answer {n}\n"),
        ("Question\n", "Answer\n"),
        ("Question #{n} - ", "Answer #{n} - "),
        ("Question {n} – ", "Answer – "),
        ("Question No. {n}: ", "Answer: "),
        ("Question {n} of 2: ", "Answer: "),
        ("Question {n} (easy): ", "Answer: "),
        ("[Question] ", "[Answer] "),
        ("Question: ", "Ans: "),
        ("Question: ", "Correct answer: "),
        ("{n}. ", "Answer: "),
        ("**{n}.** ", "**Answer:** "),
        ("Frage {n}: ", "Antwort {n}: "),
        ("Pregunta: ", "Respuesta: "),
        ("Question : ", "Réponse : "),
        ("Domanda: ", "Risposta: "),
        ("**Pergunta {n}:** ", "**Resposta {n}:** "),
        ("Vraag: ", "Antwoord: "),
        ("Pytanie: ", "Odpowiedź: "),
        ("Вопрос {n}: ", "Ответ: "),
        ("Soru {n}: ", "Cevap: "),
        ("Câu hỏi {n}: ", "Trả lời: "),
        ("问题：", "答案："),
        ("问题{n}：", "答："),
        ("質問：", "回答："),
        ("질문: ", "답변: "),
        ("سؤال: ", "جواب: "),
    ],
)
def test_pairs_are_told_by_labels_of_many_kinds(question, answer, tokenizer):
    assert parse("questions", pair(question, answer), tokenizer).text == TWO


@pytest.mark.parametrize(
    ("completion", "text"),
    [
        ("Question: What rises? Answer: The tide.\nQuestion: Why? Answer: The Moon.", TWO),
        ("**Q:** What rises? **A:** The tide.\n\n**Q:** Why? **A:** The Moon.", TWO),
        ("| Question | Answer |\n|---|---|\n| What rises? | The tide. |\n| Why? | The Moon. |", TWO),
        ("| Question | What rises? |\n| Answer | The tide. |", ONE),
        ('```json\n[{"question": "What rises?", "answer": "The tide."}, {"question": "Why?", "answer": "The Moon."},]\n```', TWO),
        ("<question>What rises?</question>\n<answer>The tide.</answer>", ONE),
        ("### Question 1\nWhat rises?\n### Answer\nThe tide.\n\n---\n\n### Question 2\nWhy?\n### Answer\nThe Moon.\n\n---", TWO),
        (f"{TWO}\n\nI hope this helps! Let me know if you need more questions.", TWO),
        ("Question: Which float?\nA. Ships\nB. Stones\nAnswer: A", "Question: Which float?\nA. Ships\nB. Stones\nAnswer: A"),
        ("Question: Which float?\nA) Ships\nB) Stones\nAnswer: A) Ships", "Question: Which float?\nA) Ships\nB) Stones\nAnswer: A) Ships"),
        ("Question: Which float?\nA: Ships\nB: Stones\nAnswer: A", "Question: Which float?\nA: Ships\nB: Stones\nAnswer: A"),
        ("Q: Which float?\n(A) Ships\n(B) Stones\nA: (A)", "Question: Which float?\n(A) Ships\n(B) Stones\nAnswer: (A)"),
        *((code, code) for code in ["Question: Show it.\nAnswer: So:\n```python\n# Question: x\na = 1\n```"]),
    ],
)
def test_options_are_no_answers_and_tables_and_json_are_pairs_too(completion, text, tokenizer):
    assert parse("questions", completion, tokenizer).text == text


@pytest.mark.parametrize(
    "completion",
    [
        "Question the authority of tides.\nAnswer the call of the sea.",
        "Question: Which float?\nA. Ships\nB. Stones\nC. Lead",
        "Question: Which float?\n1. C) Lead\n2. A) Ships\n3. B) Stones",
        "Question: Which float?\nB) Stones\nA) Ships\nC) Lead",
        "The question is why. The answer is the Moon.",
        "Questions: three\nAnswers: three",
        "Question: What rises?\nAnswer:",
    ],
)
def test_what_is_no_pair_is_an_error(completion, tokenizer):
    assert parse("questions", completion, tokenizer).error == "parse:no_questions"


def test_options_of_diverse_questions_stay_in_the_question(tokenizer):
    completion = "**Question 1:** Which float?\nA) Ships\nB) Stones\n**Answer:** A) Ships"
    assert parse("diverse_questions", completion, tokenizer).text.endswith("Which float?\nA) Ships\nB) Stones\nAnswer: A) Ships")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Élise: ", "Marc : "),
        ("Анна: ", "Борис: "),
        ("李明：", "王芳："),
        ("田中：", "鈴木："),
        ("أحمد: ", "ليلى: "),
        ("**Anna:** ", "**Ben:** "),
        ("**Élise** : ", "**Óscar** : "),
        ("*Anna*: ", "*Ben*: "),
        ("Teacher (smiling): ", "Student (frowning): "),
        ("**Teacher** (smiling): ", "**Student**: "),
        ("**Teacher (smiling):** ", "**Student A:** "),
        ("Anna [laughs]: ", "Ben: "),
        ("[Anna]: ", "[Ben]: "),
        ("Speaker #1: ", "Speaker #2: "),
        ("1. Anna: ", "2. Ben: "),
        ("[00:12] Anna: ", "[00:15] Ben: "),
        ("**Anna:**\n", "**Ben:**\n"),
        ("राम: ", "श्याम: "),
        ("สมชาย: ", "แม่น้ำ: "),
        ("10:30 Anna: ", "10:31 Ben: "),
        ("👩 Anna: ", "👨 Ben: "),
        ("Anna — ", "Ben — "),
        ("— ", "— "),
        ("– ¿", "– "),
    ],
)
def test_speakers_of_every_script_and_dress_make_a_dialogue(first, second, tokenizer):
    talk = "\n\n".join(f"{who}The tide rises twice a day." for who in (first, second) * 2)
    assert parse("dialogue", talk, tokenizer, min_tokens=10).text == talk.strip()


@pytest.mark.parametrize(
    "prose", ["See https://a.example\nand http://b.example", "the tide: rises\nthe moon: pulls", "At 10:30 high.\nAt 16:40 low."]
)
def test_addresses_times_and_sentences_are_no_speakers(prose, tokenizer):
    assert parse("dialogue", prose, tokenizer, min_tokens=0).error == "parse:no_dialogue"
