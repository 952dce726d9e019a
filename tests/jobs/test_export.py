"""The export, read back by the loaders it is made for, with the lines that the README shows."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from pydoc_data import topics
from typing import Any

import pyarrow as pa
import pytest

from jobs import cli
from jobs import export as export_job
from jobs.export import Request, export
from jobs.mix_manifest import MANIFEST
from jobs.session import LazySession
from jobs.stage import claim
from rephrase import storage, tables
from rephrase.errors import UserError
from rephrase.exports import FORMATS, TEXT_FORMATS
from rephrase.exports.catalogue import find_vocabulary, make_format
from rephrase.records import MIXTURE, content_id

README = Path(__file__).parents[2] / "README.md"
EXAMPLE = README.parent / "examples" / "run.yaml"
EOD = "<|endoftext|>"
FILES, DOCUMENTS = 3, 60
_SMALL = 60_000  # bytes of a shard, so that a file of the small mixture forms several

# What stands in for torchvision, which streaming imports for its datasets of images and which has no build beside the CPU's torch.
_NO_IMAGES = """
import importlib.util, sys
from importlib.machinery import ModuleSpec
from types import ModuleType
if importlib.util.find_spec("torchvision") is None:
    for name in ("torchvision", "torchvision.datasets", "torchvision.transforms", "torchvision.transforms.functional"):
        module = sys.modules[name] = ModuleType(name)
        module.__spec__, module.__path__ = ModuleSpec(name, None), []
    sys.modules["torchvision.datasets"].VisionDataset = object
    sys.modules["torchvision.transforms.functional"].to_tensor = None
"""


def texts() -> list[str]:
    """Documents in order; some spell the token that ends documents."""
    plain = list(topics.topics.values())[: DOCUMENTS - 2]
    return [
        *plain[:7],
        f"A page about {EOD} and {EOD}{EOD}.",
        *plain[7:],
        'é\u2028ß\n\n\ttext, "quoted"',
    ]


def write_mixture(folder: str) -> None:
    """Three files of several row groups, one more without rows."""
    rows = [
        {
            "text": text,
            "id": content_id(text),
            "origin": "original",
            "source": "help",
            "document_id": content_id(text),
            "epoch": 0,
            "n_tokens": len(text) // 4,
            "synthetic_depth": 0,
            "license": "psf",
        }
        for text in texts()
    ]
    size = -(-len(rows) // FILES)
    for number in range(FILES + 1):
        part = rows[number * size : (number + 1) * size]
        if not part:
            tables.Writer(MIXTURE).commit(storage.join(folder, f"part-{number:05d}.parquet"), {})
            continue
        table = pa.Table.from_pylist([{f.name: row.get(f.name) for f in MIXTURE} for row in part], schema=MIXTURE)
        sizes = [len(part[at : at + 8]) for at in range(0, len(part), 8)]
        tables.commit(storage.join(folder, f"part-{number:05d}.parquet"), table, {}, sizes)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("run") / "mixture")
    write_mixture(folder)
    return folder


@pytest.fixture(scope="module")
def expected(tokenizer_file: str) -> list[list[int]]:
    """The tokens of each document, by the tokenizer itself."""
    from tokenizers import Tokenizer

    inner = Tokenizer.from_file(tokenizer_file)
    inner.encode_special_tokens = True
    end = inner.token_to_id(EOD)
    return [[*inner.encode(text).ids, end] for text in texts()]


@pytest.fixture(scope="module")
def small_shards() -> Any:
    """Shards so small that each file forms several."""

    def make(*arguments: Any, **options: Any) -> Any:
        form: Any = make_format(*arguments, **options)
        form.shard_bytes = _SMALL
        return form

    patch = pytest.MonkeyPatch()
    patch.setattr(export_job, "make_format", make)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def exported(small_shards: None, source: str, tokenizer_file: str, spark: LazySession) -> Callable[..., str]:
    """A function that gives the folder of an export in a format, made on first use; mds with tokens, and compressed."""

    def make(name: str, to: str | None = None) -> str:
        to = to or storage.join(str(Path(source).parent), "exports", name)
        export(request(name, source, to, tokenizer_file), spark)
        return to

    return make


def request(name: str, source: str, to: str, tokenizer: str) -> Request:
    return Request(source, to, name, None if name == "jsonl" else find_vocabulary(tokenizer), compress=name == "mds")


def read_with(package: str, title: str, output: str, result: str, tmp_path: Path, **replacements: str) -> Any:
    """Run the README's lines for a loader in a process of its own, and give the value of the expression `result`."""
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    [code] = [block for block in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL) if block.startswith(f"# {title}")]
    assert "out/demo" in code
    for old, new in {"out/demo": output, **replacements}.items():
        assert old in code
        code = code.replace(old, new)
    answer = tmp_path / "answer.json"
    code = f"{_NO_IMAGES}{code}\nimport json\nopen({str(answer)!r}, 'w').write(json.dumps({result}))\n"
    if package == "datasets":
        # Arrow's threads may abort an interpreter that shuts down after a streamed read (apache/arrow#45214, huggingface/datasets#7566).
        code += "import os\nos._exit(0)\n"
    (tmp_path / "reader.py").write_text(f"if __name__ == '__main__':\n{_indented(code)}")
    subprocess.run([sys.executable, str(tmp_path / "reader.py")], check=True, timeout=300, cwd=tmp_path)
    return json.loads(answer.read_text())


