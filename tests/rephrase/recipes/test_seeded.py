"""Questions from passages: which seeds are taken, what is asked, how strictly answers are read, and the published numbers."""

from __future__ import annotations

import json
import random
from collections import Counter

import llguidance.hf
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from llguidance import LLMatcher
from transformers import AutoTokenizer

from classifiers.cascade import build_cascade
from classifiers.settings import Filter
from rephrase.errors import UserError
from rephrase.recipes.base import Row
from rephrase.recipes.catalogue import find_recipes
from rephrase.recipes.question_steps import number_of_questions
from rephrase.recipes.questions import Format, Question, read_questions
from rephrase.recipes.seeds import SHIPPED, SeedFields, read_seeds
from rephrase.records import Document
from tests.classifiers.batches import batch
from tests.rephrase.recipes.play import cut, play

PASSAGE = (
    "The tide rises twice a day because the Moon pulls the sea. Sailors in the harbour wait for high water before they leave for Iceland. "
    "Where the bay is narrow, the water climbs by twelve metres, and mills once ground corn with it when it fell again."
)
OPEN = "Question: What pulls the sea?\nAnswer: the Moon\n%%%%\nQuestion: How far does the water climb?\nAnswer: twelve metres."
CARDS = "Which of these pulls the sea?\nA. A mill\nB. The Moon\nC. The wind\nD. A sailor\n\nAnswer: B"


def step_of(name, **options):
    [recipe] = find_recipes({"use": f"seeded/{name}", "options": options})
    return recipe.steps[0]


def write(path, rows):
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return str(path)


# Seeds


@pytest.mark.parametrize(
    ("row", "fields", "seed"),
    [
        ({"question": " Why? ", "answer": "So."}, {}, ("Why?", "So.", ())),
        ({"problem": "2 + 2?", "answer": 4}, {"question": "problem"}, ("2 + 2?", "4", ())),
        ({"question": "Which?", "choices": ["a", "b"], "answer": 1}, {}, ("Which?", "b", ("a", "b"))),  # as MMLU has it
        ({"question": "Which?", "choices": ["a", "b"], "answer": "(A)"}, {}, ("Which?", "a", ("a", "b"))),
        ({"question": "Which?", "choices": [3, 4], "answer": "4"}, {}, ("Which?", "4", ("3", "4"))),
        ({"question": "Which?", "choices": ["A", "B"], "answer": "B"}, {}, ("Which?", "B", ("A", "B"))),
        ({"question": "Which?", "choices": ["a\n b", "c"], "answer": "B"}, {}, ("Which?", "c", ("a b", "c"))),
        (
            {"question": "Which?", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "B"},
            {"choices": "choices.text", "answer": "answerKey"},
            ("Which?", "b", ("a", "b")),  # as ARC has it
        ),
        ({"question": "Why?", "answer": "So.", "choices": None}, {}, ("Why?", "So.", ())),
    ],
)
@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_seeds_are_read_from_the_fields_that_are_named(tmp_path, row, fields, seed, kind):
    path = tmp_path / f"seeds.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist([row]), path)
    else:
        write(path, [row])
    [read] = read_seeds(str(path), SeedFields(**fields))
    assert (read.text, read.answer, read.choices) == seed
    assert read.place == f"{path}, row 1"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "Why?", "answer": "So."}, r"row 1: the row has no field `question`; it has: prompt, answer .*name the fields"),
        ({"question": 3, "answer": "So."}, "row 1: `question` is no question but 3"),
        ({"question": "Why?", "answer": ""}, "row 1: `answer` is no answer but ''"),
        ({"question": "Which?", "choices": ["a", "b"], "answer": 2}, "row 1: `answer` is 2, and there are 2 choices .*from 0"),
        ({"question": "Type?", "choices": ["B", "A"], "answer": "A"}, "row 1: `answer` is 'A', which is .*the letter of another .*number"),
        ({"question": "Which?", "choices": ["a", "a"], "answer": "a"}, "row 1: `choices` is no list of two to 8 different texts"),
        ({"question": "Which?", "choices": {"text": []}, "answer": "a"}, r"such as `choices: choices.text`"),
        ({"question": "Why?", "answer": "So.", "split": "test"}, "row 1: `split: test`: .*training split alone"),
        ([], "row 1: the row has no field `question`"),
    ],
)
def test_what_is_no_seed_is_refused_with_its_row_and_a_cure(tmp_path, row, message):
    with pytest.raises(UserError, match=message):
        read_seeds(write(tmp_path / "seeds.jsonl", [row]), SeedFields())


