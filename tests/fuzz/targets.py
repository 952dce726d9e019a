"""What is fuzzed: the guarded entries through which foreign bytes, configs, completions, texts and answers come in.

A target is made with a folder of its own, and called with dice once for each input. It raises where something broke.
"""

from __future__ import annotations

import gzip
import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from classifiers.batch import JudgeBatch
from classifiers.cascade import build_cascade
from classifiers.settings import Filter
from rephrase import storage
from rephrase.engines.base import Completion, Engine, Identity
from rephrase.generation.rewrite import rewrite
from rephrase.readers.base import RawDocument
from rephrase.readers.files import read_documents
from rephrase.readers.settings import Input
from rephrase.recipes.catalogue import catalogue
from rephrase.text.passages import split_passages
from rephrase.text.tokenizer import Tokenizer
from rephrase.verifiers.answers import same_answer
from rephrase.verifiers.kinds import Kind, Verifier
from tests.fuzz.answers import Answers
from tests.fuzz.configs import configs
from tests.fuzz.data_files import cut_archives, labelled, manifests, slices
from tests.fuzz.inputs import PROSE, TOKENIZER, Target
from tests.fuzz.mutations import bytes_like, text_like

COMPLETIONS = [
    f"Sure, here is a paraphrase:\n\n{PROSE}",
    "Question: How many ships?\nA. 11\nB. 12\nAnswer: B\n\n**Question:** Who counts?\n**Answer:** The keeper.\n",
    '```json\n[{"question": "How many?", "answer": "12"}, {"question": "Who?", "answer": "\\u004beeper"}]\n```',
    "# Facts\n- There were 12 ships.\n- The book is blue.\n1. A keeper counts.\n",
    "Teacher: How many ships?\nStudent: Twelve, in the evening.\n" * 4,
    "<think>Hm.</think>Score: 4/5. The answer is \\boxed{\\frac{1}{2}}.\n#### 12",
    "```python\ndef count():\n    ships = 3 * 4\n    return ships\n```\nKeyword: lighthouse\nYes.",
]


def readers(folder: str) -> Target:
    """A file with a damaged stretch: nothing is raised, and the lines or records around a damaged one come out."""
    config = Input.model_validate({"paths": [folder]})

    def documents(name: str, data: bytes) -> list[str]:
        path = Path(folder, name)
        path.write_bytes(data)
        items = list(read_documents(storage.FileInfo(str(path), len(data)), config))
        return [item.text for item in items if isinstance(item, RawDocument)]

    whole = {
        "a.jsonl.gz": gzip.compress(_lines(3)),
        "a.jsonl.zst": zstandard.compress(_lines(3)),
        "a.parquet": _parquet(),
        "a.warc.gz": b"".join(gzip.compress(_record(number)) for number in range(3)),
    }

    def target(dice: random.Random) -> None:
        kind = dice.choice(["jsonl", "warc", *whole])
        if kind in whole:
            documents(kind, bytes_like(whole[kind], dice))
            return
        pieces = [_lines(1, number) if kind == "jsonl" else _record(number) for number in range(3)]
        damaged = bytes_like(pieces[1], dice) + b"\r\n\r\n"  # the next one begins a line
        pieces[1] = damaged.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n" if kind == "jsonl" else damaged
        texts = documents(f"b.{kind}", b"".join(pieces))
        for number in (0, 2):
            assert any(f"Tower {number}." in text for text in texts), f"{kind}: the good one of number {number} is lost"

    return target


def _lines(count: int, first: int = 0) -> bytes:
    rows = [{"text": f"Tower {number}. {PROSE}", "metadata": {"language": "en"}} for number in range(first, first + count)]
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def _parquet() -> bytes:
    table = pa.table({"text": [f"Tower {number}. {PROSE}" for number in range(3)], "url": ["a", None, "c"], "n": [1, 2, 3]})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _record(number: int) -> bytes:
    page = f"<html><head><title>Tower</title></head><body><p>Tower {number}. {PROSE}</p></body></html>".encode()
    body = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + page
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:0000000{number}-0000-0000-0000-000000000000>\r\n"
        f"WARC-Target-URI: http://tower{number}.example/\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n\r\n"


class _Scripted(Engine):
    """Answers requests about the damaged document with one completion, and all others with another."""

    model, batch_size, concurrency = "scripted", 8, 8
    identity = Identity("scripted 1")

    def __init__(self, good: str, damaged: str) -> None:
        self._good, self._damaged = good, damaged

    async def complete(self, requests: Any) -> list[Completion]:
        shown = ["".join(message.content for message in request.messages) for request in requests]
        return [Completion(self._damaged if "DAMAGED" in text else self._good, "stop") for text in shown]


