from __future__ import annotations

import math
import random

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from classifiers import diversity as measures
from rephrase import storage
from rephrase.cli.diversity_tables import diversity
from rephrase.cli.main import main
from rephrase.errors import UserError
from rephrase.report import diversity as job
from rephrase.storage import tables

FALLS = ["distinct_1", "distinct_2", "distinct_3", "distinct_4", "mtld", "tail_kept", "embedding_spread"]
RISES = ["compression", "far_compression", "self_bleu"]
VOCABULARY = ["".join(letters) for letters in zip(*[iter(random.Random(0).choices("abcdefghijklmnopqrstuvwxyz", k=5000))] * 5, strict=True)]


def varied(draw: random.Random) -> str:
    """Words of one of twenty subjects among words that all texts use, frequent and rare ones."""
    subject = draw.randrange(20) * 50
    places = [subject + draw.randrange(50) if draw.random() < 0.7 else int(1000 * draw.random() ** 3) for _ in range(80)]
    return " ".join(VOCABULARY[place] for place in places) + "."


def rows_of(count: int, *, collapsed: bool = False, seed: int = 0) -> list[dict]:
    draw = random.Random(seed)
    ten = [" ".join(draw.choices(VOCABULARY[:200], k=8)) + "." for _ in range(10)]
    texts = [" ".join(draw.choices(ten, k=10)) if collapsed else varied(draw) for _ in range(count)]
    return [{"text": text, "id": f"{seed}-{number}", "n_tokens": 10, "synthetic_depth": number % 2} for number, text in enumerate(texts)]


def write(path: str, rows: list[dict], *, group: int = 50) -> str:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=group)
    storage.put(path, sink.getvalue().to_pybytes())
    return path


