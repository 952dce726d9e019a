"""Self-Instruct and Alpaca: the rules by which a pool of instructions grows."""

from __future__ import annotations

import json
import random
import re

import pytest

from rephrase.errors import UserError
from rephrase.recipes.instances import instances, without_faults
from rephrase.recipes.instruct import rules
from rephrase.recipes.pools import Pool, accept, draw, read_seeds, rouge_l
from tests.rephrase.recipes.play import cut, play

WORDS = re.findall(
    r"\w+", "the a tide moon sea rises falls twice each day write list three words about boats in harbour for sailors who wait"
)


def test_rouge_l_is_that_of_an_independent_implementation():
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    drawn = random.Random(0)
    texts = [" ".join(drawn.choices(WORDS, k=drawn.randint(1, 40))) for _ in range(60)]
    texts += ["", "Write, list: THREE words!", "write list three words", "naïve café 42nd"]
    for first in texts:
        for second in texts:
            assert rouge_l(first, second) == pytest.approx(scorer.score(first, second)["rougeL"].fmeasure), (first, second)


def test_the_pool_finds_what_is_too_similar_and_nothing_else():
    drawn = random.Random(1)
    texts = [" ".join(drawn.choices(WORDS, k=drawn.randint(4, 12))) for _ in range(200)]
    pool, plain = Pool(0.7), []
    for text in texts:
        highest = max((rouge_l(text, other) for other in plain), default=0.0)
        assert (pool.nearest(text) > 0.7) == (highest > 0.7), text
        if highest <= 0.7:
            pool.add(text)
            plain.append(text)
    assert 20 < len(plain) < 200


@pytest.mark.parametrize(
    ("instruction", "fault"),
    [
        ("Name three rivers.", "too_short"),
        ("Name three long rivers.", None),
        ("word " * 151, "too_long"),
        ("word " * 150, None),
        ("Describe what you see in the image.", "unserved"),
        ("Describe the music of the baroque.", None),
        ("Plot the sales of each month.", "unserved"),
        ("Explain the plotting of a novel.", None),
        ("Go to the shop and buy milk.", "unserved"),
        ("Write a program that sorts numbers.", "start"),
        ("- Name three long rivers.", "first_character"),
        ("Ünlü nehirleri sırala ve anlat.", "first_character"),
    ],
)
def test_rules_of_self_instruct(instruction, fault):
    assert rules().fault(instruction.strip()) == fault


def test_alpaca_serves_no_sounds_and_films_either():
    assert rules(alpaca=True).fault("Describe the music of the baroque.") == "unserved"


def test_candidates_are_compared_with_those_that_came_in_before_them():
    faults = list(
        accept(["Name three long rivers of Asia.", "Name three long rivers of Europe.", "Explain how bread rises."], Pool(0.7), rules())
    )
    assert faults == [None, "similar", None]


def test_examples_are_six_seeds_and_two_of_the_machines_own_where_there_are_any():
    seeds, made = [f"seed {n}" for n in range(20)], [f"made {n}" for n in range(20)]
    first = draw(seeds, [], 6, 2, "x")
    assert len(set(first) & set(seeds)) == 8
    later = draw(seeds, made, 6, 2, "x")
    assert (len(set(later) & set(seeds)), len(set(later) & set(made))) == (6, 2)
    assert later == draw(seeds, made, 6, 2, "x") != draw(seeds, made, 6, 2, "y")


def numbered(*tasks: str) -> str:
    return "\n".join(f"{n}. {task}" for n, task in enumerate(tasks, 9))


def test_rounds_grow_a_pool_and_each_task_gets_instances(tokenizer):
    first = ["Explain how bread rises in the oven.", "Say if the review is kind or rude.", "Draw a picture of a cat.", "Name rivers."]
    second = ["Explain how bread rises in the ovens.", "List four uses for an old newspaper."]
    scripts = {
        "round0": numbered(*first),
        "round1": numbered(*second),
        "kind": lambda prompt: "Classification: yes" if "review" in prompt else "Classification: no",
        "instances": lambda prompt: (
            "Output: kind\nInput: What a lovely day.\nOutput: rude\nInput: Go away."
            if "For each label" in prompt
            else "Input: none\nOutput: Yeast makes gas, which lifts the dough."
        ),
    }
    played = play("self_instruct/tasks", None, scripts, tokenizer, rounds=2, prompts_per_round=1)
    assert [fields["instruction"] for fields in played.fields("round0")] == first[:2]
    assert sorted(played.errors("round0")) == ["rejected:too_short", "rejected:unserved"]
    assert [fields["instruction"] for fields in played.fields("round1")] == second[1:], "too similar to one of the round before"
    assert any(task in played.prompts["round1"][0] for task in first[:2]), "the machine's own tasks are examples now"
    texts = played.texts("instances")
    assert "Say if the review is kind or rude.\n\nGo away.\n\nrude" in texts
    assert "List four uses for an old newspaper.\n\nYeast makes gas, which lifts the dough." in texts
    assert len(texts) == 4
    assert {"instruction", "input", "output"} == set(played.fields("instances")[0])