def test_a_named_field_that_no_row_has_is_a_mistake(tmp_path):
    path = write(tmp_path / "seeds.jsonl", [{"question": "Why?", "answer": "So."}])
    with pytest.raises(UserError, match="no row has a field `options`"):
        read_seeds(path, SeedFields(choices="options"))
    with pytest.raises(UserError, match=r"none.jsonl: no input files found"):
        read_seeds(str(tmp_path / "none.jsonl"), SeedFields())
    with pytest.raises(UserError, match="there are no seeds"):
        read_seeds(write(tmp_path / "empty.jsonl", []), SeedFields())


@pytest.mark.parametrize(
    "name",
    [
        "test.jsonl",
        "test-00000-of-00001.parquet",
        "simple_qa_test_set.jsonl",
        "split=test/part.jsonl",
        "test/algebra.jsonl",
        "mmlu.eval.jsonl",
    ],
)
def test_a_file_whose_name_says_that_models_are_scored_by_it_is_refused(name):
    with pytest.raises(UserError, match=f"{name}: its name says `(test|eval)`: .*training split"):
        find_recipes({"use": "seeded/questions", "options": {"seeds": f"/data/{name}"}})


@pytest.mark.parametrize(
    "name", ["train.jsonl", "latest.jsonl", "train_test_split/train.jsonl", "test_of_mine/seeds.jsonl", "contest.jsonl"]
)
def test_other_names_are_not(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    assert read_seeds(write(path, [{"question": "Why?", "answer": "So."}]), SeedFields())


def test_our_own_seeds_are_open_and_multiple_choice():
    seeds = read_seeds(SHIPPED, SeedFields())
    assert Counter(len(seed.choices) for seed in seeds) == {0: 12, 4: 10}
    assert len({seed.text for seed in seeds}) == len(seeds)


# What is asked


def test_a_passage_draws_its_own_seeds_of_one_form_and_always_the_same(tokenizer):
    step = step_of("questions", shots=3)
    prompts = [next(step.prompts(Row(Document(name, PASSAGE)), tokenizer)) for name in "abcdef"]
    for prompt in prompts:
        shown = prompt.values["request"].shown
        seeds = [seed for seed in step.seeds if seed in shown]
        assert len(shown) == 3
        assert len({len(seed.choices) for seed in seeds}) == 1
        assert all(seed.written() in prompt.messages[0].content for seed in seeds)
    assert len({prompt.values["request"].shown for prompt in prompts}) > 1
    assert {prompt.values["request"].format.choices for prompt in prompts} == {0, 4}
    assert prompts == [next(step.prompts(Row(Document(name, PASSAGE)), tokenizer)) for name in "abcdef"]
    other = step_of("questions", shots=3, seed=2)
    assert [next(other.prompts(Row(Document(name, PASSAGE)), tokenizer)) for name in "abcdef"] != prompts
    assert other.describe() != step.describe()


def test_the_numbers_of_questions_are_those_of_dolma3():
    drawn = {words: {number_of_questions(words, random.Random(seed)) for seed in range(200)} for words in (20, 79, 99, 101, 200, 320, 600)}
    assert drawn == {
        20: {1},
        79: {1},  # round(79 / 40) is 2: a number from -2 to 1
        99: {1},  # 2, half to even
        101: {1, 2},
        200: {1, 2, 3, 4},
        320: {4, 5, 6, 7},
        600: {8},  # 11 to 14, and at most 8
    }


def test_the_shares_of_formats_are_those_of_dolma3():
    reading = {one.name: share for one, share in step_of("reading_comprehension").formats}
    assert reading == {"any": 0.1, "span": 0.25, "paraphrase": 0.25, "reasoning": 0.4}
    high = {one.name: share for one, share in step_of("flashcards").formats}
    assert sorted(high.values()) == [0.05, 0.1, *[0.17] * 5]
    low = {one.name: share for one, share in step_of("flashcards", more_open=True).formats}
    assert low == {**dict.fromkeys(high, 0.15), "open_ended": 0.25, "two_statement": 0.05, "in_question_options": 0.1}
    step, rng = step_of("reading_comprehension"), random.Random(1)
    drawn = Counter(step.drawn(rng).name for _ in range(4000))
    assert drawn["reasoning"] / 4000 == pytest.approx(0.4, abs=0.03)


def test_passages_under_twenty_words_are_left_out_and_long_ones_asked_more(tokenizer):
    def prompts(name, words):
        step = step_of(name, passage_tokens=2000)
        return list(step.prompts(Row(Document("d", " ".join(["tide"] * words) + ".")), tokenizer))

    assert [len(prompts("reading_comprehension", words)) for words in (19, 20)] == [0, 1]
    assert [len(prompts("flashcards", words)) for words in (100, 650)] == [1, 2]
    assert len({prompt.key for prompt in prompts("flashcards", 650)}) == 2


def test_a_text_without_spaces_has_words_by_its_tokens(tokenizer):
    text = "潮水每天涨落两次，因为月亮牵引着大海。水手们在港口等待高水位，然后前往冰岛。" * 3
    assert list(step_of("reading_comprehension").prompts(Row(Document("d", text, language="zh")), tokenizer))


# How answers are read


@pytest.mark.parametrize(
    ("completion", "questions"),
    [
        (OPEN, [Question("What pulls the sea?", "the Moon"), Question("How far does the water climb?", "twelve metres.")]),
        ("**Question 1:** Why?\n**Answer:** So.\n\nQuestion 2: Who?\nAnswer: She.", [Question("Why?", "So."), Question("Who?", "She.")]),
        ("Sure, here they are:\n\nQ: Why?\nA: So.", [Question("Why?", "So.")]),
        (CARDS, [Question("Which of these pulls the sea?", "The Moon", ("A mill", "The Moon", "The wind", "A sailor"))]),
        ("Question: Which?\n(a) One\n(b) Two\nAnswer: (b)", [Question("Which?", "Two", ("One", "Two"))]),
        ("Question: Which?\nA) One\nB) Two\nAnswer: B) Two.", [Question("Which?", "Two", ("One", "Two"))]),
        ("Question: Which?\nA. One\nB. Two\nAnswer: two", [Question("Which?", "Two", ("One", "Two"))]),
        (
            "Which hold?\n\nI. They fly.\nII. They swim.\n\nA. I only\nB. I and II\n\nAnswer: A\n\nThey do not swim.",
            [Question("Which hold?\n\nI. They fly.\nII. They swim.", "I only", ("I only", "I and II"))],
        ),
        ("Question: Which?\nA. One\nB. Two\nAnswer: C", ["parse:choices"]),
        ("Question: Which?\nA. One\nB. Two\nAnswer: A. Two", ["parse:choices"]),  # a letter and another's text
        ("Question: Which?\nA. One\nB. one\nAnswer: A", ["parse:choices"]),
        ("Question: Which?\nA. One\nC. Two\nAnswer: A", ["parse:choices"]),
        ("Question: Which?\nA) One  B) Two\nAnswer: B", ["parse:choices"]),
        ("Question: Which?\n1. One\n2. Two\nAnswer: 2", ["parse:choices"]),
        ("Question: Which?\n\nA. One\n\nB. Two\n\nAnswer: B", [Question("Which?", "Two", ("One", "Two"))]),
        ("Question: Which vitamin?\nA. C\nB. A\nAnswer: A", ["parse:choices"]),  # the letter, or the vitamin
        ("Question: Which vitamin?\nA. C\nB. A\nAnswer: B. A", [Question("Which vitamin?", "A", ("C", "A"))]),
        ("Question: Which?\nA. One\nB. Two\nAnswer: A\nNo: both.\nAnswer: B", ["parse:answer"]),
        ("Question: Which are they?\nAnswer: They are:\n1. One\n2. Two", ["parse:answer"]),
        ("Question: What prints it?\nAnswer:\n```python\nprint(1)\n```", ["parse:answer"]),
        ("Question: Who?\nAnswer: [answer]", ["parse:answer"]),
        ("Question: Who?\nAnswer: …", ["parse:answer"]),
        ("Question: Why?\n%%%%\nQuestion: Who?\nAnswer: She.", [Question("Who?", "She.")]),
        ("The tide is caused by the Moon.", []),
        ("", []),
    ],
)
def test_completions_are_read_as_questions(completion, questions):
    assert read_questions(completion) == questions


@pytest.mark.parametrize(("answer", "passage", "stands"), [("лес", "На лестнице.", 0), ("лес", "В лес!", 1), ("月亮", "因为月亮牵引", 1)])
def test_an_answer_stands_in_a_passage_as_whole_words_where_its_script_has_words(answer, passage, stands):
    fault = Format("span", quoted=True).fault(Question("?", answer), passage)
    assert fault == (None if stands else "rejected:not_in_passage")


def formats(name):
    return {"formats": {name: 1}}


@pytest.mark.parametrize(
    ("name", "completion", "error"),
    [
        ("span", "Question: What pulls the sea?\nAnswer: The moon.", None),
        ("span", "Question: What pulls the sea?\nAnswer: the Sun", "rejected:not_in_passage"),
        ("any", "Question: What pulls the sea?\nAnswer: the Sun", None),
        ("reasoning", "Question: How often does it rise in two days?\nAnswer: 4", None),
        ("multiple_choice", f"Question: {CARDS}", None),
        ("multiple_choice", OPEN, "parse:choices"),
        ("multiple_choice", "Question: Which?\nA. One\nB. Two\nAnswer: A", "parse:choices"),
        ("any", f"Question: {CARDS}", "parse:choices"),
        ("true_false", "Question: The sea pulls the Moon.\nAnswer: False", None),
        ("true_false", "Question: The sea pulls the Moon.\nAnswer: It does not", "parse:answer"),
        ("cloze", "Question: The ____ pulls the sea.\nAnswer: Moon", None),
        ("cloze", "Question: The Moon pulls the sea.\nAnswer: Moon", "parse:no_blank"),
        ("any", "It rises.", "parse:no_questions"),
    ],
)
def test_what_is_not_of_its_format_is_an_error(name, completion, error, tokenizer):
    played = play("seeded/reading_comprehension", PASSAGE, {"questions": completion}, tokenizer, **formats(name))
    assert played.errors("questions") == ([error] if error else [])
    assert bool(played.texts("questions")) == (error is None)


def test_reading_comprehension_is_the_passage_and_what_of_it_is_right_behind_it(tokenizer):
    answers = f"{OPEN}\n%%%%\nQuestion: What pulls the sea so?\nAnswer: the Moon\n%%%%\nQuestion: Who waits?\nAnswer: the Sun"
    options = {**formats("span"), "questions": 4}
    played = play("seeded/reading_comprehension", PASSAGE, {"questions": answers}, tokenizer, **options)
    assert played.texts("questions") == [
        f"{PASSAGE}\n\nQuestion: What pulls the sea?\nAnswer: the Moon\n\nQuestion: How far does the water climb?\nAnswer: twelve metres."
    ]
    assert played.errors("questions") == ["rejected:repeated", "rejected:not_in_passage"]
    [fields] = played.fields("questions")
    assert fields["format"] == "span"
    assert fields["questions"][0] == {"question": "What pulls the sea?", "answer": "the Moon"}


def test_what_a_seed_asks_already_is_no_new_question(tokenizer):
    seed = Question("What is the name of the strait that lies between Tasmania and the mainland of Australia?", "Bass Strait")
    answers = f"{seed.written()}\n%%%%\n{OPEN}"
    document = next(
        document
        for number in range(50)
        for document in [Document(str(number), PASSAGE)]
        if seed.text in str(next(step_of("questions", shots=12).prompts(Row(document), tokenizer)).values["request"].shown)
    )
    played = play("seeded/questions", document, {"questions": answers}, tokenizer, shots=12, questions=3)
    assert played.errors("questions") == ["rejected:repeated"]
    assert played.texts("questions")[0] == "Question: What pulls the sea?\nAnswer: the Moon"


@pytest.mark.parametrize(
    ("text", "answer", "error"),
    [
        ("What pulls the sea in a narrow bay?", "the Moon", []),
        ("What pulls the sea?", "the Moon", ["rejected:repeated"]),
        ("what pulls the SEA", "Iceland", ["rejected:repeated"]),  # the same words
        ("What pulls the sea up?", "the Moon", ["rejected:repeated"]),  # like words and the same answer
        ("What pulls the mills?", "water", []),  # like words, and another answer
    ],
)
def test_a_question_repeats_another_by_its_words_or_like_words_and_the_answer(text, answer, error, tokenizer):
    answers = f"Question: What pulls the sea?\nAnswer: the Moon\n%%%%\nQuestion: {text}\nAnswer: {answer}"
    options = {**formats("span"), "questions": 2}
    assert play("seeded/reading_comprehension", PASSAGE, {"questions": answers}, tokenizer, **options).errors("questions") == error


def test_a_flashcard_is_a_text_and_half_of_them_begin_with_their_label(tokenizer):
    cards = "\n%%%%\n".join(CARDS.replace("these", word) for word in map(str, range(60)))
    step = step_of("flashcards", formats={"which_true": 1})
    questions = [entry for entry in read_questions(cards) if isinstance(entry, Question)]
    labelled = sum(step.written(question).startswith("Question: ") for question in questions)
    assert 20 <= labelled <= 40
    assert all(step.written(question).endswith("D. A sailor\n\nAnswer: B") for question in questions)
    played = play("seeded/flashcards", PASSAGE, {"questions": CARDS}, tokenizer, formats={"which_true": 1})
    assert played.texts("questions")[0].removeprefix("Question: ") == CARDS
    assert play("seeded/flashcards", PASSAGE, {"questions": cut(CARDS)}, tokenizer).errors("questions") == ["parse:truncated"]


@pytest.mark.parametrize(("name", "asked"), [("questions", "Ours"), ("reading_comprehension", "any"), ("flashcards", "two_statement")])
def test_the_default_checks_keep_what_the_recipes_write(name, asked, tokenizer):
    options = {} if name == "questions" else formats(asked)
    two = "Statement 1 | The Moon pulls the sea. Statement 2 | The wind lifts the water in a bay."
    two += "\nA. True, True\nB. True, False\nC. False, True\nD. False, False"
    answers = f"Question: {two}\nAnswer: B" if name == "flashcards" else OPEN
    document = Document("a" if name == "questions" else "d", PASSAGE)
    if name == "questions":
        answers = OPEN if not next(step_of(name).prompts(Row(document), tokenizer)).values["request"].format.choices else CARDS
    played = play(f"seeded/{name}", document, {"questions": answers}, tokenizer, **options)
    [recipe] = find_recipes({"use": f"seeded/{name}", "options": options})
    texts = played.texts("questions")
    verdicts, scores = build_cascade(Filter()).judge(batch(texts, [PASSAGE] * len(texts), recipe=recipe.name))
    assert set(verdicts) == {"keep"}, (verdicts, scores)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"formats": {"spam": 1}}, r"there is no format `spam` \(did you mean `span`\?\)"),
        ({"formats": {"span": 0}}, "all shares are 0"),
        ({"formats": {"span": -1}}, "the share -1.0 is below 0"),
        ({"formats": {"span": float("nan")}}, "formats.span`: should be a finite number"),
    ],
)
def test_mistaken_formats_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        step_of("reading_comprehension", **options)


