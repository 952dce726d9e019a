from __future__ import annotations

import gzip
import pickle
import random

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.batch import JudgeBatch
from classifiers.benchmark_index import Index, aligned, load_index
from classifiers.benchmarks import Benchmark
from classifiers.cascade import build_cascade
from classifiers.settings import filter_of
from classifiers.words import words_of
from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.errors import UserError
from tests.classifiers.batches import REWRITE, SOURCE, batch
from tests.classifiers.test_words import plain_words

QUESTION = (
    "A baker sells 14 loaves on Monday and twice as many on Tuesday. On Wednesday the oven breaks, and he sells only 3 loaves. "
    "Each loaf costs 4 dollars. How many dollars does the baker earn in the three days?"
)
OTHER = (
    "Mara walks 3 miles to school and takes the bus home. The bus needs 10 minutes for 5 miles, and she walks a mile in 20 minutes. "
    "How many minutes does she spend on her way each day?"
)
SHORT = "Which river flows through the city of Vienna today?"  # 9 words
WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=12)


def write(path, items, field="question"):
    path.write_bytes(b"".join(orjson.dumps({field: item}) + b"\n" for item in items))
    return str(path)


def index(path, items, **settings) -> Index:
    load_index.cache_clear()
    return load_index((Benchmark(name="quiz", paths=write(path / "quiz.jsonl", items), **settings),))


def plain_aligned(item: list[str], window: list[str]) -> tuple[int, int]:
    """Word edits from the item to the nearest part of the window, and their longest common run, by trying all parts."""

    def edits(part: list[str]) -> int:
        above = list(range(len(part) + 1))
        for i, word in enumerate(item, 1):
            row = [i]
            for j, other in enumerate(part, 1):
                row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (word != other)))
            above = row
        return above[-1]

    parts = [window[i:j] for i in range(len(window) + 1) for j in range(i, len(window) + 1)]
    shared = [part for part in parts if any(item[i : i + len(part)] == part for i in range(len(item) - len(part) + 1))]
    return min(map(edits, parts)), max(map(len, shared), default=0)


@given(WORDS, WORDS)
def test_the_alignment_is_that_of_the_plain_reference(item, window):
    hashes = words_of([" ".join(item), " ".join(window)]).hashes
    distance, longest, at = aligned(hashes[: len(item)], hashes[len(item) :])
    assert (distance, longest) == plain_aligned(item, window)
    run = window[at : at + longest]
    assert len(run) == longest
    assert any(item[i : i + longest] == run for i in range(len(item) - longest + 1))


def plain_candidates(items: list[str], texts: list[str], benchmark: Benchmark) -> set[tuple[int, int]]:
    """Texts and items that share an n-gram which is no template."""
    distinct = list(dict.fromkeys(tuple(plain_words(item)) for item in items))
    grams = []
    for words in distinct:
        size = min(len(words), benchmark.ngram)
        grams.append({words[i : i + size] for i in range(len(words) - size + 1)} if len(words) >= 8 else set())
    rare = [{gram for gram in own if sum(gram in others for others in grams) <= benchmark.max_items} for own in grams]
    kept = [own for own, words in zip(rare, distinct, strict=True) if len(words) >= 8]
    found = set()
    for number, text in enumerate(texts):
        words = tuple(plain_words(text))
        shown = {words[i : i + size] for size in range(8, benchmark.ngram + 1) for i in range(len(words) - size + 1)}
        found |= {(number, item) for item, own in enumerate(kept) if own & shown}
    return found


@pytest.mark.parametrize("seed", range(20))
def test_candidates_are_those_of_the_plain_reference(tmp_path, seed):
    chance = random.Random(seed)
    pool = [f"w{number}" for number in range(chance.choice([3, 40]))]
    items = [" ".join(chance.choices(pool, k=chance.randrange(4, 30))) for _ in range(20)] + [QUESTION, QUESTION.upper(), SHORT, ""]
    texts = ["", SHORT, "!", QUESTION[:100], QUESTION[5:], SOURCE]
    for _ in range(20):
        cut = chance.choice(items).split()
        begin = chance.randrange(len(cut) + 1)
        texts.append(" ".join([*chance.choices(pool, k=5), *cut[begin : begin + chance.randrange(4, 20)], *chance.choices(pool, k=5)]))
    made = index(tmp_path, items, ngram=chance.choice([8, 10, 13]), max_items=chance.choice([1, 3, 10]))
    found = {(text, item) for text, item, _ in made._candidates(words_of(texts))}
    assert found == plain_candidates(items, texts, made.benchmarks[0])
    assert {text for text, _ in found} == {text for text, hit in enumerate(made.nearest(texts)) if hit}


