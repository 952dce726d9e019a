"""Lists, JSON, sections, grades and verdicts in the many forms that models give them."""

from __future__ import annotations

import pytest

from rephrase.recipes.parsers import parser_of
from rephrase.recipes.parsing.common import Context

LIST = ["Draw a timeline of it", "Teach it to a child"]


def parse(name: str, completion: str, tokenizer, **settings):
    return parser_of(name, settings, "test")(completion, Context(tokenizer))


@pytest.mark.parametrize(
    "completion",
    [
        "# Strategies\n\n- Draw a timeline of it\n- Teach it to a child",
        "## Ways to study\n1. Draw a timeline of it\n2. Teach it to a child",
        "## Draw a timeline of it\nSome words.\n\n## Teach it to a child\nMore words.",
        "## Draw a timeline of it\n- step one\n- step two\n\n## Teach it to a child\n- step one",
        "## 1. Draw a timeline of it\n## 2. Teach it to a child",
        "## Easy\n- Draw a timeline of it\n## Hard\n- Teach it to a child",
        "1. Draw a timeline of it\n2. Teach it to a child",
        "1) Draw a timeline of it\n2) Teach it to a child",
        "(1) Draw a timeline of it\n(2) Teach it to a child",
        "[1] Draw a timeline of it\n[2] Teach it to a child",
        "1.Draw a timeline of it\n2.Teach it to a child",
        "1: Draw a timeline of it\n2: Teach it to a child",
        "1 - Draw a timeline of it\n2 - Teach it to a child",
        "① Draw a timeline of it\n② Teach it to a child",
        "⑴ Draw a timeline of it\n⑵ Teach it to a child",
        "一、Draw a timeline of it\n二、Teach it to a child",
        "⁃ Draw a timeline of it\n⁃ Teach it to a child",
        "- - Draw a timeline of it\n- - Teach it to a child",
        "&bull; Draw a timeline of it\n&bull; Teach it to a child",
        "<ul><li>Draw a timeline of it</li><li>Teach it to a child</li></ul>",
        "<ol>\n  <li>Draw a timeline of it</li>\n  <li>Teach it to a child</li>\n</ol>",
        "\\item Draw a timeline of it\n\\item Teach it to a child",
        '```json\n["Draw a timeline of it", "Teach it to a child"\n```',
        "1️⃣ Draw a timeline of it\n2️⃣ Teach it to a child",
        "１．Draw a timeline of it\n２．Teach it to a child",
        "1、Draw a timeline of it\n2、Teach it to a child",
        "**1.** Draw a timeline of it\n**2.** Teach it to a child",
        "**1. Draw a timeline of it**\n**2. Teach it to a child**",
        "* Draw a timeline of it\n* Teach it to a child",
        "• Draw a timeline of it\n• Teach it to a child",
        "◦ Draw a timeline of it\n▪ Teach it to a child",
        "→ Draw a timeline of it\n✓ Teach it to a child",
        "- [ ] Draw a timeline of it\n- [x] Teach it to a child",
        "- **Draw a timeline of it**\n- **Teach it to a child**",
        "- Draw a timeline\n  of it\n- Teach it to a child",
        "1. Draw a timeline of it\n   - first this\n   - then that\n2. Teach it to a child",
        "**Draw a timeline of it**\nSome words.\n\n**Teach it to a child**\nMore words.",
        "Strategy 1: Draw a timeline of it\nStrategy 2: Teach it to a child",
        '["Draw a timeline of it", "Teach it to a child",]',
        '```json\n["Draw a timeline of it",\n "Teach it to a child"]\n```',
        "Here are two ways:\n\n- Draw a timeline of it\n- Teach it to a child\n\nI hope this helps!",
        "a) Draw a timeline of it\nb) Teach it to a child",
        "A. Draw a timeline of it\nB. Teach it to a child",
        "I. Draw a timeline of it\nII. Teach it to a child",
        "**Strategy 1:** Draw a timeline of it\n**Strategy 2:** Teach it to a child",
        "**Strategy 1: Draw a timeline of it**\nSome words.\n\n**Strategy 2: Teach it to a child**",
        "#1 Draw a timeline of it\n#2 Teach it to a child",
        "No. 1: Draw a timeline of it\nNo. 2: Teach it to a child",
        "1\\. Draw a timeline of it\n2\\. Teach it to a child",
        "> - Draw a timeline of it\n> - Teach it to a child",
        "-Draw a timeline of it\n-Teach it to a child",
        "🔹 Draw a timeline of it\n⭐ Teach it to a child",
        "・Draw a timeline of it\n•Teach it to a child",
        'Sure! ["Draw a timeline of it", "Teach it to a child"]',
        'Here they are:\n\n```json\n["Draw a timeline of it", "Teach it to a child"]\n```',
    ],
)
def test_items_of_every_kind_of_list(completion, tokenizer):
    assert parse("items", completion, tokenizer, min_words=2).fields.get("items") == LIST