def test_rounds_end_at_the_target(tokenizer):
    script = numbered("Explain how bread rises in the oven.", "List four uses for an old newspaper.")
    played = play("self_instruct/tasks", None, {"round0": script}, tokenizer, rounds=3, prompts_per_round=2, target=2)
    assert [len(played.prompts[f"round{n}"]) for n in range(3)] == [2, 0, 0]


def test_a_cut_completion_is_dropped_whole(tokenizer):
    script = cut(numbered("Explain how bread rises in the oven.", "List four uses for an"))
    played = play("self_instruct/tasks", None, {"round0": script}, tokenizer, rounds=1, prompts_per_round=1)
    assert (played.fields("round0"), played.errors("round0")) == ([], ["parse:truncated"])
    for bad in ("I'm sorry, but I cannot help with that.", ""):
        assert play("self_instruct/tasks", None, {"round0": bad}, tokenizer, rounds=1, prompts_per_round=1).errors("round0") == [
            "parse:no_items"
        ]


def test_instances_with_faults_are_left_out():
    found = instances(
        "Input: a\nOutput: 1\n\nInput: b\nOutput: b\n\nInput: c\nOutput: Here it is:\n\nInput: d\nOutput:", output_first=False
    )
    assert without_faults(found) == [("a", "1")]
    assert without_faults([("Sort this:", "1"), ("b", "3")]) == [("b", "3")], "inputs that end with a colon are cut too"
    assert without_faults([("a", "1"), ("a", "2"), ("b", "3")]) == [], "one input with two outputs: the task is not trusted"
    assert without_faults([("", "1"), ("", "2"), ("", "1")]) == [("", "1"), ("", "2")]
    assert len(without_faults([(str(n), "1") for n in range(2, 12)])) == 5
    assert instances("Output: x\nInput: y", output_first=False) == []


def alpaca(*tasks: tuple[str, str, str]) -> str:
    return "\n###\n".join(f"{n}. Instruction: {i}\n{n}. Input:\n{g}\n{n}. Output:\n{o}" for n, (i, g, o) in enumerate(tasks, 4))


def test_alpaca_takes_twenty_tasks_a_call_apart_and_rejects_what_has_not_seven_parts(tokenizer):
    good = ("Explain how bread rises in the oven.", "<noinput>", "Yeast makes gas.")
    completion = alpaca(good, ("Sort the numbers from small to large.", "3, 1, 2", "1, 2, 3")) + "\n###\n6. Instruction: No more"
    played = play("alpaca/tasks", None, {"round0": completion}, tokenizer, rounds=1, prompts_per_round=1)
    assert played.texts("round0") == [
        "Explain how bread rises in the oven.\n\nYeast makes gas.",
        "Sort the numbers from small to large.\n\n3, 1, 2\n\n1, 2, 3",
    ]
    assert played.prompts["round0"][0].count("Instruction:") == 3, "three seeds"
    truncated = play("alpaca/tasks", None, {"round0": cut(alpaca(good, good))}, tokenizer, rounds=1, prompts_per_round=1)
    assert len(truncated.texts("round0")) == 1
    again = play("alpaca/tasks", None, {"round0": completion, "round1": completion}, tokenizer, rounds=2, prompts_per_round=1)
    assert again.texts("round1") == []
    assert set(again.errors("round1")) == {"rejected:similar"}


def test_seed_files_are_read_as_self_instruct_publishes_them(tmp_path):
    path = tmp_path / "seeds.jsonl"
    path.write_text(
        json.dumps({"id": "x", "instruction": "Add.", "instances": [{"input": "1 and 2", "output": "3"}], "is_classification": False})
    )
    [seed] = read_seeds(str(path))
    assert (seed.instruction, seed.input, seed.output) == ("Add.", "1 and 2", "3")
    path.write_text('{"instruction": "Add."}\n{"no": 1}\n')
    with pytest.raises(UserError, match=r"seeds.jsonl, line 2: not a seed task"):
        read_seeds(str(path))
    with pytest.raises(UserError, match="no such file of seed tasks"):
        read_seeds(str(tmp_path / "none"))
    assert len(read_seeds(None)) >= 8