def changed(text: str) -> str:
    return text.upper().replace(". ", " ;\n- ").replace(",", "")


def test_items_are_found_in_any_dress_and_at_the_right_place(tmp_path):
    made = index(tmp_path, [OTHER, QUESTION, SHORT])
    before = "İstanbul — " + SOURCE + "\n\n"
    texts = [QUESTION, changed(QUESTION), before + changed(QUESTION) + "\n" + REWRITE, "So: " + changed(SHORT), SOURCE, REWRITE, ""]
    hits = made.find(texts)
    assert [hit and (hit.item, hit.ratio, hit.confirmed) for hit in hits] == [(2, 1, True)] * 3 + [(3, 1, True)] + [None] * 3
    assert [hit.position for hit in hits if hit] == [0, 0, len(before), 4]
    assert hits[2].longest_match == len(plain_words(QUESTION))
    assert hits[2].excerpt == changed(QUESTION)[:200]
    assert hits[2].benchmark == "quiz"


def test_edited_items_are_found_and_allusions_are_not(tmp_path):
    made = index(tmp_path, [QUESTION])
    edited = QUESTION.replace("14 loaves", "15 brown loaves").replace("4 dollars", "5 dollars")
    allusion = "A baker sells 14 loaves on Monday and twice as many on Tuesday. " + SOURCE
    hit, none = made.find([SOURCE + edited, allusion])
    assert none is None
    assert hit.ratio == pytest.approx(1 - 3 / len(plain_words(QUESTION)))
    near = made.nearest([allusion])[0]
    assert not near.confirmed
    assert near.longest_match == 13
    assert near.ratio < 0.5
    assert index(tmp_path, [QUESTION], min_longest=13).find([allusion])[0].longest_match == 13
    assert index(tmp_path, [QUESTION], min_edit_ratio=1).find([SOURCE + edited, QUESTION])[0] is None


def test_a_long_item_is_found_in_part(tmp_path):
    long = f"{SOURCE} {REWRITE}"
    half = "They wrote: " + SOURCE[:400]
    assert index(tmp_path, [long]).find([half])[0].longest_match >= 50
    assert index(tmp_path, [long], min_longest=None).find([half]) == [None]


def test_templates_find_nothing(tmp_path):
    template = "Read the following question with care and choose the one answer among these that fits it best: "
    things = ["rivers", "towers", "bakers", "buses", "lamps", "storms", "reefs", "ships", "oaks", "stones", "joints", "waves"]
    items = [template + f"why do {thing} matter so much to the old people of the coast?" for thing in things]
    text = template + "who built the first of the four lighthouses?"
    made = index(tmp_path, items)
    assert made.nearest([text]) == [None]
    assert made.find([items[3]])[0].item == 4
    assert index(tmp_path, items, max_items=12).nearest([text])[0].longest_match == len(plain_words(template))
    made = index(tmp_path, [template, OTHER, *(template + thing for thing in things)])
    assert made.templates == {"quiz": 1}  # the others have a last n-gram of their own
    assert [hit and hit.item for hit in made.find([template, template + "reefs", OTHER])] == [None, 9, 2]


def test_repeated_and_short_items_are_counted(tmp_path):
    made = index(tmp_path, [QUESTION, "What is 2 + 2?", changed(QUESTION), "", SHORT, SHORT])
    assert (made.short, made.repeated, made.templates) == ({"quiz": 2}, {"quiz": 2}, {"quiz": 0})
    assert made.find(["It is 4. What is 2 + 2?"]) == [None]


def test_an_item_is_found_by_its_last_words(tmp_path):
    words = SOURCE.split()
    for place in (5, 15, 25, 35):
        words[place] = "otherwise"
    hit = index(tmp_path, [SOURCE], min_longest=None).find([REWRITE + " " + " ".join(words)])[0]
    assert hit.ratio == pytest.approx(1 - 4 / len(plain_words(SOURCE)))
    assert hit.excerpt.startswith(words[36])


