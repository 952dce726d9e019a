"""The export, read back by the loaders it is made for, with the lines that docs/loaders.md shows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from rephrase import storage
from rephrase.records import content_id
from tests.rephrase.spark.exports import EOD, FILES, LENGTH, manifest_of, output_of, read_with, streams, texts, windows


def test_datasets_streams_the_mixture(source: str, tmp_path: Path) -> None:
    rows = read_with("datasets", "the mixture itself", str(Path(source).parent), "[row['text'] for row in rows]", tmp_path)
    assert rows == texts()


def test_megatron_reads_and_blends_it(exported: Callable[..., str], expected: list[list[int]], tokenizer_file: str, tmp_path: Path) -> None:
    folder = exported("megatron")
    more = f"""
        from types import SimpleNamespace
        from megatron.core.datasets.blended_megatron_dataset_builder import BlendedMegatronDatasetBuilder
        from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig
        from megatron.core.datasets.utils import get_blend_from_list
        end = {expected[0][-1]}
        tokenizer = SimpleNamespace(eod=end, pad=-1, vocab_size=2000, unique_identifiers={{}})
        config = GPTDatasetConfig(
            random_seed=1, sequence_length=64, blend=get_blend_from_list(blend), split="100,0,0", tokenizer=tokenizer,
            reset_position_ids=False, reset_attention_mask=False, eod_mask_loss=False)
        train = BlendedMegatronDatasetBuilder(GPTDataset, [200, 0, 0], lambda: True, config).build()[0]
    """
    more = "\n".join(line[8:] for line in more.splitlines())
    last = "shards = [IndexedDataset(prefix) for prefix in blend[1::2]]"
    result = """[
        [int(weight) for weight in blend[::2]],
        [shard[i].tolist() for shard in shards for i in range(len(shard))],
        [train[i]['tokens'].tolist() for i in range(200)]]"""
    weights, documents, samples = read_with("megatron", "megatron", output_of(folder), result, tmp_path, **{last: more + last})
    assert documents == expected
    assert weights == [len(stream) for stream in streams(folder, expected)]
    assert manifest_of(folder)["dtype"] == "uint16"
    flat = ",".join(str(token) for document in expected for token in document)
    whole = [sample for sample in samples if expected[0][-1] not in sample[:-1]]  # inside one document
    assert len(whole) > 50
    assert all(",".join(map(str, sample)) in flat for sample in whole)


def test_mosaicml_streaming_reads_it(exported: Callable[..., str], expected: list[list[int]], tmp_path: Path) -> None:
    result = "[[row['text'], row['tokens'].tolist()] for row in rows]"
    rows = read_with("streaming", "mds", output_of(exported("mds")), result, tmp_path)
    assert rows != [[text, tokens] for text, tokens in zip(texts(), expected, strict=True)], "shuffled"
    assert sorted(rows) == sorted([text, tokens] for text, tokens in zip(texts(), expected, strict=True))


def test_datatrove_reads_it(exported: Callable[..., str], expected: list[list[int]], tmp_path: Path) -> None:
    folder = exported("datatrove")
    before = storage.read(storage.join(folder, "paths.json"))
    result = "[[row['input_ids'].tolist(), row['positions'].tolist()] for row in rows]"
    rows = read_with("datatrove", "datatrove", output_of(folder), result, tmp_path)
    assert [tokens for tokens, _ in rows] == [window for stream in streams(folder, expected) for window in windows(stream, 1025)]
    for tokens, positions in rows:
        starts = [0, *(at + 1 for at, token in enumerate(tokens) if token == expected[0][-1])]
        assert positions == [at - max(start for start in starts if start <= at) for at in range(len(tokens))]
    assert storage.read(storage.join(folder, "paths.json")) == before
    first = manifest_of(folder)["shards"][0]
    about = storage.read(storage.join(folder, first["name"] + ".ds.metadata")).decode().splitlines()
    assert about[0].endswith("tokenizer.json|2")
    assert about[1] == str(first["tokens"])


def test_the_bytes_are_those_of_datatroves_own_writer(exported: Callable[..., str], tokenizer_file: str, tmp_path: Path) -> None:
    tokens = pytest.importorskip("datatrove.pipeline.tokens")
    data = pytest.importorskip("datatrove.data")
    folder, at = exported("datatrove"), 0
    for number, shard in enumerate(manifest_of(folder)["shards"]):
        part = texts()[at : at + shard["documents"]]
        at += len(part)
        if any(EOD in text for text in part):  # which it takes for the end of a document
            continue
        writer = tokens.DocumentTokenizer(str(tmp_path), tokenizer_file, eos_token=EOD, shuffle_documents=False)
        writer.run(iter([data.Document(text=text, id="") for text in part]), number, 1)
        for end in (".ds", ".ds.index"):
            theirs = tmp_path / f"{number:05d}_unshuffled{end}"
            assert theirs.read_bytes() == storage.read(storage.join(folder, shard["name"] + end))
    assert len(list(tmp_path.glob("*.ds"))) >= FILES


def test_numpy_and_a_shuffled_loader_read_it(exported: Callable[..., str], expected: list[list[int]], tmp_path: Path) -> None:
    folder = exported("numpy")
    result = "[[array.tolist() for array in arrays], [[row for batch in loader for row in batch.tolist()] for epoch in range(2)]]"
    arrays, (first, second) = read_with("torch", "numpy, with any loop", output_of(folder), result, tmp_path)
    assert arrays == streams(folder, expected)
    assert sorted(first) == sorted(second) == sorted(window for stream in arrays for window in windows(stream, 1025, 1024))
    assert first != second


def test_olmo_core_reads_it(exported: Callable[..., str], expected: list[list[int]], tmp_path: Path) -> None:
    folder = exported("numpy")
    documents = (
        "[list(pair) for path in rows.paths for pair in __import__('olmo_core.data.utils', fromlist=['']).iter_document_indices(path, "
        "use_array_if_local=False)]"
    )
    result = f"[[rows[i]['input_ids'].tolist() for i in range(len(rows))], {documents}]"
    rows, boundaries = read_with("olmo_core", "numpy, with OLMo-core", output_of(folder), result, tmp_path)
    assert rows == [window for stream in streams(folder, expected) for window in windows(stream, 1024)]
    assert [end - start for start, end in boundaries] == [len(document) for document in expected]


def test_litdata_reads_it(exported: Callable[..., str], expected: list[list[int]], tmp_path: Path) -> None:
    folder = exported("litdata")
    rows = read_with("litdata", "litdata", output_of(folder), "[row.tolist() for row in rows]", tmp_path)
    assert sorted(rows) == sorted(window for stream in streams(folder, expected) for window in windows(stream, 1025))


def test_datasets_and_a_loader_read_packed_sequences(exported: Callable[..., str], expected: list[list[int]], tmp_path: Path) -> None:
    folder = exported("packed")
    result = """[[row for batch in loader for row in zip(*(batch[name].tolist() for name in ('input_ids', 'position_ids', 'loss_mask')))]
        for epoch in range(2) if not rows.set_epoch(epoch)]"""
    first, second = read_with("datasets", "packed", output_of(folder), result, tmp_path)
    manifest = manifest_of(folder)
    assert first != second
    assert sorted(first) == sorted(second)
    assert len(first) == manifest["sequences"]
    documents = []
    for tokens, positions, mask in first:
        assert len(tokens) == len(positions) == len(mask) == LENGTH
        starts = [at for at, position in enumerate(positions) if position == 0]
        for start, end in pairwise([*starts, LENGTH]):
            assert positions[start:end] == list(range(end - start))
            if mask[start]:
                documents.append(tokens[start:end])
    whole = [document for document in expected if len(document) <= LENGTH]
    assert len(whole) > 20
    assert sorted(document for document in documents if len(document) < LENGTH or document in whole) == sorted(
        [*whole, *(document[-rest:] for document in expected if len(document) > LENGTH and (rest := len(document) % LENGTH))]
    )
    assert sum(map(len, documents)) == manifest["tokens"] == sum(map(len, expected))
    assert sum(sum(mask) for _, _, mask in first) + manifest["padding"] == LENGTH * len(first)


def test_datasets_reads_the_lines(exported: Callable[..., str], tmp_path: Path) -> None:
    rows = read_with("datasets", "jsonl", output_of(exported("jsonl")), "list(rows)", tmp_path)
    assert [(row["text"], row["id"], row["source"]) for row in rows] == [(text, content_id(text), "help") for text in texts()]
    assert rows[0]["metadata"]["license"] == "psf"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", json.loads(json.dumps(rows[0]["added"], default=str)))
