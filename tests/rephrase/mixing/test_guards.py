"""A mixture that a guard refuses is taken once the cure's numbers are written into the config, with the texts that are there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rephrase.errors import UserError
from rephrase.mixing.guards import check_guards
from rephrase.mixing.plan import MEASURES, ComponentPlan, Material, component_plans, draws
from rephrase.mixing.pools import Pool
from rephrase.mixing.selection import BUCKETS, KEY_BITS, buckets_of
from rephrase.mixing.settings import Mix
from rephrase.mixing.targets import targets_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

TEXTS = {"original": 40, "wrap/*": 96, "mind/*": 150, "code": 30, "nothing": 0}  # components, and how many texts each has


def texts_of(name: str, seed: int) -> NDArray[np.int64]:
    """Keys and measures of the texts of a component. Shape: (1 + MEASURES, texts)."""
    dice = np.random.default_rng([seed, *name.encode()])
    count = TEXTS[name]
    lengths = dice.integers(20, 300, count)
    written = lengths if "*" in name else 0 * lengths
    return np.stack([dice.integers(0, 1 << KEY_BITS, count), lengths, np.ones(count, np.int64), written, lengths * (name == "original")])


def planned(mix: Mix, seed: int) -> list[ComponentPlan]:
    """What the mix stage plans of these texts. Raises what it raises."""
    pools = [Pool(index) for index in range(len(mix.selections))]
    texts = [texts_of(component.name, seed) for component in mix.selections]
    sums = np.zeros((len(pools), MEASURES, BUCKETS), np.int64)
    for pool, columns in enumerate(texts):
        for measure in range(MEASURES):
            np.add.at(sums[pool, measure], buckets_of(columns[0]), columns[1 + measure])
    material = Material(tuple(pools), sums, {})
    targets = targets_of(mix, pools, material.available)
    plans = component_plans(mix, material, targets, draws(material, targets, lambda _chosen: texts))
    check_guards(mix, material, plans)
    return plans


def component(name: str, **amount: float) -> dict[str, Any]:
    select = {"original": {"origin": "original"}, "code": {"source": "code"}}.get(name, {"recipe": name})
    return {**select, **amount}


def cure_of(settings: dict[str, Any], seed: int) -> str:
    with pytest.raises(UserError) as refused:
        planned(Mix.model_validate(settings), seed)
    return str(refused.value.cure)


def amounts_in(cure: str) -> dict[str, float]:
    return {name: float(number.replace(",", "")) for number, name in re.findall(r"([\d.,]+) for `([^`]+)`", cure)}


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize(
    ("shares", "more"),
    [
        ({"original": 0.1, "wrap/*": 0.9}, {"max_synthetic_share": 0.2}),
        ({"original": 0.1, "wrap/*": 0.5, "mind/*": 0.4}, {"max_synthetic_share": 0.33}),
        ({"original": 0.2, "code": 0.1, "wrap/*": 0.7}, {"min_original_share": 0.5, "budget_tokens": 12_000}),
        ({"original": 0.3, "nothing": 0.3, "wrap/*": 0.4}, {"max_synthetic_share": 0.2, "skip_empty": True}),
    ],
)
def test_the_shares_that_the_cure_names_hold(shares: dict[str, float], more: dict[str, Any], seed: int) -> None:
    cure = cure_of({"components": [component(name, share=share) for name, share in shares.items()], **more}, seed)
    if smaller := re.search(r"budget_tokens of at most ([\d,]+)", cure):
        more = {**more, "budget_tokens": int(smaller[1].replace(",", ""))}
    changed = [component(name, share=share) for name, share in {**shares, **amounts_in(cure)}.items()]
    plans = planned(Mix.model_validate({"components": changed, **more}), seed)
    tokens = sum(plan.tokens for plan in plans)
    refused = sum(plan.tokens for plan in plans if plan.name != "original") if "min_original_share" in more else None
    share = (refused if refused is not None else sum(plan.written_tokens for plan in plans)) / tokens
    assert 0.6 * more.get("max_synthetic_share", 0.5) < share, "no smaller than whole texts ask for"
    if told := re.search(r"a mixture of about ([\d,]+)", cure):
        assert int(told[1].replace(",", "")) == pytest.approx(tokens, rel=0.05)


@pytest.mark.parametrize("seed", range(20))
def test_the_tokens_that_the_cure_names_hold_with_and_without_phases(seed: int) -> None:
    alone = {"components": [component("original", tokens=2000), component("wrap/*", tokens=6000)], "max_synthetic_share": 0.4}
    fewer = amounts_in(cure_of(alone, seed))
    planned(
        Mix.model_validate({**alone, "components": [component("original", tokens=2000), component("wrap/*", tokens=fewer["wrap/*"])]}), seed
    )
    halves = [component("original", share=0.5), component("wrap/*", share=0.5)]
    phases = [{"tokens": 3000, "components": halves}, {"tokens": 1000, "components": halves}]
    sums = amounts_in(cure_of({"phases": phases, "max_synthetic_share": 0.4}, seed))
    both = [component(name, tokens=tokens // 2) for name, tokens in sums.items()]
    planned(Mix.model_validate({"phases": [{"components": both}, {"components": both}], "max_synthetic_share": 0.4}), seed)


def test_where_no_share_holds_the_cure_says_what_does() -> None:
    cure = cure_of({"components": [component("wrap/*", share=1)], "max_synthetic_share": 0.2}, 0)
    assert cure == "add a component of other texts with a share above 0.8, or set max_synthetic_share to at least 1"
    shares = [component("original", share=0.5), component("wrap/*", share=0.5)]
    assert cure_of({"components": shares, "max_synthetic_share": 0}, 0).startswith("take `wrap/*` out of the components")
