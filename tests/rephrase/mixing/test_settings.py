"""The section `mix:`: presets, phases, shares or tokens, and what is refused."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import pytest

from rephrase.errors import UserError
from rephrase.mixing.croissant import croissant
from rephrase.mixing.pools import Pool
from rephrase.mixing.presets import presets
from rephrase.mixing.settings import Mix
from rephrase.mixing.targets import pool_shares, targets_of
from rephrase.records import MIXTURE
from rephrase.settings.validation import validate


def mix_of(**settings: Any) -> Mix:
    mix: Mix = validate(Mix, settings, "mix")
    return mix


@pytest.mark.parametrize("name", presets())
def test_every_preset_is_a_mixture_with_a_source(name: str) -> None:
    preset = presets()[name]
    assert mix_of(preset=name).components
    assert preset["summary"].endswith(".")
    assert preset["source"]["url"].startswith("https://arxiv.org/abs/")


def test_further_keys_replace_those_of_a_preset() -> None:
    mix = mix_of(preset="wrap", seed=3, pairing=None)
    assert [component.share for component in mix.components] == [0.5, 0.5]
    assert (mix.pairing, mix.seed) == (None, 3)
    assert mix_of(preset="wrap").pairing == "both"
    assert mix_of(preset="wrap", components=[{"share": 1}], pairing=None).components[0].name == "everything"
    assert Mix.model_validate(mix.model_dump()) == mix


def test_without_components_there_are_halves() -> None:
    assert [(component.origin, component.share) for component in Mix().components] == [("original", 0.5), ("synthetic", 0.5)]


HALF = {"origin": "original", "share": 0.5}
REST = {"origin": "synthetic", "share": 0.5}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"preset": "wrapp"}, "there is no preset `wrapp` (did you mean `wrap`?"),
        ({"components": [HALF, {"origin": "synthetic", "tokens": 10}]}, "give all of them a share, or all of them tokens"),
        ({"components": [{"origin": "original"}]}, "the component `original` says neither its `share` nor its `tokens`"),
        ({"components": [{"share": 1, "tokens": 10}]}, "take one of the two out"),
        ({"components": [{"tokens": 10}], "budget_tokens": 10}, "make the budget by themselves"),
        ({"components": [{"share": 1, "temperature": 2}]}, "add split_by: source"),
        ({"phases": [{"components": [{"share": 1}]}]}, "add its `tokens`"),
        ({"phases": [{"tokens": 5, "components": [HALF]}]}, "sum to 0.5, not 1"),
        ({"phases": [{"tokens": 5, "components": [{"share": 1}]}], "budget_tokens": 5}, "there is `budget_tokens` beside them"),
        ({"phases": [{"tokens": 5, "components": [{"share": 1}]}], "preset": "wrap"}, "there are `phases` beside it"),
        ({"components": None}, "the key `components` has no value"),
        ({"components": [{"share": 1, "min_scores": {"a": 0.7}, "max_scores": {"a": 0.6}}]}, "`max_scores.a` 0.6: nothing is between them"),
        (
            {"phases": [{"tokens": 5, "components": [{"share": 1, "max_epochs": epochs}]} for epochs in (1, 2)]},
            "phases give `everything`, which is one pool of texts, different `max_epochs`",
        ),
        ({"components": [{"share": 1}], "pairing": "both"}, "give each component its `origin` or `recipe`"),
        (
            {"components": [{"origin": "original", "share": 1}], "pairing": "instead"},
            "each component is of originals or of rewrites, and there are both",
        ),
    ],
)
def test_contradictions_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        mix_of(**settings)
    assert message in caught.value.line()
    assert "validation error" not in caught.value.line()


def test_tokens_are_absolute_even_where_others_are_empty() -> None:
    mix = mix_of(components=[{"origin": "original", "tokens": 300}, {"origin": "synthetic", "tokens": 700}], skip_empty=True)
    pools = [Pool(0), Pool(1)]
    assert targets_of(mix, pools, [1000, 1000]) == [[300, 700]]
    assert targets_of(mix, pools, [1000, 0]) == [[300, 0]]
    with pytest.raises(UserError, match=r"`synthetic` shall give 700 tokens and has 600 \(set tokens to at most 600 for `synthetic`"):
        targets_of(mix, pools, [1000, 600])


def test_phases_share_the_epochs_of_a_component() -> None:
    one = {"share": 1, "max_epochs": 2}
    mix = mix_of(phases=[{"tokens": 150, "components": [one]}, {"tokens": 100, "components": [one]}])
    assert targets_of(mix, [Pool(0)], [125]) == [[150], [100]]
    with pytest.raises(UserError, match=r"shall give 250 tokens and has 124 x 2 epochs \(set the tokens of all phases to at most 99\.2 %"):
        targets_of(mix, [Pool(0)], [124])


@pytest.mark.parametrize("temperature", [0.01, 0.5, 1, 3.3, 1000])
def test_sources_share_by_their_tokens_and_the_temperature(temperature: float) -> None:
    mix = mix_of(components=[{"share": 1, "split_by": "source", "temperature": temperature}])
    available = [10**12, 10**9, 10]
    (shares,) = pool_shares(mix, [Pool(0, (name,)) for name in "abc"], available)
    assert sum(shares) == 1
    for larger, smaller, tokens in zip(shares, shares[1:], itertools.pairwise(available), strict=False):
        if smaller:
            assert larger / smaller == pytest.approx((tokens[0] / tokens[1]) ** (1 / temperature))
    if temperature == 1:
        assert shares[2] == Fraction(10, sum(available))


def test_croissant_says_every_column() -> None:
    described = croissant({"rows": 1, "tokens": 2, "files": [], "licenses": [None], "models": []})
    assert described["license"] == ["unknown"]
    assert [field["name"] for field in described["recordSet"][0]["field"]] == MIXTURE.names
