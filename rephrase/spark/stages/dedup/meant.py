"""What a search by meaning compares, and the making of it: the embeddings of each object, and the centres of their clusters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from rephrase import storage
from rephrase.errors import UserError
from rephrase.spark.stages.base import Table
from rephrase.spark.stages.dedup.clustered import make_centroids
from rephrase.spark.stages.dedup.embedding import EMBEDDINGS, NEEDED_BY, Embedded, embed
from rephrase.spark.stages.dedup.meaning_search import Meant
from rephrase.spark.stages.dropped import duplicates_of
from rephrase.text.embeddings import folder_digest

if TYPE_CHECKING:
    from rephrase.config.duplicates import Dedup
    from rephrase.config.run import Run
    from rephrase.spark.runtime.job import Job
    from rephrase.spark.stages.dedup.searched import Searched

_CENTROIDS = "_centroids.npy"


def meant_by(run: Run, table: Table, searched: Sequence[Searched]) -> Meant | None:
    """What the search of a table compares by meaning; None where the config has no `dedup.semantic`.

    Embeddings lie as signatures do, below the folder of duplicates; those of another model in another folder. Raises `UserError` where
    the model's folder is missing, or an earlier run that is named has no embeddings by this model.
    """
    assert run.dedup is not None
    semantic = run.dedup.semantic
    if semantic is None:
        return None
    digest = folder_digest(semantic.model, NEEDED_BY)
    embedded = []
    for here in searched:
        signatures, _, name = here.signatures.rpartition("/")
        duplicates = signatures.rpartition("/")[0].rpartition("/")[0]
        there = storage.join(duplicates, EMBEDDINGS, digest, name)
        if not here.path and not storage.exists(there):
            cure = "search it again with this `semantic`, or leave it out of `dedup.against`"
            raise UserError("an earlier run has no embeddings by this model", where=duplicates, cure=cure)
        embedded.append(Embedded(here, there))
    own = duplicates_of(table).folder(run.output)
    return Meant(embedded, semantic, storage.join(own, EMBEDDINGS, digest, _CENTROIDS))


def make_embeddings(job: Job, meant: Meant, settings: Dedup) -> None:
    """Store what is missing."""
    embedded, semantic, score = list(meant.embedded), meant.semantic, settings.score

    def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            counts = [embed(embedded[number], semantic, score) for number in batch.column(0).to_pylist()]
            yield pa.RecordBatch.from_pydict({"texts": counts})

    numbers = job.spark.range(0, len(embedded), 1, len(embedded))
    counted = numbers.mapInArrow(job.reporting(body), "texts long").groupBy().sum("texts")
    texts = job.run(counted.toArrow, about="embeddings").to_pylist()[0]["sum(texts)"] or 0
    make_centroids(job, embedded, semantic, settings.seed, texts, meant.centroids)
