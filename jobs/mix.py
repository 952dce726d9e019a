"""The mix stage: originals and kept generations by token shares, globally shuffled, as files that a data loader reads as they are.

Run alone with `rephrase mix run.yaml` or `spark-submit jobs/mix.py run.yaml`. Texts cross the cluster once, in the shuffle that puts
them in order; before that, two passes over the other columns decide which texts are taken. `_manifest.json` is written last: while it
is not there, the mixture is incomplete.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from jobs.dropped import folders_of, require, without_dropped
from jobs.stage import claim, digest
from jobs.units import Unit, pending, run_watched, user_errors_marked
from rephrase import __version__, mixing, storage, tables
from rephrase.dataset_card import dataset_card
from rephrase.errors import UserError
from rephrase.mixing import Plan
from rephrase.records import MIXTURE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from jobs.session import LazySession
    from rephrase.config import Mix, Run

MANIFEST = "_manifest.json"
_PLAN = "_plan.json"

_TASK_BYTES = 64 << 20  # input objects are packed into tasks of about so many stored bytes
_MIN_TASK_BYTES = 1 << 20
_MANY_TASKS = 64  # small inputs are still spread over about so many tasks
_BATCH_ROWS = 512  # rows carry whole documents
_CHUNK = 8 << 20

# What a row carries through the shuffle: the mixture's columns, what the notes count, and where it goes.
_SHUFFLED = pa.schema(
    [
        *MIXTURE,
        ("language", pa.string()),
        ("part", pa.int32()),  # index of the file among those that are still missing: Spark's partition
        ("place", pa.int64()),
    ]
)
_SHUFFLED_DDL = (
    "text string, id string, origin string, source string, recipe string, document_id string, epoch int, n_tokens long, "
    "synthetic_depth int, model string, license string, language string, part int, place long"
)
_FINGERPRINT_DDL = "path string, bytes long, sha256 string"
_TABLES = {"shard": "documents", "rewrite": "generations", "filter": "judged"}
_COUNTED = ["origin", "source", "recipe", "language", "license", "model", "synthetic_depth", "epoch"]


@dataclass(frozen=True, slots=True)
class Inputs:
    """The objects to mix, packed into tasks, and what identifies them."""

    packs: tuple[tuple[str, ...], ...]
    judged: str  # the folder: objects below it are of the judged table
    drops: dict[str, tuple[str, ...]]  # by table, the folders that say which of its rows are out
    meaning: dict[str, Any]

    def is_judged(self, path: str) -> bool:
        """Whether an object belongs to the judged table, not to documents."""
        return path.startswith(self.judged + "/")

    def kept(self, rows: pa.Table, path: str) -> pa.Table:
        """The rows of an object that screening and deduplication have left."""
        return without_dropped(rows, path, self.drops["judged" if self.is_judged(path) else "documents"])


def mix(run: Run, spark: LazySession) -> None:
    """Make `<output>/mixture` from `<output>/documents` and the kept rows of `<output>/judged`. Resumes.

    Returns at once where all is there. Raises `UserError` for missing tables, an unfinished filter stage, too little material for the
    shares and the budget, and a folder that holds the mixture of another config or of other tables.
    """
    from jobs.progress import StageProgress, console

    folder = storage.join(run.output, "mixture")
    inputs = find_inputs(run)
    meaning = {"mix": run.mix.model_dump(mode="json"), **inputs.meaning}
    if storage.exists(storage.join(folder, "_stage.json")):
        claim(folder, "mix", meaning)  # refuse before any work
    if storage.exists(storage.join(folder, MANIFEST)):
        console.print("mix: the mixture is complete, nothing to do")
        return
    plan = _plan(run.mix, inputs, spark, folder)
    claim(folder, "mix", meaning)  # only now: a config that asks for too much must leave nothing behind
    storage.create(storage.join(folder, _PLAN), orjson.dumps(plan.to_dict(), option=orjson.OPT_INDENT_2))
    units = [Unit(storage.join(folder, _file_name(number, plan.files)), number) for number in range(plan.files)]
    todo = pending(units, folder)
    prints: dict[str, tuple[int, str]] = {}
    with StageProgress("mix", folder, len(units), len(units) - len(todo), _words) as progress:
        if todo:
            frame = _shuffled(spark.get(), inputs, run.mix, plan, [unit.payload for unit in todo])
            outputs = [unit.output for unit in todo]
            run_watched(lambda: prints.update(_write(frame, outputs, run.mix)), progress)
            for unit in pending(todo, folder):  # files that no row fell into; without row groups, as `datasets` takes no empty ones
                tables.Writer(MIXTURE).commit(unit.output, {"rows": 0, "tokens": 0, "counts": {}})
    rest = [unit.output for unit in units if unit.output not in prints]
    if rest:
        run_watched(lambda: prints.update(_fingerprints(spark.get(), rest)))
    _finish(run, folder, plan, [unit.output for unit in units], prints)


def find_inputs(run: Run) -> Inputs:
    """The objects that the mixture is made of. Raises `UserError` where a table is missing or unfinished."""
    wanted = {
        "documents": any(c.origin != "synthetic" and c.recipe is None for c in run.mix.components),
        "judged": any(c.origin != "original" for c in run.mix.components),
    }
    maker = {"documents": "shard", "judged": "filter"}
    found: list[storage.FileInfo] = []
    meaning: dict[str, Any] = {}
    for table, is_wanted in wanted.items():
        if not is_wanted:
            continue
        folder = storage.join(run.output, table)
        paths = set(tables.objects(folder))
        if not paths:
            raise UserError(
                f"there is no {table} table", where=folder, cure=f"run the {maker[table]} stage first: `rephrase {maker[table]} run.yaml`"
            )
        files = [file for file in storage.list_files(folder) if file.path in paths]
        stage = _stage_note(folder)
        meaning[table] = {
            "digest": stage.get("digest"),
            "objects": len(files),
            "objects_digest": digest([[storage.name_of(file.path), file.size] for file in files]),
            **require(run, table),
        }
        found += files
    if wanted["judged"]:
        _check_filtered(run)
    drops = {table: folders_of(run, table) for table in wanted}
    return Inputs(_packs(found), storage.join(run.output, "judged"), drops, meaning)


def _check_filtered(run: Run) -> None:
    generated, judged = (
        {storage.name_of(path) for path in tables.objects(storage.join(run.output, table))} for table in ("generations", "judged")
    )
    if generated - judged:
        raise UserError(
            f"the filter stage has not finished: {len(generated - judged)} of {len(generated)} objects are not judged",
            where=storage.join(run.output, "judged"),
            cure="run it again: `rephrase filter run.yaml`",
        )


def _packs(files: Sequence[storage.FileInfo]) -> tuple[tuple[str, ...], ...]:
    limit = min(_TASK_BYTES, max(_MIN_TASK_BYTES, sum(file.size for file in files) // _MANY_TASKS))
    packs: list[list[str]] = []
    size = limit
    for file in files:
        if size >= limit:
            packs.append([])
            size = 0
        packs[-1].append(file.path)
        size += file.size
    return tuple(tuple(pack) for pack in packs)


def _plan(mix: Mix, inputs: Inputs, spark: LazySession, folder: str) -> Plan:
    path = storage.join(folder, _PLAN)
    if storage.exists(path):
        return Plan.from_dict(orjson.loads(storage.read(path)))
    return make_plan(mix, inputs, spark.get())


def make_plan(mix: Mix, inputs: Inputs, spark: SparkSession) -> Plan:
    """Decide which texts the mixture takes, from their ids, tokens and labels alone.

    The driver holds sums by component and bucket of keys, and the keys of one bucket a component. Raises `UserError` where the
    material does not reach.
    """
    tokens, rows = _bucket_sums(mix, inputs, spark)
    available = tokens[: len(mix.components)].sum(axis=1).tolist()
    targets = mixing.targets(mix, available)
    remainders = [target % there if there else 0 for target, there in zip(targets, available, strict=True)]
    buckets = [mixing.cut_bucket(tokens[index], remainder) for index, remainder in enumerate(remainders)]
    inside = _keys_in_buckets(mix, inputs, spark, buckets)
    components = []
    for index, (component, bucket) in enumerate(zip(mix.components, buckets, strict=True)):
        cut = mixing.Cut(0, 0, 0)
        if bucket is not None:
            mine = inside.filter(pc.equal(inside.column("component"), index))
            before = mixing.Cut(0, int(tokens[index, :bucket].sum()), int(rows[index, :bucket].sum()))
            keys, lengths = mine.column("key").to_numpy(), mine.column("tokens").to_numpy()
            cut = mixing.cut_in_bucket(bucket, before, keys, lengths, remainders[index])
        components.append(mixing.plan_component(component, targets[index], available[index], int(rows[index].sum()), cut))
    left_out = {
        reason: {"rows": int(rows[index].sum()), "tokens": int(tokens[index].sum())}
        for reason, index in (("synthetic_depth", mixing.TOO_DEEP), ("no_component", mixing.NO_COMPONENT))
    }
    total = sum(component.tokens for component in components)
    return Plan(tuple(components), left_out, mixing.n_files(total, mix.file_tokens))


def _bucket_sums(mix: Mix, inputs: Inputs, spark: SparkSession) -> tuple[Any, Any]:
    """Tokens and rows by component and bucket, shape (components + 2, BUCKETS); the last two are TOO_DEEP and NO_COMPONENT."""

    def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with user_errors_marked():
            for paths in _packs_of(batches, inputs):
                tokens, rows = _empty_sums(mix)
                for table, component, keys in _keyed(paths, inputs, mix, with_text=False):
                    place = (component, mixing.buckets_of(keys))  # negative components count from the end
                    np.add.at(tokens, place, table.column("n_tokens").to_numpy())
                    np.add.at(rows, place, 1)
                component, bucket = rows.nonzero()
                columns = [component.astype(np.int32), bucket.astype(np.int32), tokens[component, bucket], rows[component, bucket]]
                yield pa.RecordBatch.from_arrays([pa.array(column) for column in columns], ["component", "bucket", "tokens", "rows"])

    frame = _over_packs(spark, inputs).mapInArrow(body, "component int, bucket int, tokens long, rows long")
    summed = _collect(frame.groupBy("component", "bucket").sum("tokens", "rows"))
    tokens, rows = _empty_sums(mix)
    place = (summed.column(0).to_numpy(), summed.column(1).to_numpy())
    tokens[place], rows[place] = summed.column(2).to_numpy(), summed.column(3).to_numpy()
    return tokens, rows


def _empty_sums(mix: Mix) -> tuple[Any, Any]:
    shape = (len(mix.components) + 2, mixing.BUCKETS)
    return np.zeros(shape, np.int64), np.zeros(shape, np.int64)


def _keys_in_buckets(mix: Mix, inputs: Inputs, spark: SparkSession, buckets: Sequence[int | None]) -> pa.Table:
    """Key and tokens of the texts in each component's cut bucket, about one in BUCKETS of all."""
    names = ["component", "key", "tokens"]
    if all(bucket is None for bucket in buckets):
        return pa.table({name: pa.array([], pa.int64()) for name in names})
    cut = np.array([-1 if bucket is None else bucket for bucket in buckets] + [-1, -1])  # no key is in bucket -1

    def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with user_errors_marked():
            for paths in _packs_of(batches, inputs):
                for table, component, keys in _keyed(paths, inputs, mix, with_text=False):
                    chosen = mixing.buckets_of(keys) == cut[component]
                    columns = [component[chosen].astype(np.int64), keys[chosen], table.column("n_tokens").to_numpy()[chosen]]
                    yield pa.RecordBatch.from_arrays([pa.array(column) for column in columns], names)

    return _collect(_over_packs(spark, inputs).mapInArrow(body, "component long, key long, tokens long"))


