"""Proxy models: what they read, what they measure, and how a sweep goes on after it was killed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rephrase.cli.main import main
from rephrase.errors import UserError
from rephrase.evidence.held_out import HeldOut, overlaps, read_held_out
from rephrase.evidence.packed_sequences import Block, open_packed, read_first, streams
from rephrase.evidence.results import read_rows
from rephrase.evidence.sizes import schedule_of, size_named, sizes
from rephrase.evidence.swarm import Mixture, Part, Swarm, sequences_of
from rephrase.evidence.training import Trial, train
from rephrase.text.tokenizer import Tokenizer
from tests.rephrase.evidence.packs import LENGTH, clean, held_out, noise, pack


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other cost so small a model more than they give."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def export(tmp_path_factory, tokenizer_file) -> Path:
    return pack(tmp_path_factory.mktemp("export"), {"part-00000-000": clean(1, 40), "part-00001-000": noise(2, 40)}, tokenizer_file)


@pytest.fixture(scope="module")
def swarm(export) -> Swarm:
    names = [f"data/part-0000{number}-000.parquet" for number in (0, 1)]
    parts = tuple(Part(name, {"source": name}, 0.0, 1.0, 0.5, (path,)) for name, path in zip(("clean", "noise"), names, strict=True))
    return Swarm(20 * LENGTH, parts, (Mixture("present", (0.5, 0.5)), Mixture("001", (0.93, 0.07))), {})


def test_an_export_is_read_in_its_order(export: Path, tokenizer_file: str) -> None:
    packed = open_packed(str(export))
    tokenizer = Tokenizer.load(tokenizer_file)
    expected = [[*tokens.tolist(), packed.eod] for tokens in tokenizer.encode([*clean(1, 40)])]
    stream = next(streams(packed.shards))
    assert stream.tolist() == [token for document in expected for token in document]
    block = read_first(packed.shards, 5, LENGTH)
    assert block.tokens.ravel().tolist() == stream[: 5 * LENGTH].tolist()
    assert block.learned.all()
    whole = read_first(packed.shards, 10**6, LENGTH)
    assert whole.learned.sum() == sum(len(stream) for stream in streams(packed.shards))


def test_mixtures_of_a_swarm_share_their_sequences(export: Path, swarm: Swarm) -> None:
    packed = open_packed(str(export))
    [clean_rows, noise_rows] = [read_first((shard,), 10**6, LENGTH).tokens for shard in packed.shards]
    for mixture, counts in zip(swarm.mixtures, ([10, 10], [19, 1]), strict=True):
        block, epochs = sequences_of(swarm, mixture, packed, swarm.tokens)
        assert (block.tokens == np.concatenate([clean_rows[: counts[0]], noise_rows[: counts[1]]])).all()
        assert epochs == {}
    block, epochs = sequences_of(swarm, swarm.mixtures[0], packed, 4 * LENGTH * len(noise_rows))
    assert len(block) == 4 * len(noise_rows)  # what is too short is begun again, and told
    assert epochs["noise"] == 2


def test_held_out_documents_are_found_wherever_they_stand(tmp_path: Path, export: Path, tokenizer_file: str) -> None:
    tokenizer = Tokenizer.load(tokenizer_file)
    inside = clean(1, 40)
    texts = [inside[3], clean(99, 1)[0], "Before it. " + inside[7] + " And after it.", "short", inside[5][:120]]
    held = read_held_out("web", str(held_out(tmp_path / "held.jsonl", texts)), tokenizer, 10**6)
    assert held.bytes == tuple(len(text.encode()) for text in texts)
    assert overlaps([held], streams(open_packed(str(export)).shards)) == [[0, 2, 4]]
    assert held.without([0, 2, 4]).bytes == (held.bytes[1], held.bytes[3])
    assert overlaps([held], [np.arange(5), np.zeros(0, np.int64)]) == [[]]


def trial(block: Block, seed: int = 0) -> Trial:
    size = size_named("1m")
    return Trial(size, 2000, 0, block, schedule_of(size, block.tokens.size, batch=LENGTH * 2), seed)


def test_bits_per_byte_are_those_of_the_uniform_guess_before_and_of_the_text_after(
    export: Path, tmp_path: Path, tokenizer_file: str
) -> None:
    packed = open_packed(str(export))
    tokenizer = Tokenizer.load(tokenizer_file)
    held = read_held_out("web", str(held_out(tmp_path / "held.jsonl", clean(77, 3))), tokenizer, 10**6)
    block = read_first(packed.shards, 60, LENGTH)
    none = Block(block.tokens[:0], block.learned[:0])
    before = train(trial(none), [held], "cpu", None, lambda *_: None)
    uniform = math.log2(2048) * sum(map(len, held.tokens)) / sum(held.bytes)  # 2,000 tokens, filled up to a multiple of 64
    assert before.bits_per_byte["web"] == pytest.approx(uniform, rel=0.03)
    # The figure of a set is that of its texts, however they are cut into windows: one by one they sum to the same.
    numbers = range(len(held.tokens))
    parts = [replace(held.without(set(numbers) - {number}), name=str(number)) for number in numbers]
    after = train(trial(block), [held, *parts], "cpu", None, lambda *_: None).bits_per_byte
    assert after["web"] < 0.75 * before.bits_per_byte["web"]
    whole = sum(after[part.name] * part.bytes[0] for part in parts) / sum(held.bytes)
    assert whole == pytest.approx(after["web"], rel=1e-4)


def test_a_killed_training_goes_on_to_the_same_model(export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rephrase.evidence.training._SAVE_EVERY", 0.0)
    block = read_first(open_packed(str(export)).shards, 12, LENGTH)
    held = HeldOut("web", "", ("a",), (np.arange(1, 50),), (100,))
    steps: list[int] = []
    whole = train(trial(block), [held], "cpu", None, lambda tokens, _: steps.append(tokens))
    path = tmp_path / "deep" / "one.pt"

    def kill(tokens: int, _: float) -> None:
        if tokens == steps[3]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(trial(block), [held], "cpu", str(path), kill)
    rest: list[int] = []
    resumed = train(trial(block), [held], "cpu", str(path), lambda tokens, _: rest.append(tokens))
    assert rest == steps[3:]
    assert resumed.bits_per_byte == pytest.approx(whole.bits_per_byte, rel=1e-6)
    monkeypatch.setattr("rephrase.evidence.training._LOGITS", 2048 * LENGTH)  # a step of several parts is the same step
    parts = train(trial(block), [held], "cpu", None, lambda *_: None)
    assert parts.bits_per_byte == pytest.approx(whole.bits_per_byte, rel=1e-3)
    path.write_bytes(b"no checkpoint")
    with pytest.raises(UserError, match="not a checkpoint"):
        train(trial(block), [held], "cpu", str(path), lambda *_: None)


def test_sizes_are_what_they_are_called() -> None:
    for name, size in sizes().items():
        assert size.parameters == pytest.approx(float(name.removesuffix("m")) * 1e6, rel=0.35 if name == "1m" else 0.06)
        assert size.hidden % size.heads == 0
    large, small = schedule_of(size_named("150m"), 10**9), schedule_of(size_named("3m"), 10**5)
    assert large.batch > small.batch
    assert small.learning_rate < 0.01


def test_the_command_fills_results_row_by_row_and_goes_on(export: Path, swarm: Swarm, tmp_path: Path, capsys) -> None:
    folder = tmp_path / "swarm"
    folder.mkdir()
    (folder / "packed").symlink_to(export)
    swarm.save(str(folder))
    held = held_out(tmp_path / "held.jsonl", clean(50, 3))
    words = ["proxy", str(folder), "--held-out", f"web={held}", "--size", "1m", "--device", "cpu"]
    main(words)
    results = folder / "results.csv"
    rows = read_rows(str(results))
    assert [(row.mixture, row.seed) for row in rows] == [("present", "0"), ("001", "0")]
    assert rows[1].shares == {"clean": 0.93, "noise": 0.07}
    assert all(1 < row.measures["bits_per_byte:web"] < 8 for row in rows)
    first, *lines = results.read_text().splitlines()
    results.write_text("\n".join([first, lines[1]]) + "\n")  # the first row is lost
    main(words)
    again = {row.mixture: row for row in read_rows(str(results))}
    assert again["001"] == rows[1]
    assert again["present"].measures == pytest.approx(rows[0].measures)
    assert list(results.parent.glob("results.checkpoints/*")) == []
    capsys.readouterr()
    main(words)
    told = capsys.readouterr()
    assert "0 trainings" in told.out + told.err
    with pytest.raises(SystemExit):
        main([*words, "--tokens", "256"])
    assert "with other settings" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--held-out", "web"], "not NAME=PATH"),
        (["--held-out", "web={inside}"], "stand in what is trained on"),
        (["--held-out", "web={inside}", "--overlap", "drop"], "stand in what is trained on"),
        (["--held-out", "web={held}", "--size", "2m"], "no proxy model of size"),
        (["--held-out", "web={held}", "--held-out", "web={held}"], "two sets have one name"),
        (["--held-out", "web={held}", "--device", "abacus"], "torch cannot work on abacus"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_trained(words, message, export: Path, tmp_path: Path, capsys) -> None:
    files = {"inside": held_out(tmp_path / "inside.jsonl", clean(1, 2)), "held": held_out(tmp_path / "held.jsonl", clean(50, 2))}
    with pytest.raises(SystemExit) as end:
        main(["proxy", str(export), "--results", str(tmp_path / "r.csv"), *(word.format(**files) for word in words)])
    assert end.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "r.csv").exists()