@pytest.mark.parametrize(
    "completion", ["Read it twice.", "", "# Strategies", "I'm sorry, but I cannot help with that.", "A. Lincoln was tall.\nHe ruled."]
)
def test_what_is_no_list_is_an_error(completion, tokenizer):
    assert parse("items", completion, tokenizer, min_words=2).error == "parse:no_items"


TALES = [{"genre": "tale"}, {"genre": "ode"}]


@pytest.mark.parametrize(
    "completion",
    [
        '[{"genre": "tale"}, {"genre": "ode"}]',
        '[{"genre": "tale"}, {"genre": "ode"},]',
        '[{"genre": "tale",}, {"genre": "ode",}]',
        '[{"genre": "tale"}, // for children\n {"genre": "ode"}]',
        '[{"genre": "tale"} /* one */, {"genre": "ode"}] # two',
        '[{"genre": "tale"} {"genre": "ode"}]',
        'As asked [in JSON]: [{"genre": "tale"}, {"genre": "ode"}]',
        'As {asked}: [{"genre": "tale"}, {"genre": "ode"}] See [1].',
        "[{'genre': 'tale'}, {'genre': 'ode'}]",
        "[{genre: 'tale'}, {genre: \"ode\"}]",
        "[{“genre”: “tale”}, {“genre”: “ode”}]",
        '```json\n[{"genre": "tale"}, {"genre": "ode"}]\n```\nI hope this helps.',
        '[{"genre": "tale"}, {"genre": "ode"}',
        '[{"genre": "tale"}, {"genre": "ode"]',
        '[{"genre": "tale"}, {"genre": "ode"}, {"genre": "unfinis',
        '[{"genre": "tale"}, {"genre": "ode"}, {"gen',
        '{"genre": "tale"}\n{"genre": "ode"}',
        '{"genre": "tale"},\n{"genre": "ode"},',
        '1. {"genre": "tale"}\n2. {"genre": "ode"}',
        '{"items": [{"genre": "tale"}, {"genre": "ode"}]}',
        '{"result": {"items": [{"genre": "tale"}, {"genre": "ode"}]}}',
        '[{"genre": "tale", "age": 1e999}, {"genre": "ode", "age": NaN}]',
        '[{"genre": "tale"}, {"genre": "ode"}, {"other": "x"}, null, ...]',
        '[{"genre": "tale", "age": None, "good": True}, {"genre": "ode"}]',
        '[{"genre"： "tale"}，{"genre"： "ode"}]',
        '[{"genre": "tale"; "age": "old"}, {"genre": "ode"}]',
        '[{"genre": "tale", ...}, {"genre": "ode"}, …]',
    ],
)
def test_one_flaw_in_json_does_not_lose_the_list(completion, tokenizer):
    assert parse("objects", completion, tokenizer, fields=["genre"]).fields.get("items") == TALES


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (r"half is \frac{1}{2}", r"half is \frac{1}{2}"),
        (r"half is \\frac{1}{2}", r"half is \frac{1}{2}"),
        (r"\beta \neq \rho \times \theta \text{x}", r"\beta \neq \rho \times \theta \text{x}"),
        (r"\alpha \sqrt{2} \(x\)", r"\alpha \sqrt{2} \(x\)"),
        (r"a line\nnext line\tTab", "a line next line Tab"),
        ("a line\nbreak", "a line break"),
        ('he said "yes" to it', 'he said "yes" to it'),
        ('he said "no", then left', 'he said "no", then left'),
        (r"caf\u00e9 \ud83c\udf0a \ud83d", "café 🌊 \ufffd"),
        ("see http://a.example/#b", "see http://a.example/#b"),
        ("it's [one] {two}, “three”", "it's [one] {two}, “three”"),
    ],
)
def test_strings_of_json_keep_latex_quotes_and_line_breaks(written, value, tokenizer):
    assert parse("objects", f'[{{"genre": "{written}"}}]', tokenizer, fields=["genre"]).fields.get("items") == [{"genre": value}]


@pytest.mark.parametrize("completion", ["tale, children", "[]", "[1, 2]", "{}", "[" * 2000, '{"a":' * 2000, '[{"genre": ', '["tale"]'])
def test_what_is_no_list_of_objects_is_an_error(completion, tokenizer):
    assert parse("objects", completion, tokenizer, fields=["genre"]).error == "parse:json"


@pytest.mark.parametrize(
    "completion",
    [
        "Question: What rises?\nAnswer: The tide.",
        "**Question:**\nWhat rises?\n\n**Answer:**\nThe tide.",
        "### Question\nWhat rises?\n\n### Answer\nThe tide.",
        "1. **Question:** What rises?\n2. **Answer:** The tide.",
        "Question： What rises?\nAnswer： The tide.",
        "Question 1: What rises?\nAnswer 1: The tide.",
        "Q: What rises?\nA: The tide.",
        "**Q.** What rises?\n**A.** The tide.",
        "Question: What rises? Answer: The tide.",
        "| Question | Answer |\n|---|---|\n| What rises? | The tide. |",
        "<question>What rises?</question>\n<answer>The tide.</answer>",
        "Frage: What rises?\nAntwort: The tide.",
        "问题：What rises?\n答案：The tide.",
        '{"question": "What rises?", "answer": "The tide."}',
        "```\nQuestion: What rises?\nAnswer: The tide.\n```",
        "Question: What rises?\nAnswer: The tide.\n\nQuestion: Why?\nAnswer: The Moon.",
    ],
)
def test_sections_are_told_by_the_same_labels(completion, tokenizer):
    fields = parse("sections", completion, tokenizer, fields=["question", "answer"]).fields
    assert fields == {"question": "What rises?", "answer": "The tide."}