def _indented(code: str) -> str:
    return "".join(f"    {line}\n" for line in code.splitlines())


def manifest_of(folder: str) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(storage.read(storage.join(folder, MANIFEST)))
    return manifest


def streams(folder: str, expected: list[list[int]]) -> list[list[int]]:
    """The tokens of each shard in order, by the number of documents that the manifest says it has."""
    shards, at = [], 0
    for shard in manifest_of(folder)["shards"]:
        shards.append([token for document in expected[at : at + shard["documents"]] for token in document])
        at += shard["documents"]
    assert at == len(expected)
    assert len(shards) > FILES
    return shards


def windows(stream: list[int], size: int, step: int | None = None) -> list[list[int]]:
    return [stream[at : at + size] for at in range(0, len(stream) - size + 1, step or size)]


def output_of(folder: str) -> str:
    return str(Path(folder).parents[1])


def test_datasets_streams_the_mixture(source: str, tmp_path: Path) -> None:
    rows = read_with("datasets", "the mixture itself", str(Path(source).parent), "[row['text'] for row in rows]", tmp_path)
    assert rows == texts()


def test_megatron_reads_it(exported: Callable[..., str], expected: list[list[int]], tmp_path: Path) -> None:
    folder = exported("megatron")
    result = "[[[int(weight) for weight in blend[::2]]], [[shard[i].tolist() for i in range(len(shard))] for shard in shards]]"
    [[weights], shards] = read_with("megatron", "megatron", output_of(folder), result, tmp_path)
    assert [document for shard in shards for document in shard] == expected
    assert weights == [len(stream) for stream in streams(folder, expected)]
    assert manifest_of(folder)["dtype"] == "uint16"


def test_megatron_reads_it_from_s3(exported: Callable[..., str], expected: list[list[int]], bucket: str, tmp_path: Path) -> None:
    exported("megatron", bucket + "/run/exports/megatron")
    (tmp_path / "blend.json").write_bytes(storage.read(bucket + "/run/exports/megatron/blend.json"))
    config = f"mmap=False, object_storage_config=S3Config(path_to_idx_cache={str(tmp_path / 'cache')!r})"
    replacements = {
        "IndexedDataset(prefix)": f"IndexedDataset(prefix, {config})",
        "import IndexedDataset": "import IndexedDataset, S3Config",
        f"{bucket}/run/exports/megatron/blend.json": str(tmp_path / "blend.json"),
    }
    result = "[shard[i].tolist() for shard in shards for i in range(len(shard))]"
    assert read_with("megatron", "megatron", bucket + "/run", result, tmp_path, **replacements) == expected


def test_megatron_blends_it(exported: Callable[..., str], expected: list[list[int]], tokenizer_file: str, tmp_path: Path) -> None:
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
    result = "[train[i]['tokens'].tolist() for i in range(200)]"
    last = "shards = [IndexedDataset(prefix) for prefix in blend[1::2]]"
    samples = read_with("megatron", "megatron", output_of(folder), result, tmp_path, **{last: more + last})
    flat = ",".join(str(token) for document in expected for token in document)
    whole = [sample for sample in samples if expected[0][-1] not in sample[:-1]]  # inside one document
    assert len(whole) > 50
    assert all(",".join(map(str, sample)) in flat for sample in whole)


@pytest.mark.parametrize("place", ["disk", "s3"])
def test_mosaicml_streaming_reads_it(
    place: str, exported: Callable[..., str], expected: list[list[int]], tmp_path: Path, request: Any
) -> None:
    result = "[[row['text'], row['tokens'].tolist()] for row in rows]"
    if place == "disk":
        rows = read_with("streaming", "mds", output_of(exported("mds")), result, tmp_path)
    else:
        bucket = request.getfixturevalue("bucket")
        exported("mds", bucket + "/run/exports/mds")
        replacements = {"local=": f"local={str(tmp_path / 'cache')!r}, remote="}
        rows = read_with("streaming", "mds", bucket + "/run", result, tmp_path, **replacements)
    assert rows != [[text, tokens] for text, tokens in zip(texts(), expected, strict=True)], "shuffled"
    assert sorted(rows) == sorted([text, tokens] for text, tokens in zip(texts(), expected, strict=True))


def test_mds_of_text_alone(small_shards: None, source: str, spark: LazySession, tmp_path: Path) -> None:
    export(Request(source, str(tmp_path / "exports" / "mds"), "mds"), spark)
    rows = read_with("streaming", "mds", str(tmp_path), "[list(row.items()) for row in rows]", tmp_path)
    assert sorted(rows) == sorted([["text", text]] for text in texts())


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


