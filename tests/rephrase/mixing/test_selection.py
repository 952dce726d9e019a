"""The selection, against plain sorting and summing, and what it promises about shares, epochs, files and errors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rephrase.errors import UserError
from rephrase.mixing import selection
from rephrase.mixing.component import Component
from rephrase.mixing.dataset_card import dataset_card
from rephrase.mixing.plan import MEASURES, ComponentPlan, Material, Plan, component_plans, draws
from rephrase.mixing.pools import Pool
from rephrase.mixing.settings import Mix
from rephrase.mixing.targets import targets_of
from rephrase.records import DOCUMENT, JUDGED


def mixture(*components: Component, **settings: object) -> Mix:
    return Mix(components=list(components), **settings)


ORIGINAL = Component(origin="original", share=0.5)
SYNTHETIC = Component(origin="synthetic", share=0.5)


def planned(mix: Mix, texts: Sequence[tuple[str, int]], component: int, target: int) -> ComponentPlan:
    """The plan of one component, the way the stage makes it: sums by bucket, then the keys of one bucket."""
    tokens = np.array([length for _, length in texts], np.int64)
    keys = selection.selection_keys([name for name, _ in texts], mix.seed, mix.components[component].name)
    measures = np.stack([tokens, np.ones(len(texts), np.int64), tokens, np.zeros(len(texts), np.int64)])
    sums = np.zeros((1, MEASURES, selection.BUCKETS), np.int64)
    for number in range(MEASURES):
        np.add.at(sums[0, number], selection.buckets_of(keys), measures[number])
    material = Material((Pool(component),), sums, {})

    def keys_in(chosen: np.ndarray) -> list[np.ndarray]:
        inside = chosen[0, selection.buckets_of(keys)]
        return [np.stack([keys, *measures])[:, inside]]

    return component_plans(mix, material, [[target]], draws(material, [[target]], keys_in))[0]


def reference(mix: Mix, texts: Sequence[tuple[str, int]], component: int, target: int) -> dict[str, int]:
    """How often each text is used: sort all by key, and stop where the sum is nearest to the target."""
    total = sum(length for _, length in texts)
    keys = selection.selection_keys([name for name, _ in texts], mix.seed, mix.components[component].name).tolist()
    order = sorted(range(len(texts)), key=lambda at: keys[at])
    sums = [0]
    for at in order:
        sums.append(sums[-1] + texts[at][1])
    taken = min(range(len(sums)), key=lambda n: (abs(sums[n] - target % total), n))
    chosen = {texts[at][0] for at in order[:taken]}
    return {name: target // total + (name in chosen) for name, _ in texts}


texts_strategy = st.lists(st.integers(1, 500), min_size=1, max_size=300).map(lambda sizes: [(f"text {n}", s) for n, s in enumerate(sizes)])


@given(texts=texts_strategy, seed=st.integers(0, 5), part=st.fractions(0, 3))
@settings(max_examples=200, deadline=None)
def test_selection_is_that_of_the_plain_reference(texts: list[tuple[str, int]], seed: int, part: Fraction) -> None:
    mix = mixture(Component(share=1), seed=seed)
    total = sum(length for _, length in texts)
    target = int(total * part)
    plan = planned(mix, texts, 0, target)
    keys = selection.selection_keys([name for name, _ in texts], seed, "everything")
    copies = dict(zip([name for name, _ in texts], plan.end.copies(keys).tolist(), strict=True))
    assert copies == reference(mix, texts, 0, target)
    assert plan.tokens == sum(length * copies[name] for name, length in texts)
    assert plan.rows == sum(copies.values())
    assert abs(plan.tokens - target) <= max(length for _, length in texts) / 2


@given(texts=texts_strategy, small=st.fractions(0, 1), large=st.fractions(0, 1))
@settings(max_examples=50, deadline=None)
def test_a_larger_budget_keeps_what_a_smaller_one_took(texts: list[tuple[str, int]], small: Fraction, large: Fraction) -> None:
    mix = mixture(Component(share=1))
    small, large = sorted((small, large))
    total = sum(length for _, length in texts)
    keys = selection.selection_keys([name for name, _ in texts], 0, "everything")
    less, more = (planned(mix, texts, 0, int(total * part)).end.copies(keys) for part in (small, large))
    assert (less <= more).all()


def test_texts_without_tokens_and_with_one_id_go_together() -> None:
    cut = selection.cut_in_bucket(0, selection.Cut(0, 10, 1), np.array([7, 7, 9, 8]), np.array([5, 5, 5, 0]), 21)
    assert cut == selection.Cut(8, 20, 3)  # of two cuts that are equally near the lower one
    nothing = selection.cut_in_bucket(3, selection.Cut(0, 10, 1), np.array([3 << 50]), np.array([100]), 11)
    assert nothing == selection.Cut(3 << 50, 10, 1)


def wanted(mix: Mix, available: list[int]) -> list[int]:
    """The targets of a mixture of one phase, whose components are no further split."""
    (phase,) = targets_of(mix, [Pool(number) for number in range(len(available))], available)
    return phase


def test_targets_follow_the_shares() -> None:
    mix = mixture(Component(origin="original", share=0.7), Component(origin="synthetic", share=0.3), budget_tokens=1000)
    assert wanted(mix, [700, 5000]) == [700, 300]


def test_without_a_budget_the_scarcest_component_is_used_up() -> None:
    assert wanted(mixture(ORIGINAL, SYNTHETIC), [1000, 300]) == [300, 300]
    twice = mixture(ORIGINAL, SYNTHETIC.model_copy(update={"max_epochs": 2.5}))
    assert wanted(twice, [1000, 300]) == [750, 750]
    thirds = mixture(*(Component(source=name, share=0.333333) for name in "ab"), Component(source="c", share=0.333334))
    assert sum(wanted(thirds, [900, 900, 900])) in range(2699, 2701)


def test_too_little_material_says_what_would_fit() -> None:
    mix = mixture(ORIGINAL, SYNTHETIC, budget_tokens=3000)
    with pytest.raises(UserError) as caught:
        wanted(mix, [10_000, 1200])
    line = caught.value.line()
    assert "`synthetic` shall give 1,500 tokens and has 1,200" in line
    assert "budget_tokens to at most 2,400" in line
    assert "max_epochs to at least 1.25 for `synthetic`" in line
    assert "`original`" not in line
    assert wanted(mix.model_copy(update={"budget_tokens": 2400}), [10_000, 1200]) == [1200, 1200]


def test_a_component_that_nothing_matches_is_named() -> None:
    with pytest.raises(UserError, match="no text is there for the component `synthetic`") as raised:
        wanted(mixture(ORIGINAL, SYNTHETIC), [10, 0])
    assert "set skip_empty" in raised.value.cure


def test_empty_components_are_left_out_on_request() -> None:
    mix = mixture(ORIGINAL, SYNTHETIC).model_copy(update={"skip_empty": True})
    assert wanted(mix, [1000, 0]) == [1000, 0]
    assert wanted(mix, [1000, 300]) == wanted(mixture(ORIGINAL, SYNTHETIC), [1000, 300])
    with pytest.raises(UserError, match="no text is there for the components") as raised:
        wanted(mix, [0, 0])
    assert "skip_empty" not in raised.value.cure, "it is set, and there is nothing else to take"


def test_two_components_must_differ() -> None:
    with pytest.raises(ValueError, match="two components select `original`"):
        mixture(ORIGINAL, ORIGINAL)


def assigned(table: pa.Table, mix: Mix) -> np.ndarray:
    return selection.assign(table, mix.selections, mix.max_synthetic_depth)


def documents(**columns: list[object]) -> pa.Table:
    rows = len(next(iter(columns.values())))
    return pa.table({f.name: pa.array(columns.get(f.name, [None] * rows), f.type) for f in DOCUMENT})


def judged(**columns: list[object]) -> pa.Table:
    rows = len(next(iter(columns.values())))
    columns = {"verdict": ["keep"] * rows, **columns}
    return pa.table({f.name: pa.array(columns.get(f.name, [None] * rows), f.type) for f in JUDGED})


def test_originals_and_kept_generations_get_the_same_columns() -> None:
    table = selection.candidates(
        documents(id=["a"], text=["A"], n_tokens=[3]).select(selection.columns_of(judged=False, with_scores=True, with_text=True))
    )
    assert table.select(["id", "origin", "document_id", "recipe", "model", "n_tokens", "synthetic_depth", "text"]).to_pylist() == [
        {
            "id": "a",
            "origin": "original",
            "document_id": "a",
            "recipe": None,
            "model": None,
            "n_tokens": 3,
            "synthetic_depth": 0,
            "text": "A",
        }
    ]
    rows = judged(id=["g", "h", "i"], document_id=["a", "b", "c"], recipe=["wrap/qa"] * 3, verdict=["keep", "parsed", "intermediate"])
    table = selection.candidates(rows.select(selection.columns_of(judged=True, with_scores=False, with_text=False)))
    assert [(row["id"], row["origin"], row["document_id"]) for row in table.to_pylist()] == [("g", "synthetic", "a")]


def test_the_first_component_that_matches_takes_a_text() -> None:
    mix = mixture(
        Component(recipe="wrap/*", min_scores={"quality": 0.5}, share=0.2),
        Component(recipe="wrap/*", language="en", share=0.2),
        Component(source="wiki*", origin="original", share=0.2),
        Component(origin="synthetic", share=0.4),
        max_synthetic_depth=1,
    )
    rows = judged(
        id=list("abcdef"),
        recipe=["wrap/qa", "wrap/qa", "wrap/qa", "mind/debate", "mind/debate", None],
        language=["en", "en", None, "en", "en", None],
        scores=[[("other", 1.0), ("quality", 0.5)], [("quality", 0.4)], None, [("quality", 0.9)], [], []],
        synthetic_depth=[1, 1, 1, 1, 2, None],
        source=["wiki"] * 6,
    )
    assert assigned(selection.candidates(rows), mix).tolist() == [0, 1, 3, 3, selection.TOO_DEEP, 3]
    sliced = selection.candidates(rows.slice(1, 3))
    assert assigned(sliced, mix).tolist() == [1, 3, 3]
    originals = selection.candidates(documents(id=["a", "b"], source=["wikipedia", None], synthetic_depth=[0, 0]))
    assert assigned(originals, mix).tolist() == [2, selection.NO_COMPONENT]


def test_a_component_has_a_language_in_any_spelling() -> None:
    mix = mixture(Component(language="en", share=0.5), Component(language="zho_Hans", share=0.5))
    rows = documents(id=list("abcdefg"), language=["eng_Latn", "en-GB", "English", "zh", "zho_Hant", None, "de"])
    assert assigned(selection.candidates(rows), mix).tolist() == [0, 0, 0, 1, -1, -1, -1]


def test_components_select_by_labels_and_none_takes_a_text_that_lacks_one() -> None:
    mix = mixture(
        Component(labels={"topic": "Science*", "format": "FAQs"}, share=0.4),
        Component(labels={"topic": "*"}, share=0.6),
    )
    labels = [[("topic", "Science, Math & Technology"), ("format", "FAQs")], [("topic", "Science")], [("format", "FAQs")], [], None]
    rows = documents(id=list("abcde"), labels=labels)
    assert assigned(selection.candidates(rows), mix).tolist() == [0, 1, -1, -1, -1]
    assert assigned(selection.candidates(rows.slice(1, 2)), mix).tolist() == [1, -1]
    older = rows.drop_columns(["labels"])
    assert assigned(selection.candidates(older), mix).tolist() == [-1] * 5
    assert [component.name for component in mix.selections] == ["topic=Science* format=FAQs", "topic=*"]


def test_a_label_with_brackets_is_selected_by_its_name() -> None:
    rows = documents(id=list("abc"), labels=[[("topic", name)] for name in ("C [language]", "C l", "Été?")])
    for pattern, chosen in (("C [language]", [0, 0, -1]), ("Été?", [-1, -1, 0])):
        assert assigned(selection.candidates(rows), mixture(Component(labels={"topic": pattern}, share=1))).tolist() == chosen


def test_scores_of_originals_are_numbers_in_their_metadata() -> None:
    mix = mixture(Component(origin="original", min_scores={"edu": 3}, share=1))
    rows = documents(id=list("abcd"), metadata=[[("edu", "3.5")], [("edu", "2")], [("edu", "high")], []])
    assert assigned(selection.candidates(rows), mix).tolist() == [0, -1, -1, -1]


def test_keys_are_even_and_depend_on_every_part() -> None:
    ids = [f"id {n}" for n in range(20_000)]
    keys = selection.keys(ids, 0, "a")
    assert keys.min() >= 0
    assert int(keys.max()) < 2**selection.KEY_BITS
    counts = np.bincount(selection.files_of(keys, 10), minlength=10)
    assert len(counts) == 10
    assert abs(counts - 2000).max() < 5 * 45  # five standard deviations
    for other in (selection.keys(ids, 1, "a"), selection.keys(ids, 0, "b"), selection.keys(ids, 0, "a", "")):
        assert (keys != other).all()
        assert abs(np.corrcoef(keys.astype(float), other.astype(float))[0, 1]) < 0.05
    assert keys[0] == selection.keys(["id 0"], 0, "a")[0]


@pytest.mark.parametrize("length", [1, 7, 8, 9, 32])
def test_a_key_does_not_depend_on_the_lengths_of_the_other_ids(length: int) -> None:
    alike = [f"{number:0{length}d}"[-length:] for number in range(10)]
    alone = selection.keys(alike, 0, "a")
    assert selection.keys([*alike, "another length " * 3], 0, "a")[:10].tolist() == alone.tolist()
    assert selection.keys(pa.chunked_array([pa.array(["x", *alike])[1:]]), 0, "a").tolist() == alone.tolist()


def test_files_ascend_with_places() -> None:
    places = np.sort(selection.places([str(n) for n in range(1000)], 3, 0))
    for files in (1, 7, 100_000):
        numbers = selection.files_of(places, files)
        assert (np.diff(numbers) >= 0).all()
        assert 0 <= numbers[0] <= numbers[-1] < files


def test_a_plan_survives_json() -> None:
    texts = [("a", 5), ("b", 7)]
    part = planned(mixture(Component(share=1)), texts, 0, 6)
    plan = Plan((Pool(0), Pool(1, ("web",))), (part,), {"no_component": {"rows": 1, "tokens": 2}}, (3, 1))
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


def test_the_card_has_a_header_that_the_hub_reads() -> None:
    def counts(*values: object) -> list[dict[str, object]]:
        return [{"value": value, "rows": 1, "tokens": 10} for value in values]

    manifest = {
        "rows": 2_345,
        "tokens": 20,
        "files": [{}],
        "models": ["m"],
        "components": [{"name": "original", "phase": 0, "rows": 1, "tokens": 20, "share": 1.0, "epochs": 1.0}],
        "counts": {
            "origin": counts("original", "synthetic"),
            "recipe": counts(None, "wrap/qa"),
            "source": counts(*(f"a|b {n}" for n in range(60))),
            "license": counts("CC-BY-4.0", None, "my own"),
            "language": counts("en", "deu_Latn", None, "C++", "Jupyter Notebook"),
        },
    }
    card = dataset_card(manifest)
    header = yaml.safe_load(card.split("---")[1])
    assert header["license"] == ["cc-by-4.0", "other", "unknown"]
    assert header["language"] == ["code", "de", "en"]
    assert header["size_categories"] == ["1K<n<10K"]
    assert header["configs"][0]["data_files"] == "data/*.parquet"
    assert "a\\|b 0" in card
    hostile = dataset_card({**manifest, "counts": {**manifest["counts"], "source": counts("<script>x()</script>", "[a](http://b)", "`c`")}})
    assert "&lt;script&gt;" in hostile
    assert not {"<script>", "[a](", "| `c`"} & {part for part in ("<script>", "[a](", "| `c`") if part in hostile}
    assert "and 10 more" in card
