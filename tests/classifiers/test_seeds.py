"""A run whose seeds hold items of a benchmark, or that nothing checks, is refused before it starts."""

from __future__ import annotations

import orjson
import pytest
import yaml

from classifiers.seeds import check_seeds
from classifiers.settings import Filter, Screen, filter_of
from rephrase.cli.main import main
from rephrase.errors import UserError
from rephrase.recipes.catalogue import find_recipes

TRAINING = {"question": "Which chemist left gaps in his table of the elements for those yet to be found?", "answer": "Mendeleev"}
ITEM = {"question": "A baker sells 14 loaves on Monday and twice as many on Tuesday. How many does he sell on both days?", "answer": "42"}
SHORT = {"question": "Who wrote the Messiah?", "answer": "Handel"}  # of fewer words than are looked for in texts
CHOICES = {"question": "Which pulls the sea most?", "choices": ["The Moon", "The Sun", "The wind", "A bay"], "answer": "The Moon"}


def write(path, *rows):
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return str(path)


@pytest.fixture
def benchmark(tmp_path):
    return {"name": "quiz", "paths": write(tmp_path / "quiz.jsonl", ITEM, SHORT, CHOICES)}


def checked(seeds, judged, screened=None, **options):
    check_seeds(find_recipes({"use": "seeded/questions", "options": {"seeds": seeds, **options}}), judged, screened)


@pytest.mark.parametrize(
    ("row", "item"),
    [
        (ITEM, 1),
        ({**ITEM, "question": f"Solve this. {ITEM['question'].replace('baker', 'grocer')} Show your work."}, 1),  # a word changed
        (SHORT, 2),
        (CHOICES, 3),
    ],
)
def test_a_seed_that_is_an_item_is_refused_with_both_places(tmp_path, benchmark, row, item):
    seeds = write(tmp_path / "seeds.jsonl", TRAINING, row)
    message = (
        rf"seeds.jsonl, row 2: the recipe `seeded/questions` has a seed that is an item of the benchmark `quiz`, row {item} .*training"
    )
    with pytest.raises(UserError, match=message):
        checked(seeds, filter_of(["finished", {"contamination": {"benchmarks": [benchmark]}}]))
    screened = Screen.model_validate({"checks": [{"contamination": {"benchmarks": [benchmark]}}]})
    with pytest.raises(UserError, match=message):
        checked(seeds, Filter(), screened, unchecked=True)


def test_choices_that_a_benchmark_joins_to_its_question_are_looked_for(tmp_path, benchmark):
    joined = {**benchmark, "fields": ["question", "choices"], "join": True, "paths": write(tmp_path / "choices.jsonl", CHOICES)}
    with pytest.raises(UserError, match="quiz`, row 1"):
        checked(write(tmp_path / "seeds.jsonl", CHOICES), filter_of([{"contamination": {"benchmarks": [joined]}}]))


def test_seeds_that_are_no_items_pass(tmp_path, benchmark):
    checked(write(tmp_path / "seeds.jsonl", TRAINING), filter_of([{"contamination": {"benchmarks": [benchmark]}}]))


def test_seeds_of_the_users_own_need_the_check_of_contamination(tmp_path):
    seeds = write(tmp_path / "seeds.jsonl", TRAINING)
    for judged in (Filter(), filter_of(["finished"])):
        with pytest.raises(
            UserError, match=r"recipe `seeded/questions`: nothing keeps items .*add {contamination: .*or say `unchecked: true`"
        ):
            checked(seeds, judged)
    checked(seeds, Filter(), unchecked=True)
    check_seeds(find_recipes("seeded/*"), Filter(), None)  # ours


@pytest.mark.parametrize("command", ["plan", "doctor", "run"])
def test_the_commands_refuse_such_a_run_before_it_starts(tmp_path, benchmark, tokenizer_file, capsys, command):
    seeds = write(tmp_path / "seeds.jsonl", TRAINING, ITEM)
    data = {"output": "out", "tokenizer": tokenizer_file, "engine": {"kind": "echo"}}
    data |= {"input": {"paths": write(tmp_path / "documents.jsonl", {"text": "The tide rises twice a day."})}}
    data |= {"recipes": [{"use": "seeded/questions", "options": {"seeds": seeds}}]}
    data |= {"filter": {"checks": [{"contamination": {"benchmarks": [benchmark]}}]}}
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(SystemExit) as ended:
        main([command, str(path)])
    told = capsys.readouterr()
    assert ended.value.code != 0
    assert "has a seed that is an item of the benchmark `quiz`, row 1" in " ".join((told.out + told.err).split())
