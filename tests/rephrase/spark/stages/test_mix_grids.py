"""Components that are divided by topic and quality: every number of the plan is in the rows."""

from __future__ import annotations

import json
import random
from collections import Counter
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest

from rephrase import storage
from rephrase.errors import UserError
from rephrase.mixing.plan import Plan
from rephrase.notes import DocumentsNote, JudgedNote
from rephrase.records import DOCUMENT, JUDGED, content_id
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.ledger import claim
from rephrase.spark.stages.meaning import Meaning
from rephrase.storage import tables
from tests.rephrase.spark.mixtures import LONGEST, mixture, tokens

TOPICS = {"science": 300, "sports": 200, None: 100}


def planted() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Documents by topic with a quality of 0 to 1, some without one; and rewrites of three grades."""
    dice = random.Random(5)
    documents: list[dict[str, Any]] = []
    for topic, count in TOPICS.items():
        for number in range(count):
            quality = None if number % 50 == 49 else round(dice.betavariate(2, 3), 4)
            documents.append(
                {
                    "id": content_id("document", f"{topic} {number}"),
                    "text": "x",
                    "source": dice.choice(["web", "wiki"]),
                    "n_tokens": dice.randint(20, LONGEST),
                    "synthetic_depth": 0,
                    "metadata": [] if quality is None else [("quality", str(quality))],
                    "labels": [] if topic is None else [("topic", topic)],
                }
            )
    rewrites = [
        {
            "id": content_id("rewrite", str(number)),
            "document_id": document["id"],
            "recipe": "wrap/easy",
            "verdict": "keep",
            "text": "y",
            "n_tokens": dice.randint(20, LONGEST),
            "source": document["source"],
            "synthetic_depth": 1,
            "scores": [("edu", float(number % 3))],
            "labels": document["labels"],
        }
        for number, document in enumerate(documents[:300])
    ]
    return documents, rewrites


def write_planted(folder: str) -> None:
    """The two tables, each of two objects."""
    plans: Any = ((Tables.DOCUMENTS, DOCUMENT, {"files": {"count": 2}}, DocumentsNote()), (Tables.JUDGED, JUDGED, {}, JudgedNote()))
    for (table, schema, content, note), rows in zip(plans, planted(), strict=True):
        claim(table.folder(folder), table, Meaning(content))
        for number in range(2):
            part = [{field.name: row.get(field.name) for field in schema} for row in rows[number::2]]
            tables.commit(storage.join(table.folder(folder), f"{number:05d}.parquet"), pa.Table.from_pylist(part, schema=schema), note)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("planted"))
    write_planted(folder)
    return folder


ORIGINALS: dict[str, Any] = {
    "origin": "original",
    "by": ["topic", {"score": "quality", "quantiles": 10}],
    "weights": [{"topic": "science", "weight": 5}, {"topic": "sports", "weight": 2}, {"topic": None, "weight": 1}],
    "curve": {"drop_below": 0.4, "max_epochs": 4},
}
REWRITES: dict[str, Any] = {"recipe": "wrap/*", "by": [{"score": "edu", "edges": [1, 2]}, "source"], "temperature": 2, "max_epochs": 2}
PHASES = [
    {"tokens": 14_000, "components": [ORIGINALS | {"share": 0.75}, REWRITES | {"share": 0.25}]},
    {"components": [ORIGINALS | {"tokens": 9_500}]},
]


def test_every_cell_of_the_plan_is_in_the_rows(output: str, spark: LazySession) -> None:
    plan, rows = mixture(output, spark, phases=PHASES)
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    documents, rewrites = ({row["id"]: row for row in table} for table in planted())
    lowest = {pool.cell: pool.lowest for pool in plan.pools if pool.component == 0}

    def cell_of(row: dict[str, Any]) -> tuple[Any, ...]:
        if row["origin"] == "synthetic":
            return int(dict(rewrites[row["id"]]["scores"])["edu"]) + 1, row["source"]
        topic, metadata = dict(documents[row["id"]]["labels"]).get("topic"), dict(documents[row["id"]]["metadata"])
        if not metadata:
            return topic, None
        starts = {step: start or -1.0 for (of, step), start in lowest.items() if of == topic and step is not None}
        return topic, max(step for step, start in starts.items() if start <= float(metadata["quality"]))

    planned, there, used, repeated = Counter[Any](), Counter[Any](), Counter[Any](), Counter[Any]()
    for part in plan.components:
        planned[tuple(part.cell.values())] += part.tokens
        there[tuple(part.cell.values())] = part.available_tokens
        repeated[tuple(part.cell.values())] += part.repeated_tokens
        assert abs(part.tokens - part.target_tokens) <= LONGEST
    for row in rows:
        used[cell_of(row)] += row["n_tokens"]
    assert +used == +planned
    assert sum(repeated.values()) == plan.repeated_tokens == sum(row["n_tokens"] for row in rows if row["epoch"])
    assert +repeated == +Counter({cell: sum(row["n_tokens"] for row in rows if row["epoch"] and cell_of(row) == cell) for cell in used})
    _check_originals(there, planned)
    for step in (1, 2, 3):  # of the square roots of the cells' tokens
        for source in ("web", "wiki"):
            expected = 3500 * there[step, source] ** 0.5 / sum(there[one, of] ** 0.5 for one in (1, 2, 3) for of in ("web", "wiki"))
            assert abs(planned[step, source] - expected) <= LONGEST
    by_phase = [sum(part.tokens for part in plan.components if part.phase == phase) for phase in (0, 1)]
    assert tokens(rows) == sum(by_phase)


def _check_originals(there: Counter[Any], planned: Counter[Any]) -> None:
    """Quantiles of equal tokens in each topic, and a curve over them that keeps the topics' weights, the bottom out and the epochs."""
    for topic, weight in (("science", 5), ("sports", 2), (None, 1)):
        steps = [there[topic, step] for step in range(1, 11)]
        assert all(abs(count - sum(steps) / 10) <= 2 * LONGEST for count in steps)
        assert planned[topic, None] == 0 < there[topic, None]
        taken = [planned[topic, step] for step in range(1, 11)]
        assert taken[:4] == [0] * 4
        assert abs(sum(taken) - 20_000 * weight / 8) <= 6 * LONGEST
        epochs = [count / of for count, of in zip(taken, steps, strict=True)]
        assert all(later >= before - LONGEST / steps[0] for before, later in pairwise(epochs))
        assert epochs[-1] <= 4


def test_what_does_not_suffice_is_told_before_anything_is_made(output: str, spark: LazySession) -> None:
    for component, message in (
        (ORIGINALS | {"weights": ORIGINALS["weights"][:2]}, "`weights` of `original` has no row for no topic (add rows, or `others: 0`"),
        (ORIGINALS | {"by": ["topic", {"score": "qality", "quantiles": 4}]}, "no text of `original` has the score `qality`"),
        (ORIGINALS | {"by": ["genre", ORIGINALS["by"][1]], "weights": []}, "no text of `original` has the label `genre`"),
    ):
        with pytest.raises(UserError) as caught:
            mixture(output, spark, components=[component | {"tokens": 9000}])
        assert message in caught.value.line()