def _over_packs(spark: SparkSession, inputs: Inputs) -> DataFrame:
    return spark.range(0, len(inputs.packs), 1, len(inputs.packs))  # exactly one number a partition


def _packs_of(batches: Iterator[pa.RecordBatch], inputs: Inputs) -> Iterator[tuple[str, ...]]:
    for batch in batches:
        for number in batch.column(0).to_pylist():
            yield inputs.packs[number]


def _collect(frame: DataFrame) -> pa.Table:
    """A small result on the driver."""
    collected: list[pa.Table] = []
    run_watched(lambda: collected.append(frame.toArrow()))
    return collected[0]


def _keyed(paths: Sequence[str], inputs: Inputs, mix: Mix, *, with_text: bool) -> Iterator[tuple[pa.Table, Any, Any]]:
    """Candidates of each row group or object, with their component and selection key, both of shape (rows,)."""
    with_scores = any(component.min_scores for component in mix.components)
    for path in paths:
        columns = mixing.columns_of(judged=inputs.is_judged(path), with_scores=with_scores, with_text=with_text)
        for rows in tables.read_row_groups(path, columns) if with_text else [tables.read(path, columns)]:
            table = mixing.candidates(inputs.kept(rows, path))
            component = mixing.assign(table, mix)
            ids = table.column("id").to_pylist()
            keys = np.zeros(len(ids), np.int64)
            for index in set(component[component >= 0].tolist()):
                mine = np.flatnonzero(component == index)
                keys[mine] = mixing.selection_keys([ids[row] for row in mine], mix.seed, mix.components[index].name)
            yield table, component, keys


