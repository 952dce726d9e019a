"""Recipes of several steps, played from the first prompt to the last row."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from rephrase.engines.base import Completion
from rephrase.errors import UserError
from rephrase.recipes.base import Row
from rephrase.recipes.catalogue import catalogue, recipes_of
from rephrase.recipes.neighbours import with_neighbours
from rephrase.recipes.use import RecipeUse
from rephrase.records import Document
from rephrase.settings.validation import validate
from tests.rephrase.recipes.play import cut, play
from tests.rephrase.recipes.test_families import PAIRS, PASSAGE, PROSE, REFUSAL

GENRES = json.dumps([{"genre": "a fairy tale", "audience": "children"}, {"genre": "a report", "audience": "engineers"}])


def scores(*grades: object):
    """A judge that gives these grades, one after the other."""
    left = list(grades)
    return lambda _prompt: f"It keeps to the text. Score: {left.pop(0)}"


def test_mga_keeps_what_is_graded_three_or_better(tokenizer):
    texts = iter(["Once upon a time the Moon pulled the sea.", "Report: the tide rises twice a day."])
    played = play("mga/reformulate", PASSAGE, {"propose": GENRES, "reformulate": lambda _: next(texts), "judge": scores(3, 2)}, tokenizer)
    assert len(played.prompts["reformulate"]) == 2
    assert "Genre: a fairy tale\nAudience: children" in played.prompts["reformulate"][0]
    assert played.texts("reformulate") == [], "what is not judged is no training text yet"
    assert played.texts("judge") == ["Once upon a time the Moon pulled the sea."]
    assert played.errors("judge") == ["rejected:score"]
    assert played.fields("judge")[0]["genre"] == "a fairy tale"


@pytest.mark.parametrize("proposed", ["no JSON", '[{"genre": "x"}]', "[]", REFUSAL])
def test_proposals_that_do_not_parse_are_asked_for_again_and_then_given_up(proposed, tokenizer):
    played = play("mga/reformulate", PASSAGE, {"propose": proposed}, tokenizer)
    assert len(played.prompts["propose"]) == 4, "retries: 3"
    assert played.errors("propose")[0].startswith("parse:")
    assert played.prompts["reformulate"] == []


def test_active_reading_applies_each_strategy(tokenizer):
    strategies = "## Draw a time line of the day\nsome words\n## Explain it to a child\n## Explain it to a child\n"
    played = play("active_reading/strategies", PASSAGE, {"strategies": strategies, "study": PROSE}, tokenizer)
    assert [p.split("\n")[1] for p in played.prompts["study"]] == ["Draw a time line of the day", "Explain it to a child"]
    assert played.texts("study") == [PROSE.strip()] * 2


def test_back_translation_goes_out_and_back(tokenizer):
    scripts = {"out": "La marée monte deux fois par jour.", "back": "The tide comes in two times daily."}
    played = play("backtranslation/pivot", PASSAGE, scripts, tokenizer, pivot="French")
    assert "into French" in played.prompts["out"][0]
    assert "La marée monte" in played.prompts["back"][0]
    assert PASSAGE[:30] not in played.prompts["back"][0], "the way back does not see the original"
    assert played.texts("back") == ["The tide comes in two times daily."]
    assert play("backtranslation/pivot", PASSAGE, {"out": cut("La mar")}, tokenizer).errors("out") == ["parse:truncated"]


def test_humpback_keeps_only_the_highest_grade_and_the_document_word_for_word(tokenizer):
    asked = "<instruction>Why does the sea rise?</instruction>"
    kept = play("instruction/backtranslation", PASSAGE.strip(), {"instruction": asked, "grade": scores(5)}, tokenizer)
    assert kept.texts("grade") == [f"Why does the sea rise?\n\n{PASSAGE.strip()}"]
    assert kept.fields("grade")[0] == {"instruction": "Why does the sea rise?", "score": 5.0}
    for grade in (4, 6, "none"):
        assert play("instruction/backtranslation", PASSAGE, {"instruction": asked, "grade": scores(grade)}, tokenizer).texts("grade") == []


def test_constitutional_draws_one_principle_and_keeps_the_revision(tokenizer):
    scripts = {"answer": "First answer.", "critique": "It is too short.", "revise": "The better answer."}
    played = play("instruction/constitutional", "How do tides work?", scripts, tokenizer)
    assert "by this principle alone: The answer" in played.prompts["critique"][0]
    assert "It is too short." in played.prompts["revise"][0]
    assert played.texts("revise") == ["How do tides work?\n\nThe better answer."]
    assert played.texts("answer") == played.texts("critique") == []
    again = play("instruction/constitutional", "How do tides work?", scripts, tokenizer)
    assert again.prompts == played.prompts, "draws depend on the document alone"


def test_context_distillation_stores_the_answer_without_the_system_prompt(tokenizer):
    played = play("instruction/context_distillation", "How do tides work?", {"rewrite": PROSE}, tokenizer, guidance="Be terse.")
    assert played.prompts["rewrite"][0] == "Be terse.\nHow do tides work?"
    assert "Be terse." not in played.texts("rewrite")[0]


def test_urial_shows_worked_examples_to_a_base_model_as_plain_text(tokenizer):
    [recipe] = recipes_of([RecipeUse(use="instruction/urial")])
    [prompt] = recipe.steps[0].prompts(Row(Document("d", "What is a tide?")), tokenizer)
    assert [message.role for message in prompt.messages] == ["text"]
    assert prompt.messages[0].content.endswith("# Query:\nWhat is a tide?\n\n# Answer:")
    assert prompt.sampling.stop == ("\n# Query:", "\n# Answer:")


def test_code_questions_are_asked_answered_and_revised(tokenizer):
    scripts = {"ask": "Question: What does f return?\nAnswer: Two.", "revise": "It returns 2, because 1 + 1 is 2."}
    played = play("code_qa/snippet", "def f():\n    return 1 + 1\n", scripts, tokenizer)
    assert played.texts("revise") == ["Question: What does f return?\n\nAnswer: It returns 2, because 1 + 1 is 2."]
    bad = play("code_qa/snippet", "def f(): ...", {"ask": "Answer: no question"}, tokenizer)
    assert bad.errors("ask") == ["parse:no_question"]
    assert len(bad.prompts["ask"]) == 3


def test_personas_need_no_documents_and_their_markers_are_required(tokenizer):
    played = play("persona/math", None, {"problem": "Math problem: A hive has 3 frames; how many have 4?", "solution": "12"}, tokenizer)
    assert "a beekeeper" in played.prompts["problem"][0]
    assert played.texts("solution") == ["Problem: A hive has 3 frames; how many have 4?\n\nSolution: 12"]
    assert play("persona/math", None, {"problem": "A hive has 3 frames."}, tokenizer).errors("problem") == ["parse:no_marker"]


def test_rows_are_drawn_alike_every_time_and_lists_may_be_the_users(tokenizer, tmp_path):
    [recipe] = recipes_of([RecipeUse(use="tinystories/story", options={"count": 200})])
    rows = list(recipe.rows.documents())
    assert rows == list(recipe.rows.documents())
    assert len({row.id for row in rows}) == 200
    assert len({row.text for row in rows}) > 190, "randomness comes from outside"
    assert set(rows[0].metadata) == {"verb", "noun", "adjective", "features"}
    some = Counter(row.metadata["features"].count(";") + 1 for row in rows)
    assert set(some) >= {1, 2, 3, 4}, "any subset of the features"
    (tmp_path / "verbs.txt").write_text("# mine\nsail\n")
    [mine] = recipes_of([RecipeUse(use="tinystories/story", options={"count": 3, "verbs": str(tmp_path / "verbs.txt")})])
    assert {row.metadata["verb"] for row in mine.rows.documents()} == {"sail"}
    assert mine.digest != recipe.digest
    pairs = recipes_of([RecipeUse(use="instruction/skillmix", options={"count": 300})])[0].rows.documents()
    assert all(row.metadata["first"] != row.metadata["second"] for row in pairs)
    with pytest.raises(UserError, match="there is no such list"):
        recipes_of([RecipeUse(use="tinystories/story", options={"verbs": "/nowhere.txt"})])
    with pytest.raises(UserError, match=r"`options.count`: should be a whole number, not 'many'"):
        validate(RecipeUse, {"use": "tinystories/story", "options": {"count": "many"}}, "recipe")


def test_exercises_come_with_their_solution(tokenizer):
    played = play("textbook/exercise", None, {"exercise": "**Exercise:** Add 2 and 3.\n\n**Solution:** It is 5."}, tokenizer)
    assert played.texts("exercise") == ["Exercise: Add 2 and 3.\n\nSolution: It is 5."]
    assert play("textbook/exercise", None, {"exercise": "Exercise: Add 2 and 3."}, tokenizer).errors("exercise") == ["parse:no_solution"]
    assert play("textbook/exercise", None, {"exercise": "Solution: 5\nExercise: ?"}, tokenizer).errors("exercise") == ["parse:order"]


def test_the_web_seed_is_the_beginning_of_the_page_alone(tokenizer):
    page = PASSAGE * 40
    played = play("textbook/web", page, {"rewrite": PROSE}, tokenizer)
    [row] = played.rows["rewrite"]
    assert row["span_start"] == 0
    assert 990 < row["span_end"] <= 1000
    assert page[row["span_end"] - 1].isspace(), "no word is cut"
    assert [row["span_end"] for row in play("textbook/web", "x" * 2000, {"rewrite": PROSE}, tokenizer).rows["rewrite"]] == [1000]


def test_two_documents_that_share_rare_names_are_put_together(tokenizer):
    texts = {
        "a": "The old lighthouse of Port Ellen was built by Robert Stevenson in a storm.",
        "b": "A painter drew Robert Stevenson while he was at work in Edinburgh.",
        "c": "Bread rises because yeast makes gas in the dough.",
    }
    rows = with_neighbours([Row(Document(key, text)) for key, text in texts.items()], 1)
    assert [[d.id for d in row.neighbours] for row in rows] == [["b"], ["a"], []]
    [recipe] = recipes_of([RecipeUse(use="crossdoc/qa")])
    step = recipe.steps[0]
    [prompt] = step.prompts(rows[0], tokenizer)
    assert texts["a"] in prompt.messages[-1].content
    assert texts["b"] in prompt.messages[-1].content
    assert list(step.prompts(rows[2], tokenizer)) == []
    assert step.parse(prompt, Completion(PAIRS), tokenizer).text.startswith("Question: What is fact number 0")
    assert step.parse(prompt, Completion(PROSE), tokenizer).error == "parse:no_questions"


def test_chunks_follow_each_other_and_a_faithful_document_is_joined(tokenizer):
    document = " ".join(f"Sentence {n} tells of the tide." for n in range(60))
    numbers = iter(range(100))
    played = play(
        "chunkwise/rewrite",
        document,
        {"rewrite": lambda _: f"Part {next(numbers)}.", "fidelity": "Faithful: yes"},
        tokenizer,
        chunk_tokens=120,
    )
    prompts = played.prompts["rewrite"]
    assert len(prompts) > 2
    assert "goes on from there" not in prompts[0]
    for number, prompt in enumerate(prompts[1:]):
        assert f"Part {number}.\n\nRewrite the next part" in prompt, "each prompt ends with what was written last"
    [text] = played.texts("fidelity")
    assert text.split("\n\n") == [f"Part {n}." for n in range(len(prompts))]
    whole = next(row for row in played.rows["fidelity"] if row["text"])
    assert (whole["span_start"], whole["span_end"]) == (0, len(document))
    unfaithful = iter(["Faithful: yes", "Faithful: no"] + ["Faithful: yes"] * 20)
    broken = play("chunkwise/rewrite", document, {"rewrite": "Part.", "fidelity": lambda _: next(unfaithful)}, tokenizer, chunk_tokens=120)
    assert broken.texts("fidelity") == []
    assert broken.errors("fidelity") == ["rejected:no"]
    cut_off = play("chunkwise/rewrite", document, {"rewrite": [Completion("Part 0."), cut("Part")]}, tokenizer, chunk_tokens=120)
    assert len(cut_off.prompts["rewrite"]) == 2, "the chain ends at the first chunk that fails"
    assert cut_off.prompts["fidelity"] == []


def test_the_better_graded_answer_is_chosen(tokenizer):
    grades = iter([5, 2, 4, 1])

    def judge(_: str) -> str:
        grade = next(grades)
        return json.dumps(dict.fromkeys(("instruction_following", "truthfulness", "honesty", "helpfulness"), grade))

    answers = [f"Answer {n}" for n in range(4)]
    played = play("preference/grades", "Why tides?", {"answers": answers, "judge": judge}, tokenizer)
    [pair] = [row for row in played.fields("judge") if "chosen" in row]
    assert (pair["chosen"], pair["chosen_score"]) == ("Answer 0", 5.0)
    assert pair["rejected"] in answers[1:]
    assert pair["rejected_score"] < 5
    assert played.texts("judge") == ["Why tides?\n\nAnswer 0"]
    temperatures = [json.loads(row["sampling"])["temperature"] for row in played.rows["answers"]]
    assert temperatures == [0.3, 0.7, 1.0, 1.3]
    tied = play(
        "preference/grades",
        "Why tides?",
        {"answers": answers, "judge": json.dumps(dict.fromkeys(("instruction_following", "truthfulness", "honesty", "helpfulness"), 3))},
        tokenizer,
    )
    assert tied.texts("judge") == []
    assert "rejected:tie" in tied.errors("judge")


def test_a_judge_who_prefers_a_position_decides_nothing(tokenizer):
    answers = {"answers": ["Good answer", "Bad answer"]}
    options = {"temperatures": [0.2, 0.9]}
    biased = play("preference/pairs", "Why?", {**answers, "judge": "Better: first"}, tokenizer, **options)
    assert len(biased.prompts["judge"]) == 2, "both orders"
    assert biased.texts("judge") == []
    assert "rejected:tie" in biased.errors("judge")

    def fair(prompt: str) -> str:
        return "Better: first" if prompt.index("Good") < prompt.index("Bad") else "Better: second"

    played = play("preference/pairs", "Why?", {**answers, "judge": fair}, tokenizer, **options)
    [pair] = [row for row in played.fields("judge") if "chosen" in row]
    assert (pair["chosen"], pair["rejected"]) == ("Good answer", "Bad answer")


GRADES = json.dumps(dict.fromkeys(("instruction_following", "truthfulness", "honesty", "helpfulness"), 5))


@pytest.mark.parametrize(
    ("recipe", "step", "verdict", "before"),
    [
        ("chunkwise/rewrite", "fidelity", "Faithful: yes", {"rewrite": "Part."}),
        ("evol/instruct", "gain0", "Different", {"evolve0": "Why does it rise, and by how much?"}),
        ("self_instruct/tasks", "kind", "Yes", {"round0": "9. Tell why the tide rises in the bay.\n10. Name three harbours."}),
        ("preference/grades", "judge", GRADES, {"answers": ["a", "b", "c", "d"]}),
        ("preference/pairs", "judge", "Better: first", {"answers": ["a", "b", "c", "d"]}),
        ("mga/reformulate", "judge", "Score: 5", {"propose": GENRES, "reformulate": PROSE}),
        ("instruction/backtranslation", "grade", "Score: 5", {"instruction": "<instruction>Why does the sea rise?</instruction>"}),
    ],
)
def test_no_verdict_is_read_from_an_answer_that_was_cut(recipe, step, verdict, before, tokenizer):
    document = None if recipe == "self_instruct/tasks" else "Why does the tide rise? It rises because the Moon pulls the sea."
    whole = play(recipe, document, {**before, step: verdict}, tokenizer)
    assert whole.rows[step]
    assert "parse:truncated" not in whole.errors(step)
    broken = play(recipe, document, {**before, step: cut(f"{verdict} ")}, tokenizer)
    assert {row["error"] for row in broken.rows[step] if row["finish_reason"] == "length"} <= {"parse:truncated", "rejected:tie"}
    assert "parse:truncated" in broken.errors(step)
    assert broken.texts(step) == []


def test_evolved_requests_pass_the_rules_of_elimination(tokenizer):
    long = "It rises because the Moon pulls the sea on both sides of the turning Earth. " * 3
    scripts = {"evolve0": "Why does the tide rise, and by how much in a narrow bay?", "gain0": "Different", "answer0": long}
    played = play("evol/instruct", "Why does the tide rise?", scripts, tokenizer, rounds=2)
    assert played.texts("answer0") == [f"{scripts['evolve0']}\n\n{long.strip()}"]
    assert scripts["evolve0"] in played.prompts["evolve1"][0], "the next round goes on from what evolved"
    for step, completion, error in [
        ("evolve0", "#Rewritten Prompt#: Why does the tide rise?", "rejected:leak"),
        ("gain0", "Equal", "rejected:no_gain"),
        ("answer0", "Sorry, I do not know.", "rejected:sorry"),
        ("answer0", "It is the, of a.", "rejected:empty"),
        ("answer0", cut(long), "parse:truncated"),
    ]:
        eliminated = play("evol/instruct", "Why does the tide rise?", {**scripts, step: completion}, tokenizer, rounds=2)
        assert eliminated.errors(step) == [error]
        assert eliminated.texts("answer0") == []
        assert "Why does the tide rise?" in eliminated.prompts["evolve1"][0], "failures go back as they were"
        assert scripts["evolve0"] not in eliminated.prompts["evolve1"][0]
    sorry = f"I am sorry for the length. {long * 3}"
    assert play("evol/instruct", "Why?", {**scripts, "answer0": sorry}, tokenizer, rounds=1).texts("answer0"), "80 words excuse a sorry"


def test_conditions_choose_the_documents_of_a_recipe(tokenizer):
    document = Document("d", PASSAGE, source="web/news", language="en", n_tokens=100, metadata={"quality": "0.3"})
    for when, taken in [
        ({"min_tokens": 50, "languages": "en", "sources": ["web/*"]}, True),
        ({"scores": {"quality": {"max": 0.4}}}, True),
        ({"scores": {"quality": {"min": 0.4}}}, False),
        ({"scores": {"other": {"min": 0}}}, False),
        ({"max_tokens": 50}, False),
        ({"languages": ["de", "fr"]}, False),
        ({"sources": "books"}, False),
    ]:
        [recipe] = recipes_of([RecipeUse.model_validate({"use": "wrap/easy", "when": when})])
        assert recipe.when.accepts(document) is taken, when


def test_every_recipe_says_how_many_prompts_and_tokens_it_takes():
    for recipe in catalogue().values():
        for step in recipe.steps:
            assert step.load
            assert step.output_tokens >= 1 or recipe.family == "baseline"
