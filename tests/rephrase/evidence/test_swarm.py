"""A swarm of a run: bounds by what there is, one pool for all mixtures, and a command that goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rephrase import storage
from rephrase.config.run import Run
from rephrase.errors import UserError
from rephrase.evidence.drawing import Dirichlet
from rephrase.evidence.packed_sequences import open_packed
from rephrase.evidence.pool import Asked, make_swarm
from rephrase.evidence.results import read_rows
from rephrase.evidence.swarm import load_swarm, sequences_of
from rephrase.notes import DocumentsNote
from rephrase.records import DOCUMENT, content_id
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.ledger import claim
from rephrase.spark.stages.meaning import Meaning
from rephrase.storage import tables
from rephrase.text.tokenizer import Tokenizer
from tests.rephrase.evidence.packs import LENGTH, clean, noise
from tests.rephrase.spark.mixtures import run_of

TOKENS = 60 * LENGTH
COMPONENTS = [
    {"origin": "original", "source": "clean", "share": 0.5},
    {"origin": "original", "source": "noise", "share": 0.3, "max_epochs": 2},
    {"origin": "original", "source": "rare*", "share": 0.2, "split_by": "source", "temperature": 2},
]


def write_documents(output: str, tokenizer: Tokenizer) -> dict[str, set[str]]:
    """Documents of three sources, of which one is rare, and their ids."""
    texts = {"clean": clean(1, 60), "noise": noise(2, 60), "rare-a": clean(3, 4), "rare-b": clean(4, 2)}
    rows = [
        {"id": content_id(text), "text": text, "source": source, "n_tokens": tokenizer.count([text])[0], "synthetic_depth": 0}
        for source, several in texts.items()
        for text in several
    ]
    folder = Tables.DOCUMENTS.folder(output)
    claim(folder, Tables.DOCUMENTS, Meaning({"files": {"count": 1}}))
    part = pa.Table.from_pylist([{field.name: row.get(field.name) for field in DOCUMENT} for row in rows], schema=DOCUMENT)
    tables.commit(storage.join(folder, "00000.parquet"), part, DocumentsNote())
    ids = {source: {content_id(text) for text in several} for source, several in texts.items()}
    return {**ids, "rare*": ids["rare-a"] | ids["rare-b"]}


def asked(tokenizer_file: str, **changes: object) -> Asked:
    bounds = {"original clean": (0.2, 0.9)}
    values = {"mixtures": 6, "tokens": TOKENS, "seed": 1, "how": Dirichlet(), "target": None, "bounds": bounds}
    packed = {"tokenizer": tokenizer_file, "eod": "<|endoftext|>", "sequence_length": LENGTH}
    return Asked(**{**values, **packed, **changes})  # type: ignore[arg-type]


def run_in(output: str, tokenizer_file: str, **settings: object) -> Run:
    mix = {"components": COMPONENTS, "budget_tokens": 3 * TOKENS // 4, "max_synthetic_share": 0.5, **settings}
    return run_of(output, **mix).model_copy(update={"tokenizer": tokenizer_file})


def test_a_swarm_of_a_run(tmp_path: Path, spark: LazySession, tokenizer_file: str, tokenizer: Tokenizer) -> None:
    output, folder = str(tmp_path / "out"), str(tmp_path / "swarm")
    ids = write_documents(output, tokenizer)
    run = run_in(output, tokenizer_file)
    swarm, _ = make_swarm(run, spark, folder, asked(tokenizer_file))

    rare, rarest = (sum(tokenizer.count(texts)) for texts in (clean(3, 4), clean(4, 2)))
    reach = rarest * (rare**0.5 + rarest**0.5) / rarest**0.5  # the rarest source of it ends first
    assert swarm.parts[2].highest == pytest.approx(reach / TOKENS, rel=1e-2)
    assert (swarm.parts[0].lowest, swarm.parts[0].highest) == (0.2, 0.9)
    shares = np.array([mixture.shares for mixture in swarm.mixtures])
    assert np.allclose(shares.sum(axis=1), 1)
    assert (shares >= [part.lowest for part in swarm.parts]).all()
    assert (shares <= np.array([part.highest for part in swarm.parts]) + 1e-9).all()
    assert swarm.mixtures[0].name == "present"
    assert shares[0] == pytest.approx([0.5, 0.3, 0.2], abs=0.01)

    export = open_packed(storage.join(folder, "packed"))
    for part, source in zip(swarm.parts, ("clean", "noise", "rare*"), strict=True):  # each file is of one component
        for name in part.shards:
            rows = tables.read(storage.join(export.folder, name), ["ids"]).column("ids").to_pylist()
            assert {one for row in rows for one in row if one} <= ids[source]
    for mixture in swarm.mixtures:  # and what they hold suffices, to within what each file's last sequence and whole texts leave
        block, epochs = sequences_of(swarm, mixture, export, TOKENS)
        assert block.tokens.shape == (60, LENGTH)
        assert max(epochs.values(), default=1.0) < 1.2

    rows = read_rows(storage.join(folder, "swarm.csv"))
    assert [row.mixture for row in rows] == ["present", "001", "002", "003", "004", "005"]
    assert load_swarm(folder) == swarm
    assert make_swarm(run, spark, folder, asked(tokenizer_file))[0] == swarm
    with pytest.raises(UserError, match="--to"):
        make_swarm(run, spark, folder, asked(tokenizer_file, tokens=TOKENS // 2, mixtures=5))
    with pytest.raises(UserError, match=r"at least 0\.9 and can give"):
        make_swarm(run, spark, str(tmp_path / "other"), asked(tokenizer_file, bounds={"original rare*": (0.9, 1.0)}))
    with pytest.raises(UserError, match="there is no component `original cleen`"):
        make_swarm(run, spark, str(tmp_path / "other"), asked(tokenizer_file, bounds={"original cleen": (0.1, 1.0)}))
    assert not (tmp_path / "other").exists()


def test_what_a_swarm_cannot_keep_is_refused(tmp_path: Path, tokenizer_file: str) -> None:
    phases = [{"components": COMPONENTS, "tokens": 10}]
    run = run_in(str(tmp_path), tokenizer_file, components=[], budget_tokens=None, phases=phases)
    with pytest.raises(UserError, match="has phases"):
        make_swarm(run, None, str(tmp_path), asked(tokenizer_file))  # type: ignore[arg-type]