def model(folder) -> str:
    model2vec = pytest.importorskip("model2vec")
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    names = ["[UNK]", *dict.fromkeys(VOCABULARY)]
    tokenizer = Tokenizer(WordLevel({word: place for place, word in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    vectors = np.random.default_rng(0).normal(size=(len(names), 16)).astype(np.float32)
    model2vec.StaticModel(vectors, tokenizer, normalize=True).save_pretrained(str(folder))
    return str(folder)


def test_a_collapse_is_worse_on_every_measure(tmp_path):
    first, other, poor = (str(tmp_path / name) for name in ("first", "other", "poor"))
    write(f"{first}/part.parquet", rows_of(400))
    write(f"{other}/part.parquet", rows_of(300, seed=1))
    write(f"{poor}/part.parquet", rows_of(300, collapsed=True, seed=2))
    base, same, bad = diversity([first, other, poor], sample=200, model=model(tmp_path / "model"))
    for name in FALLS:
        assert bad[name] < 0.9 * min(base[name], same[name]), name
    for name in RISES:
        assert bad[name] > 1.1 * max(base[name], same[name]), name
    for name in [*FALLS, *RISES]:
        assert same[name] == pytest.approx(base[name], rel=0.2), name


def test_tables_are_measured_over_samples_of_equal_size(tmp_path, monkeypatch):
    few = write(str(tmp_path / "few.parquet"), rows_of(30))
    long = write(str(tmp_path / "long.parquet"), [{**row, "text": f"{row['text']} longer " * 5} for row in rows_of(90, seed=1)])
    for name in ("compression", "far_compression"):
        monkeypatch.setattr(measures, name, len)
    for name in ("distinct", "mtld"):
        monkeypatch.setattr(measures, name, lambda words, *_: len(words.hashes))
    monkeypatch.setattr(measures, "self_bleu", lambda words: len(words.counts) * max(words.counts))
    small, large = diversity([few, long], sample=40)
    assert [small[name] for name in [*FALLS[:5], *RISES]] == [large[name] for name in [*FALLS[:5], *RISES]]
    assert (small["distinct_1"], small["self_bleu"]) == (15 * 80, 15 * 80)
    assert (small["words_a_text"], large["words_a_text"]) == (80, 405)


def test_the_sample_does_not_depend_on_files_groups_and_order(tmp_path):
    rows = rows_of(300)
    plain = diversity([write(str(tmp_path / "one.parquet"), rows)], sample=40)[0]
    random.Random(7).shuffle(rows)
    write(str(tmp_path / "parts" / "a.parquet"), rows[:90], group=7)
    write(str(tmp_path / "parts" / "b.parquet"), rows[90:], group=100)
    again = diversity([str(tmp_path / "parts")], sample=40)[0]
    assert {**again, "table": ""} == {**plain, "table": ""}
    assert plain["rows"] == 300
    assert plain["tokens"] == 3000
    assert plain["synthetic_depth"] == {"0": 0.5, "1": 0.5}


def test_a_row_group_that_cannot_be_drawn_from_is_not_read(tmp_path, monkeypatch):
    path = write(str(tmp_path / "t.parquet"), rows_of(3000), group=10)
    read: list[list[str]] = []
    plain = pq.ParquetFile.read_row_group
    monkeypatch.setattr(pq.ParquetFile, "read_row_group", lambda self, *a, **k: read.append(a[1]) or plain(self, *a, **k))
    drawn = job._draw(path, 5)
    assert read.count(["text"]) < 60
    everything = sorted((job.content_id("diversity", row["id"]), row["text"]) for row in pq.read_table(path).to_pylist())
    assert drawn.best == everything[:5]


def test_tables_without_ids_or_counts_count_words_and_leave_blank_texts_out(tmp_path):
    texts = ["the sea rises", None, " ", "the sea falls and falls", "", "tide"]
    path = write(str(tmp_path / "t.parquet"), [{"text": text, "origin": "original" if text else "synthetic"} for text in texts], group=2)
    [figures] = diversity([path])
    assert (figures["rows"], figures["words"]) == (5, 9)
    assert "tokens" not in figures
    assert figures["origin"] == {"original": 1.0, "synthetic": 0.0}
    assert sorted(job._draw(path, 10).texts) == ["the sea falls and falls", "the sea rises", "tide"]


def test_rejected_rows_of_a_judged_table_do_not_count(tmp_path):
    rows = [{**row, "text": row["text"] if n % 3 else None, "n_tokens": 10 if n % 3 else 0} for n, row in enumerate(rows_of(90))]
    [figures] = diversity([write(str(tmp_path / "t.parquet"), rows, group=9)], sample=5)
    assert (figures["rows"], figures["tokens"]) == (60, 600)


def test_the_command_on_s3(bucket, capsys):
    write(f"{bucket}/run/documents/a.parquet", rows_of(60))
    write(f"{bucket}/run/mixture/a.parquet", rows_of(60, collapsed=True))
    main(["diversity", f"{bucket}/run/documents", f"{bucket}/run/mixture", "--sample", "20", "--json", f"{bucket}/figures.json"])
    shown = capsys.readouterr().out
    assert "self-BLEU" in shown
    assert " documents " in shown
    found = orjson.loads(storage.read(f"{bucket}/figures.json"))
    assert [one["table"] for one in found] == [f"{bucket}/run/documents", f"{bucket}/run/mixture"]
    assert found[0]["distinct_2"] > found[1]["distinct_2"]
    assert all(value is None or not math.isnan(value) for value in found[0].values() if isinstance(value, float))


def test_tables_that_cannot_be_measured(tmp_path):
    good = write(str(tmp_path / "good.parquet"), rows_of(4))
    with pytest.raises(UserError, match=r"bare\.parquet: no column `text` among id"):
        diversity([good, write(str(tmp_path / "bare.parquet"), [{"id": "a"}])])
    with pytest.raises(UserError, match="`text` holds int64"):
        diversity([write(str(tmp_path / "numbers.parquet"), [{"text": 1}])])
    with pytest.raises(UserError, match="no row has a text"):
        diversity([good, write(str(tmp_path / "blank.parquet"), [{"text": " ", "id": "a"}])])
    storage.put(str(tmp_path / "empty.parquet"), tables.encode(pa.schema([("text", pa.string())]).empty_table()))
    with pytest.raises(UserError, match="no row has a text"):
        diversity([str(tmp_path / "empty.parquet")])
    storage.put(str(tmp_path / "notes" / "a.txt"), b"x")
    with pytest.raises(UserError, match="no Parquet files found"):
        diversity([str(tmp_path / "notes")])
    with pytest.raises(UserError, match="not a readable Parquet file"):
        diversity([str(tmp_path / "notes" / "a.txt")])
    with pytest.raises(UserError, match="no input files found"):
        diversity([str(tmp_path / "nothing")])
    with pytest.raises(UserError, match="no-model: there is no such folder"):
        diversity([good], model=str(tmp_path / "no-model"))
    with pytest.raises(UserError, match="no sample"):
        diversity([good], sample=1)


def test_one_text_has_no_self_bleu_and_no_tail(tmp_path):
    [figures] = diversity([write(str(tmp_path / "one.parquet"), rows_of(1))])
    assert figures["self_bleu"] is None
    assert figures["tail_kept"] is None
    assert figures["distinct_1"] > 0