def test_a_whole_item_is_found_among_parts_of_many_others(tmp_path):
    items = [" ".join(f"w{item}x{word}" for word in range(80)) for item in range(100)]
    text = " ".join(" ".join(item.split()[:30]) for item in items) + ". " + SHORT
    assert index(tmp_path, [*items, SHORT]).find([text])[0].item == 101


def test_a_page_that_quotes_itself_without_end(tmp_path):
    items = [" ".join(["again"] * size) for size in range(8, 60)]
    hit = index(tmp_path, items, max_items=100).find([" ".join(["again"] * 20_000)])[0]
    assert hit.ratio == 1


def test_texts_do_not_run_into_each_other(tmp_path):
    made = index(tmp_path, [QUESTION])
    assert made.find([QUESTION[:60], QUESTION[60:]]) == [None, None]
    texts = [SOURCE, QUESTION, "", REWRITE + changed(QUESTION), QUESTION[:99]]
    assert made.nearest(texts) == [made.nearest([text])[0] for text in texts]


def test_fields_and_files(tmp_path):
    rows = [{"ctx": {"text": QUESTION}, "endings": [SHORT, OTHER]}, {"ctx": {"text": SOURCE}, "endings": ["x", "y"]}]
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b"\n".join(map(orjson.dumps, rows))))
    write(tmp_path / "a.jsonl", [REWRITE])
    each = Benchmark(name="each", paths=str(tmp_path / "b.jsonl.gz"), fields=["ctx.text", "endings"])
    joined = Benchmark(name="joined", paths=[str(tmp_path / "b.jsonl.gz")], fields=("ctx.text", "endings"), join=True)
    first = Benchmark(name="first", paths=str(tmp_path / "a.jsonl"))
    made = load_index((first, each))
    assert [(hit.benchmark, hit.item) for hit in made.find([REWRITE, QUESTION, SOURCE, OTHER + SHORT])] == [
        ("first", 1),
        ("each", 1),
        ("each", 2),
        ("each", 1),
    ]
    assert made.short == {"first": 0, "each": 1}
    assert len(load_index((joined,)).words) == 2
    assert load_index((first, each)) is made
    assert load_index((first, joined)).digest != made.digest
    assert pickle.loads(pickle.dumps(each)) == each


def test_an_item_of_two_benchmarks_is_judged_by_the_rules_of_both(tmp_path):
    path = write(tmp_path / "quiz.jsonl", [QUESTION])
    strict = Benchmark(name="strict", paths=path, min_edit_ratio=1, max_items=1)
    lax = Benchmark(name="lax", paths=path, min_edit_ratio=0.7, max_items=1)
    made = load_index((strict, lax))
    assert made.repeated == {"strict": 0, "lax": 0}
    assert [hit.benchmark for hit in made.find([QUESTION, QUESTION.replace("three days", "week")])] == ["strict", "lax"]


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        (b'{"question": "a"}\n{"prompt": "b"}\n', {}, r"quiz.jsonl, row 2: the row has no field `question`; it has: prompt .set `fields`"),
        (b'{"question": 3}\n', {}, r"row 1: `question` is neither a string nor a list of strings but 3"),
        (b"{\n", {}, r"quiz.jsonl, row 1: not a JSON object"),
        (b'{"question": "Too short."}\n', {}, r"quiz.jsonl: no item of the benchmark `quiz` can be found: 1 have fewer than 8 words"),
        (b"", {}, r"no item of the benchmark `quiz`"),
        (
            orjson.dumps({"question": SHORT}),
            {"fields": []},
            r"benchmarks.0.fields`: should have at least 1 item",
        ),
        (b"", {"ngram": 14}, r"`checks.0.contamination.benchmarks.0.ngram`: should be less than or equal to 13"),
        (b"", {"ngrams": 13}, r"unknown key `checks.0.contamination.benchmarks.0.ngrams` .did you mean `ngram`"),
        (b"", {"paths": "no-such.jsonl"}, r"no-such.jsonl: no input files found"),
    ],
)
def test_faults_are_named(tmp_path, content, settings, message):
    (tmp_path / "quiz.jsonl").write_bytes(content)
    benchmark = {"name": "quiz", "paths": str(tmp_path / "quiz.jsonl"), **settings}
    with pytest.raises(UserError, match=message):
        build_cascade(filter_of([{"contamination": {"benchmarks": [benchmark]}}]))