def test_datasets_reads_the_lines(exported: Callable[..., str], tmp_path: Path) -> None:
    rows = read_with("datasets", "jsonl", output_of(exported("jsonl")), "list(rows)", tmp_path)
    assert [(row["text"], row["id"], row["source"]) for row in rows] == [(text, content_id(text), "help") for text in texts()]
    assert rows[0]["metadata"]["license"] == "psf"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", json.loads(json.dumps(rows[0]["added"], default=str)))


def checksums(folder: str) -> dict[str, str]:
    return {file.path: hashlib.sha256(storage.read(file.path)).hexdigest() for file in storage.list_files(folder)}


@pytest.mark.parametrize("name", FORMATS)
def test_a_killed_export_resumes_to_the_same_bytes(
    name: str, small_shards: None, source: str, tokenizer_file: str, spark: LazySession, tmp_path: Path
) -> None:
    to = str(tmp_path / "to")
    manifest = export(request(name, source, to, tokenizer_file), spark)
    before = checksums(to)
    named = {storage.join(to, file["name"]): file["sha256"] for shard in manifest["shards"] for file in shard["files"]}
    assert named.items() <= before.items()
    for path in manifest["index"]:
        storage.put(storage.join(to, path), b"[]")  # datatrove's reader makes a list of files itself, of what it finds
    storage.delete(storage.join(to, MANIFEST))
    storage.delete(storage.join(to, "__units__", "part-00001.parquet"))  # a task that was killed after some of its objects
    storage.delete(next(path for path in named if "part-00001-001" in path))
    Path(next(path for path in named if "part-00001-000" in path)).write_bytes(b"written by another version of a library")
    assert export(request(name, source, to, tokenizer_file), spark) == manifest
    assert checksums(to) == before
    assert manifest["documents"] == DOCUMENTS
    assert manifest["source_tokens"] == sum(len(text) // 4 for text in texts())


def test_no_index_before_all_is_there(spark: LazySession, tokenizer_file: str, tmp_path: Path) -> None:
    folder = str(tmp_path / "from")
    write_mixture(folder)
    tables.commit(storage.join(folder, "part-00009.parquet"), pa.table({"words": ["a"]}), {})
    for name in ("megatron", "mds", "datatrove"):
        to = str(tmp_path / name)
        with pytest.raises(UserError, match="no column `text`"):
            export(request(name, folder, to, tokenizer_file), spark)
        left = {storage.name_of(file.path) for file in storage.list_files(to)}
        assert not left & {"index.json", "blend.json", "paths.json", MANIFEST}


def test_rows_without_text_are_left_out_and_told(spark: LazySession, tokenizer_file: str, tmp_path: Path, capsys: Any) -> None:
    tables.commit(str(tmp_path / "from" / "a.parquet"), pa.table({"text": ["one", None, "", "two"]}), {})
    manifest = export(request("megatron", str(tmp_path / "from"), str(tmp_path / "to"), tokenizer_file), spark)
    assert (manifest["documents"], manifest["source_rows"]) == (2, 4)
    assert "2 rows without text left out" in capsys.readouterr().err


def test_an_unfinished_mixture_is_refused(tokenizer_file: str, spark: LazySession, tmp_path: Path) -> None:
    write_mixture(str(tmp_path / "mixture"))
    claim(str(tmp_path / "mixture"), "mix", {})
    with pytest.raises(UserError, match="the mixture is not complete"):
        export(request("numpy", str(tmp_path / "mixture"), str(tmp_path / "to"), tokenizer_file), spark)
    with pytest.raises(UserError, match="there is no Parquet file"):
        export(request("numpy", str(tmp_path / "other"), str(tmp_path / "to"), tokenizer_file), spark)


def test_another_export_in_the_folder_is_refused(
    exported: Callable[..., str], source: str, tokenizer_file: str, spark: LazySession
) -> None:
    with pytest.raises(UserError, match='`format` was "numpy", is "litdata"'):
        export(request("litdata", source, exported("numpy"), tokenizer_file), spark)


def test_the_command(source: str, tokenizer_file: str, spark: LazySession, tmp_path: Path, capsys: Any) -> None:
    arguments = ["export", "--from", source, "--to", str(tmp_path / "to"), "--format", "numpy", "--tokenizer", tokenizer_file]
    spark.get()  # the command uses the session that runs
    cli.main(arguments)
    tokens = manifest_of(str(tmp_path / "to"))["tokens"]
    assert f"{tokens:,} tokens with {EOD} after each document; the Parquet's n_tokens sum to" in " ".join(capsys.readouterr().err.split())
    write_mixture(str(tmp_path / "run" / "mixture"))
    cli.main(["export", str(EXAMPLE), "--output", str(tmp_path / "run"), "--format", "litdata"])
    assert manifest_of(str(tmp_path / "run" / "exports" / "litdata"))["documents"] == DOCUMENTS
    with pytest.raises(SystemExit):
        cli.main([*arguments, "--eod", "<end>"])
    assert "no control token `<end>`" in capsys.readouterr().err


def test_formats_that_need_a_tokenizer_say_so() -> None:
    for name in set(FORMATS) - set(TEXT_FORMATS):
        with pytest.raises(UserError, match="holds tokens"):
            make_format(name, None)
    with pytest.raises(UserError, match="no compression"):
        make_format("jsonl", None, compress=True)