def _shuffled(spark: SparkSession, inputs: Inputs, mix: Mix, plan: Plan, files: Sequence[int]) -> DataFrame:
    """The mixture's rows that belong into the given files: each file one partition, in the order of places."""
    parts = np.full(plan.files, -1, np.int32)
    parts[list(files)] = np.arange(len(files), dtype=np.int32)

    def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with user_errors_marked():
            for paths in _packs_of(batches, inputs):
                for table, component, keys in _keyed(paths, inputs, mix, with_text=True):
                    for chosen in _chosen(table, component, keys, mix, plan, parts):
                        yield from chosen.to_batches(max_chunksize=_BATCH_ROWS)

    rows = _over_packs(spark, inputs).mapInArrow(body, _SHUFFLED_DDL)
    return rows.repartitionById(len(files), "part").sortWithinPartitions("part", "place", "id", "epoch")


def _chosen(table: pa.Table, component: Any, keys: Any, mix: Mix, plan: Plan, parts: Any) -> Iterator[pa.Table]:
    """The rows that the mixture takes, epoch by epoch, with the columns of _SHUFFLED."""
    copies = np.zeros(table.num_rows, np.int64)
    for index, one in enumerate(plan.components):
        mine = component == index
        copies[mine] = mixing.copies(keys[mine], one)
    for epoch in range(int(copies.max(initial=0))):
        rows = np.flatnonzero(copies > epoch)
        place = mixing.places(table.column("id").take(pa.array(rows)).to_pylist(), mix.seed, epoch)
        part = parts[mixing.files_of(place, plan.files)]
        here = part >= 0  # the file is not written yet
        taken = table.take(pa.array(rows[here]))
        columns = {
            **{name: taken.column(name) for name in taken.column_names},
            "epoch": np.full(int(here.sum()), epoch, np.int32),
            "part": part[here],
            "place": place[here],
        }
        yield pa.table([columns[name] for name in _SHUFFLED.names], names=_SHUFFLED.names).cast(_SHUFFLED)