def parsers(folder: str) -> Target:
    """A completion of a document between two others, through every recipe: the rows of the two are what they are without it."""
    del folder
    recipes = [recipe for recipe in catalogue().values() if recipe.rows is None and not recipe.neighbours and recipe.paths is None]
    tokenizer = Tokenizer.load(TOKENIZER)
    answer = {name: "12" for recipe in recipes for name in getattr(recipe, "metadata", ())} | {
        "answer": "12",
        "question": "How many?",
        "rewrite": PROSE,
    }

    def rows(recipe: Any, texts: list[str], engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
        columns = {"text": texts, "id": texts, **{name: [value] * len(texts) for name, value in answer.items()}}
        made = rewrite(pa.table(columns), recipe, engine, tokenizer=tokenizer, id="id", metadata=list(answer)).to_pylist()
        return {text: [(row["step"], row["text"], row["error"]) for row in made if row["document_id"] == text] for text in texts}

    def target(dice: random.Random) -> None:
        recipe, good = dice.choice(recipes), dice.choice(COMPLETIONS)
        first, damaged, last = f"One. {PROSE}", f"DAMAGED. {PROSE}", f"Two. {PROSE}"
        engine = _Scripted(good, text_like(dice.choice(COMPLETIONS), dice))
        expected = rows(recipe, [first, last], engine)
        made = rows(recipe, [first, damaged, last], engine)
        assert {text: made[text] for text in (first, last)} == expected, f"{recipe.name}: a neighbour has changed"

    return target


def checks(folder: str) -> Target:
    """A text between two others, through the default cascade: the verdicts of the two are what they are without it."""
    del folder
    cascade = build_cascade(Filter())

    def verdicts(texts: list[str | None], recipe: str) -> list[tuple[str, dict[str, float]]]:
        size = len(texts)
        sources = [text or "" for text in texts]
        nothing = [None] * size
        batch = JudgeBatch(
            texts,
            [PROSE, *sources[1:]],
            [recipe] * size,
            ["rewrite"] * size,
            ["stop"] * size,
            nothing,
            [90] * size,
            ["en"] * size,
            nothing,
            nothing,
        )
        return list(zip(*cascade.judge(batch), strict=True))

    def target(dice: random.Random) -> None:
        good, recipe = dice.choice(COMPLETIONS), dice.choice(["wrap/easy", "wrap/qa", "mind/debate", "entigraph/relations"])
        damaged = text_like(good, dice).encode("utf-8", "replace").decode()
        made = verdicts([good, damaged, good], recipe)
        assert [made[0], made[2]] == verdicts([good, good], recipe), "a neighbour has changed"

    return target


def verifiers(folder: str) -> Target:
    """An answer and a gold: there is a verdict, and the right answer beside it stays right."""
    del folder
    kinds = [Verifier(kind) for kind in get_args(Kind) if kind not in ("python", "command")]
    right = {"answer": "The answer is \\boxed{12}.", "choice": "The answer is B.", "program": "```python\ndef f():\n    return 12\n```"}
    golds = {"answer": "#### 12", "choice": "B", "program": "12"}
    assert same_answer("2x+1", "1+2x")  # starts what compares formulas, which takes its time

    def target(dice: random.Random) -> None:
        verifier = dice.choice(kinds)
        candidate, gold = right.get(verifier.kind, PROSE), golds.get(verifier.kind, "12")
        if dice.random() < 0.5:
            verifier.verify(text_like(dice.choice([candidate, *COMPLETIONS]), dice), gold)
        else:
            verifier.verify(candidate, text_like(gold, dice))
        assert verifier.kind == "program" or verifier.verify(candidate, gold).right

    return target


def passages(folder: str) -> Target:
    """A text: all of it stands in passages within the limit."""
    del folder
    tokenizer = Tokenizer.load(TOKENIZER)

    def target(dice: random.Random) -> None:
        text = text_like(PROSE, dice).encode("utf-8", "replace").decode()
        found = split_passages(text, tokenizer, dice.choice([20, 300]), dice.choice([None, "en", "deu_Latn", "zh", "junk"]))
        assert "".join("".join(text[p.start : p.end] for p in found).split()) == "".join(text.split())

    return target


TARGETS: dict[str, Callable[[str], Target]] = {
    "answers": Answers,
    "readers": readers,
    "slices": slices,
    "archives": cut_archives,
    "configs": configs,
    "manifests": manifests,
    "labelled": labelled,
    "parsers": parsers,
    "checks": checks,
    "verifiers": verifiers,
    "passages": passages,
}
