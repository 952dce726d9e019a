"""Rewrites joined to long texts: whole, counted as they are, none twice, with the ids of all that went in."""

from __future__ import annotations

from typing import Any

import pytest

from rephrase.errors import UserError
from rephrase.mixing.near import near_groups
from rephrase.mixing.settings import Mix
from rephrase.mixing.stitching import Stitch, stitched
from rephrase.settings.validation import validate

LONG = [{"stitched": True, "share": 0.5}, {"origin": "original", "share": 0.5}]


def piece(number: int, tokenizer: Any, **values: Any) -> dict[str, Any]:
    text = values.pop("text", f"Rewrite {number} of the page, which says that the tide rises.")
    own = {"id": f"r{number}", "text": text, "n_tokens": tokenizer.count([text])[0], "origin": "synthetic", "recipe": "wrap/easy"}
    of_page = {"source": "web", "language": "en", "license": "MIT", "document_id": "d", "group_id": "d"}
    return {**own, **of_page, "model": "small", "synthetic_depth": 1, **values}


def page(tokenizer: Any) -> dict[str, Any]:
    nobody = {"origin": "original", "synthetic_depth": 0, "recipe": None, "model": None}
    return piece(0, tokenizer, id="d", text="The page: the tide rises.", **nobody)


def test_a_text_holds_its_parts_in_a_drawn_order_with_the_document_last(tokenizer: Any) -> None:
    pieces = [page(tokenizer), *(piece(n, tokenizer, synthetic_depth=1 + n % 3, model=f"m{n % 2}") for n in range(1, 9))]
    [row] = stitched(pieces, Stitch(), tokenizer, 0)
    by_id = {one["id"]: one["text"] for one in pieces}
    assert row["text"] == "\n\n".join(by_id[part] for part in row["parts"])
    assert sorted(row["parts"]) == sorted(by_id)
    assert row["parts"][-1] == "d"
    assert row["parts"][:-1] != sorted(row["parts"][:-1])
    assert row["n_tokens"] == tokenizer.count([row["text"]])[0]
    assert (row["synthetic_depth"], row["model"], row["recipe"], row["license"]) == (3, "m0 + m1", "wrap/easy", "MIT")
    assert stitched(pieces[::-1], Stitch(), tokenizer, 0) == [row], "in whatever order they come"
    assert stitched(pieces, Stitch(), tokenizer, 1)[0]["parts"] != row["parts"], "the seed decides"
    first = stitched(pieces, Stitch(original="first"), tokenizer, 0)
    assert first[0]["parts"][0] == "d"


@pytest.mark.parametrize("most", [10, 40, 64, 1000])
def test_no_text_has_more_than_its_tokens_and_no_rewrite_is_lost(tokenizer: Any, most: int) -> None:
    pieces = [page(tokenizer), *(piece(n, tokenizer) for n in range(1, 12))]
    rows = stitched(pieces, Stitch(tokens=most, joints=["\n\n", "\n***\n"]), tokenizer, 0)
    singles = [row["id"] for row in rows if row["parts"] is None]
    parts = [part for row in rows for part in row["parts"] or ()]
    assert sorted([*singles, *(part for part in parts if part != "d")]) == sorted(one["id"] for one in pieces[1:])
    assert all(row["n_tokens"] <= most for row in rows if row["parts"])
    assert all(row["n_tokens"] == tokenizer.count([row["text"]])[0] for row in rows)
    assert "d" not in singles, "a document that is left over stays among the documents"
    assert len({row["id"] for row in rows}) == len(rows)


def test_too_few_pieces_stay_by_themselves(tokenizer: Any) -> None:
    alone = piece(1, tokenizer)
    assert stitched([alone], Stitch(), tokenizer, 0) == [{**alone, "parts": None}]
    assert stitched([page(tokenizer)], Stitch(), tokenizer, 0) == []
    assert [row["parts"] for row in stitched([page(tokenizer), alone], Stitch(), tokenizer, 0)] == [["r1", "d"]]
    assert [row["parts"] for row in stitched([page(tokenizer), alone], Stitch(least=3), tokenizer, 0)] == [None]


def test_near_documents_form_groups_of_one_licence_and_each_is_in_one() -> None:
    names = ["Maren Holt", "Jan Visser"]
    rows = [
        {"id": f"d{n}", "text": f"It was then that {names[n % 2]} sailed.", "language": "en", "license": "MIT" if n < 6 else "CC0"}
        for n in range(7)
    ]
    groups = near_groups(rows, 2)
    assert groups == {"d0": "d0", "d2": "d0", "d1": "d1", "d3": "d1"}, "d4 and d5 come too late, and d6 has a licence of its own"
    assert near_groups([{"id": "a", "text": "The sea.", "language": None, "license": None}], 4) == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stitch": {}, "components": [{"origin": "synthetic", "share": 1}]}, "no component takes what is joined"),
        ({"components": LONG}, "nothing joins any"),
        ({"stitch": {}, "components": LONG, "pairing": "both"}, "`pairing` goes by single rewrites"),
        ({"stitch": {"least": 1}, "components": LONG}, "greater than or equal to 2"),
        ({"stitch": {}, "components": [{"stitched": True, "origin": "original", "share": 1}]}, "are no originals"),
    ],
)
def test_what_does_not_go_together_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        validate(Mix, settings, "mix")
