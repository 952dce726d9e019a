from __future__ import annotations

import orjson
import pytest

from classifiers.settings import TrainSettings
from classifiers.train import Report, train
from tests.classifiers.texts import labelled


@pytest.fixture(scope="session")
def quality(tmp_path_factory) -> Report:
    """A small quality model with its card."""
    folder = tmp_path_factory.mktemp("quality")
    path = folder / "labels.jsonl"
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in labelled(300)))
    return train(str(path), str(folder / "model"), TrainSettings(dim=10, epoch=25, learning_rate=0.5))