def _write(frame: DataFrame, outputs: Sequence[str], mix: Mix) -> dict[str, tuple[int, str]]:
    """Create one object of each part, and return its bytes and checksum by path."""
    group_rows = mix.row_group_rows

    def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with user_errors_marked():
            current: _Part | None = None
            # A partition holds one part as a rule; where Spark joins small partitions, their parts follow one another.
            for batch in batches:
                part = batch.column("part").to_numpy()
                starts = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(part)]
                for start, end in itertools.pairwise(starts):
                    if start == end:
                        continue
                    if current is None or current.number != part[start]:
                        if current:
                            yield current.commit()
                        current = _Part(int(part[start]), outputs[part[start]], group_rows)
                    current.add(batch.slice(start, end - start))
            if current:
                yield current.commit()

    return _by_path(frame.mapInArrow(body, _FINGERPRINT_DDL))


class _Part:
    """One output object in the making: compressed row groups, the rows of the next one, and counts."""

    def __init__(self, number: int, path: str, group_rows: int) -> None:
        self.number, self._path, self._group_rows = number, path, group_rows
        self._writer = tables.Writer(MIXTURE)
        self._waiting: list[pa.RecordBatch] = []
        self._sums: list[pa.Table] = []  # rows and tokens of each row group, by all counted columns together

    def add(self, batch: pa.RecordBatch) -> None:
        self._waiting.append(batch)
        while sum(waiting.num_rows for waiting in self._waiting) >= self._group_rows:
            self._flush(self._group_rows)

    def _flush(self, rows: int) -> None:
        waiting = pa.Table.from_batches(self._waiting)
        group, rest = waiting.slice(0, rows), waiting.slice(rows)
        self._waiting = rest.to_batches() if rest.num_rows else []
        self._sums.append(group.group_by(_COUNTED).aggregate([("n_tokens", "count"), ("n_tokens", "sum")]))
        # Contiguous columns: pages, and so the file's bytes, then do not depend on how Spark cut the batches.
        self._writer.add(group.select(MIXTURE.names).cast(MIXTURE).combine_chunks())

    def commit(self) -> pa.RecordBatch:
        if self._waiting:
            self._flush(self._group_rows)
        sums = pa.concat_tables(self._sums)
        rows, tokens = (pc.sum(sums.column(name)).as_py() for name in ("n_tokens_count", "n_tokens_sum"))
        data = self._writer.finish({"rows": rows, "tokens": tokens, "counts": {column: _counts(sums, column) for column in _COUNTED}})
        if storage.create(self._path, data):
            size, checksum = len(data), hashlib.sha256(data).hexdigest()
        else:  # another try of this task was first, perhaps with another version of the Parquet library
            size, checksum = _fingerprint(self._path)
        return _fingerprint_batch(self._path, size, checksum)