def test_benchmarks_of_one_name_and_none(tmp_path):
    quiz = {"name": "quiz", "paths": write(tmp_path / "quiz.jsonl", [QUESTION])}
    with pytest.raises(UserError, match="two benchmarks have the same name"):
        build_cascade(filter_of([{"contamination": {"benchmarks": [quiz, quiz]}}]))
    with pytest.raises(UserError, match=r"contamination\.benchmarks` is missing"):
        build_cascade(filter_of(["contamination"]))


def test_the_check(tmp_path):
    quiz = {"name": "quiz", "paths": write(tmp_path / "quiz.jsonl", [QUESTION])}
    cascade = build_cascade(filter_of(["finished", {"contamination": {"benchmarks": [quiz]}}]))
    rows: JudgeBatch = batch([SOURCE + QUESTION, REWRITE, None, QUESTION[:75]], errors=[None, None, "parse:x", None])
    verdicts, scores = pickle.loads(pickle.dumps(cascade)).judge(rows)
    assert verdicts == ["contamination", "keep", "parsed", "keep"]
    nothing = {"finished": 1, "contamination": 0, "contamination.longest": 0, "contamination.ratio": 0, "contamination.source": 0}
    whole = {"contamination": 1, "contamination.longest": len(plain_words(QUESTION)), "contamination.ratio": 1, "contamination.quiz": 1}
    assert scores[0] == nothing | whole
    assert scores[1] == nothing
    assert scores[2] == {"finished": 1}
    assert (scores[3]["contamination"], scores[3]["contamination.longest"]) == (0, 14)
    before = cascade.describe()
    assert before[1]["settings"]["benchmarks_digest"]
    load_index.cache_clear()
    write(tmp_path / "quiz.jsonl", [OTHER])
    assert before != build_cascade(filter_of(["finished", {"contamination": {"benchmarks": [quiz]}}])).describe()


def test_a_contaminated_passage_taints_its_rewrites(tmp_path):
    quiz = {"name": "quiz", "paths": write(tmp_path / "quiz.jsonl", [OTHER, QUESTION])}
    rows = [REWRITE, REWRITE, None, QUESTION], [SOURCE + QUESTION, SOURCE, SOURCE + QUESTION, ""]
    cascade = build_cascade(filter_of([{"contamination": {"benchmarks": [quiz]}}]))
    verdicts, scores = cascade.judge(batch(*rows, errors=[None, None, "parse:x", None]))
    assert verdicts == ["contamination", "keep", "parsed", "contamination"]
    assert [row.get("contamination.source") for row in scores] == [1, 0, None, None]
    assert [row.get("contamination.quiz") for row in scores] == [None, None, None, 2]
    cascade = build_cascade(filter_of([{"contamination": {"benchmarks": [quiz], "sources": False}}]))
    assert cascade.judge(batch(*rows, errors=[None, None, "parse:x", None]))[0] == ["keep", "keep", "parsed", "contamination"]


def test_ordinary_texts_and_random_words_give_no_hit(tmp_path):
    made = index(tmp_path, [QUESTION, OTHER, SHORT])
    chance = random.Random(0)
    words = plain_words(QUESTION + OTHER + SHORT + SOURCE + REWRITE)
    texts = [" ".join(chance.choices(words, k=200)) for _ in range(200)]
    assert made.nearest(texts) == [None] * 200
    assert made.find([]) == []


def test_paths_are_relative_to_the_config(tmp_path):
    (tmp_path / "run.yaml").write_text(
        "output: out\ntokenizer: t.json\nengine: {kind: echo}\nrecipes: [wrap/easy]\n"
        "filter: {checks: [{contamination: {benchmarks: [{name: a, paths: a.jsonl}, {name: b, paths: [s3://b/c, /d]}]}}]}\n"
    )
    run: Run = load_run(str(tmp_path / "run.yaml"))
    benchmarks = run.filter.checks[0].given.base["benchmarks"]
    assert [benchmark["paths"] for benchmark in benchmarks] == [[str(tmp_path / "a.jsonl")], ["s3://b/c", "/d"]]


def test_scores_are_arrays_as_long_as_the_batch(tmp_path):
    quiz = {"name": "quiz", "paths": write(tmp_path / "quiz.jsonl", [QUESTION])}
    check = build_cascade(filter_of([{"contamination": {"benchmarks": [quiz]}}])).checks("")[0]
    result = check(batch([None, ""], errors=["x", None]))
    assert np.isnan(result.scores["contamination.ratio"]).all()
    assert result.keep.all()