def test_labels_in_code_are_no_sections(tokenizer):
    completion = "Question: Why?\nAnswer: So:\n```python\n# Answer: 1\na: int = 2\n```"
    fields = parse("sections", completion, tokenizer, fields=["question", "answer"]).fields
    assert fields["answer"] == "So:\n```python\n# Answer: 1\na: int = 2\n```"


@pytest.mark.parametrize(
    ("value", "completions"),
    [
        (
            4,
            [
                "Score: 4",
                "**Score:** 4",
                "**Score: 4**",
                "Score: **4**",
                "Score: 4/5",
                "Score: **4**/5",
                "Score: 4 out of 5",
                "Score: 4 (out of 5)",
                "Rating: **4**",
                "Rating: 4 stars",
                "4 out of 5",
                "4/5",
                "4",
                "**4**",
                "[[4]]",
                r"\boxed{4}",
                "It deserves [[4]] in all.",
                "The score is 4.",
                "Score：4",
                "评分：4",
                "Bewertung: 4 von 5",
                "Score (1-5): 4",
                "Final score: 4/5",
                "Score: [4]",
                '{"score": 4}',
                "Score: four",
                "### Score\n\n4",
                "Score:\n4",
                "Score: 4 - clear and useful",
                "Score: 4, because of 3 reasons",
                "Score: 4\n1. It is clear.",
                "Score: 2 at first.\nScore: 4",
                r"Score: $\boxed{4}$",
                "Score: 1 + 1 + 2 = 4",
                "| Score | 4 |",
                "<score>4</score>",
                "Score — 4",
                "Score: 4 on a scale of 1 to 5",
            ],
        ),
        (4.5, ["Score: 4.5/5", "4.5/5", "Score: 4,5", "Rating: 4.5 out of 5"]),
        (2, ["Score: 1 + 1 = 2", "1 + 1 = 2", "Score: 1 + 1 + 0 = **2**", "Score: 1+1"]),
        (
            None,
            [
                "Score: 4/10",
                "Score: 8 out of 10",
                "4/10",
                "Score: 80%",
                "Score: 3-4",
                "Score: 3 to 4",
                "Score: 3 or 4",
                "Score: between 3 and 4",
                "Score: 9",
                "Score: -1",
                "Score: N/A",
                "Score: 1 + 1 = 3",
                "Score:\n1. It is clear.",
                "The text has 4 parts.",
                "perhaps",
                "",
                "Score: 4th",
                "Score: 4a",
                "Score: 4 on a scale from 1 to 10",
                "[[9]]",
            ],
        ),
    ],
)
def test_grades(value, completions, tokenizer):
    read = {completion: parse("score", completion, tokenizer).fields.get("score") for completion in completions}
    assert read == dict.fromkeys(completions, value)


@pytest.mark.parametrize(
    ("word", "completions"),
    [
        (
            "yes",
            [
                "yes",
                "**Yes**.",
                "There is no doubt: yes",
                "There is no doubt: yes.",
                "Answer: yes",
                "Answer: **Yes**",
                "The answer is yes.",
                "Yes, there is no error.",
                "Yes — the text proves it.",
                "Yes because it proves a theorem",
                "It has no proofs.\n\nYes",
                "No new facts are there.\nFaithful: yes",
                r"Final answer: \boxed{yes}",
                "I would say yes.",
                "Yes. There is no mistake.",
                "Yes, no problem.",
                "ＹＥＳ",
                "<answer>yes</answer>",
                "No errors were there. Verdict: Yes, no fact is missing",
            ],
        ),
        (
            "no",
            [
                "No.",
                "No, it does not.",
                "Yes, it looks so. Answer: no",
                "There is no math. No.",
                "It isn't math: no",
                "**No**, never",
                "<answer>no</answer>",
            ],
        ),
        (
            None,
            [
                "Yes and no",
                "Yes and no.",
                "yes/no",
                "Yes or no?",
                "Yes, and no.",
                "Yes\nNo",
                "Yes. No.",
                "not yes",
                "There is no doubt.",
                "Answer: yes and no",
                "perhaps",
                "yesterday",
                "",
            ],
        ),
    ],
)
def test_verdicts(word, completions, tokenizer):
    read = {completion: parse("label", completion, tokenizer, labels=["yes", "no"]).fields.get("label") for completion in completions}
    assert read == dict.fromkeys(completions, word)


def test_a_label_that_only_resembles_one_is_none(tokenizer):
    assert parse("label", "ı", tokenizer, labels=["i", "j"]).error == "parse:no_label"
    assert parse("label", "İ", tokenizer, labels=["i", "j"]).error in ("parse:no_label", None)