def _counts(sums: pa.Table, column: str) -> list[list[Any]]:
    """Value, rows and tokens: lists, as values may be null or numbers; sorted, so that the same rows give the same bytes."""
    table = sums.group_by(column).aggregate([("n_tokens_count", "sum"), ("n_tokens_sum", "sum")])
    return sorted(([row[column], row["n_tokens_count_sum"], row["n_tokens_sum_sum"]] for row in table.to_pylist()), key=str)


def _fingerprints(spark: SparkSession, paths: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Bytes and checksum of objects that an earlier run stored."""
    tasks = list(paths)

    def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with user_errors_marked():
            for batch in batches:
                for number in batch.column(0).to_pylist():
                    yield _fingerprint_batch(tasks[number], *_fingerprint(tasks[number]))

    return _by_path(spark.range(0, len(tasks), 1, len(tasks)).mapInArrow(body, _FINGERPRINT_DDL))


def _fingerprint(path: str) -> tuple[int, str]:
    checksum, size = hashlib.sha256(), 0
    with storage.open_stream(path) as stream:
        while data := stream.read(_CHUNK):
            checksum.update(data)
            size += len(data)
    return size, checksum.hexdigest()


def _fingerprint_batch(path: str, size: int, checksum: str) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"path": [path], "bytes": [size], "sha256": [checksum]})


def _by_path(frame: DataFrame) -> dict[str, tuple[int, str]]:
    return {row["path"]: (row["bytes"], row["sha256"]) for row in frame.toArrow().to_pylist()}


def _finish(run: Run, folder: str, plan: Plan, paths: Sequence[str], prints: dict[str, tuple[int, str]]) -> None:
    """Write the dataset card and, last, the manifest. Raises `UserError` if the files do not hold what was planned."""
    notes = [footer.note for footer in tables.footers(paths)]
    rows, tokens = (sum(note[key] for note in notes) for key in ("rows", "tokens"))
    if (rows, tokens) != (plan.rows, plan.tokens):
        raise UserError(
            f"the files hold {rows:,} rows and {tokens:,} tokens, but {plan.rows:,} and {plan.tokens:,} were planned",
            where=folder,
            cure="an input object changed while the stage ran; remove the folder and run again",
        )
    files = [
        {"name": storage.name_of(path), "rows": note["rows"], "tokens": note["tokens"], "bytes": prints[path][0], "sha256": prints[path][1]}
        for path, note in zip(paths, notes, strict=True)
    ]
    manifest = {
        "rows": rows,
        "tokens": tokens,
        "bytes": sum(size for size, _ in prints.values()),
        "components": [{**asdict(part), "epochs": round(part.epochs, 6)} for part in plan.components],
        "left_out": plan.left_out,
        "counts": _summed(notes),
        "files": files,
        **_provenance(run),
    }
    storage.put(storage.join(folder, "README.md"), dataset_card(manifest).encode())
    storage.create(storage.join(folder, MANIFEST), orjson.dumps(manifest, option=orjson.OPT_INDENT_2))


def _summed(notes: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Rows and tokens by each counted column, most tokens first; a value is null where rows have none."""
    result = {}
    for column in _COUNTED:
        sums: dict[Any, list[int]] = {}
        for note in notes:
            for value, rows, tokens in note["counts"].get(column, []):
                count = sums.setdefault(value, [0, 0])
                count[0] += rows
                count[1] += tokens
        ranked = sorted(sums.items(), key=lambda item: (-item[1][1], str(item[0])))
        result[column] = [{"value": value, "rows": rows, "tokens": tokens} for value, (rows, tokens) in ranked]
    return result


def _provenance(run: Run) -> dict[str, Any]:
    """What made the tables: config, model, recipes, checks and versions, as their stages noted them."""
    notes = {stage: _stage_note(storage.join(run.output, table)) for stage, table in _TABLES.items()}
    rewrite, judge = (notes[stage].get("meaning", {}) for stage in ("rewrite", "filter"))
    # Environment variables and extra arguments of an engine may hold secrets; where the run was stored and Spark's settings change no row.
    config = run.model_dump(mode="json", exclude={"output": True, "spark": True, "engine": {"env", "args", "extra_body"}})
    return {
        "config": config,
        "engine": {key: rewrite.get(key) for key in ("model", "revision")},
        "recipes": rewrite.get("recipes", {}),
        "classifier": judge.get("checks"),
        "stages": {stage: note.get("digest") for stage, note in notes.items()},
        "versions": {
            "rephrase": __version__,
            **{stage: note["version"] for stage, note in notes.items() if "version" in note},
            **{name: version(name) for name in ("pyarrow", "pyspark")},
        },
    }


def _stage_note(folder: str) -> dict[str, Any]:
    try:
        note: dict[str, Any] = orjson.loads(storage.read(storage.join(folder, "_stage.json")))
    except FileNotFoundError:
        return {}
    return note


def _file_name(number: int, files: int) -> str:
    return f"part-{number:0{max(5, len(str(files - 1)))}d}.parquet"


def _words(sums: dict[str, float], seconds: float) -> str:
    tokens = sums.get("tokens", 0)
    return f"{sums['rows']:,.0f} rows, {tokens:,.0f} tokens, {tokens / max(seconds, 0.001):,.0f} tokens/s" if tokens else ""


if __name__ == "__main__":
    from jobs.cli import stage_main

    stage_main("mix")