# Answers held to JSON


def test_answers_held_to_json_are_read_like_others(tokenizer):
    step = step_of("flashcards", formats={"which_true": 1}).held_to_form()
    prompt = next(step.prompts(Row(Document("d", PASSAGE)), tokenizer))
    entry = {
        "question": "Which of these pulls the sea?",
        "choice_a": "A mill",
        "choice_b": "The Moon",
        "choice_c": "Wind",
        "choice_d": "Rain",
    }
    data = {"questions": [{**entry, "answer": "B"}, {**entry, "choice_c": "Rain", "answer": "A"}]}
    assert list(json.loads(prompt.schema)["properties"]) == ["questions"]
    played = play("seeded/flashcards", PASSAGE, {"questions": json.dumps(data)}, tokenizer, structured=True, formats={"which_true": 1})
    assert played.texts("questions")[0].endswith("C. Wind\nD. Rain\n\nAnswer: B")
    assert played.errors("questions") == ["parse:choices"]


@pytest.mark.parametrize("asked", ["any", "multiple_choice", "true_false"])
def test_the_engine_can_hold_answers_to_the_forms(asked, tokenizer, tiny_model):
    """By the library that our vLLM servers are started with."""
    step = step_of("reading_comprehension", **formats(asked)).held_to_form()
    schema = next(step.prompts(Row(Document("d", PASSAGE)), tokenizer)).schema
    grammar = LLMatcher.grammar_from_json_schema(schema, defaults={"whitespace_flexible": False})
    matcher = LLMatcher(llguidance.hf.from_tokenizer(AutoTokenizer.from_pretrained(tiny_model)), grammar)
    assert not matcher.get_error()
