"""Fixtures that several folders share. All are made once a session, on first use."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import orjson
import pytest

from classifiers.fasttext.settings import TrainSettings
from classifiers.fasttext.train import Report, train
from rephrase.config.run import Spark
from rephrase.engines.processes import Process
from rephrase.engines.vllm.engine import Vllm, find_or_start, launch
from rephrase.engines.vllm.servers import ServerInfo, stop_all
from rephrase.engines.vllm.settings import VllmSettings
from rephrase.spark.runtime.session import LazySession
from tests.classifiers.texts import labelled
from tests.tiny_model import ENGINE as TINY_ENGINE

# The files that take minutes, longest first.
_LONG = ["test_kills.py", "test_rewrite.py", "test_real_engine.py", "test_pipeline.py", "test_standalone.py", "test_faulty_s3.py"]

os.environ["SPARK_CONF_DIR"] = str(Path(__file__).with_name("spark"))
hypothesis.settings.register_profile("rephrase", deadline=None)  # a busy machine is no fault of the program
hypothesis.settings.load_profile("rephrase")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where processes share the files, begin with the long ones: none is then left to one process when the others have nothing to do."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: _LONG.index(item.path.name) if item.path.name in _LONG else len(_LONG))


@pytest.fixture(scope="session")
def quality(tmp_path_factory) -> Report:
    """A small quality model with its card."""
    folder = tmp_path_factory.mktemp("quality")
    path = folder / "labels.jsonl"
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in labelled(300)))
    return train(str(path), str(folder / "model"), TrainSettings(dim=10, epoch=25, learning_rate=0.5))


@pytest.fixture(scope="session")
def topics_encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a tiny encoder that tells three topics apart: see tests/tiny_encoder.py."""
    from tests.tiny_encoder import make_tiny_encoder

    return str(make_tiny_encoder(tmp_path_factory.mktemp("encoders") / "topics"))


@pytest.fixture(scope="session")
def grades_encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a tiny encoder that gives a number from 0 to 5."""
    from tests.tiny_encoder import make_tiny_encoder

    return str(make_tiny_encoder(tmp_path_factory.mktemp("encoders") / "grades", grades=True))


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The URL of a moto server; the AWS variables of this process and its children point to it.

    With REPHRASE_TEST_S3=1 it is the server, a real one, that the AWS variables name.
    """
    if os.environ.get("REPHRASE_TEST_S3") == "1":
        yield os.environ["AWS_ENDPOINT_URL"]
        return
    from moto.s3.responses import S3Response
    from moto.server import ThreadedMotoServer

    put, turn = S3Response.put_object, threading.Lock()

    def put_alone(response: S3Response) -> Any:
        with turn:  # moto looks whether an object is there and stores it as two steps, between which another thread may come
            return put(response)

    patch = pytest.MonkeyPatch()
    patch.setattr(S3Response, "put_object", put_alone)
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    yield settings["AWS_ENDPOINT_URL"]
    server.stop()
    patch.undo()
    for name, value in before.items():
        if value is None:
            os.environ.pop(name)
        else:
            os.environ[name] = value


@pytest.fixture
def bucket(s3_server: str) -> str:
    """The s3:// URL of a new bucket."""
    import boto3

    name = f"bucket-{uuid.uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(Bucket=name)
    return f"s3://{name}"


@pytest.fixture(scope="session")
def spark(s3_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LazySession]:
    """One local Spark for all tests that do not need a cluster. It knows the S3 server, as its workers inherit the environment.

    It is started at once, also for tests that stop it for a session of their own: a process keeps the JVM of its first session,
    with that session's settings and the environment of that moment, which must not be those of one test.
    """
    warehouse = str(tmp_path_factory.mktemp("warehouse"))  # else in the working directory
    session = LazySession(Spark(master="local[2]", conf={"spark.sql.shuffle.partitions": 2, "spark.sql.warehouse.dir": warehouse}))
    session.get()
    yield session
    session.stop()


@pytest.fixture(scope="session")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tokenizer.json: a small byte-level BPE trained on the standard library's help texts, with a control token."""
    from pydoc_data import topics

    from tokenizers import Tokenizer as Inner
    from tokenizers import models, pre_tokenizers, trainers

    inner = Inner(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=2000, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    inner.train_from_iterator(list(topics.topics.values())[:40], trainer)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    inner.save(str(path))
    return str(path)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random Llama."""
    from tests.tiny_model import make_tiny_model

    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny-llama")


class SharedVllm:
    """The session's one vLLM server. It belongs to a process that tests may kill: the next engine then gets a new one."""

    def __init__(self, model: Path) -> None:
        self.config = VllmSettings(kind="vllm", model=str(model), args=TINY_ENGINE["args"], env=TINY_ENGINE["env"])
        self._sleeper: subprocess.Popen[bytes] | None = None

    @property
    def owner(self) -> Process:
        """The process that the server belongs to, alive."""
        if self._sleeper is None or self._sleeper.poll() is not None:
            self._sleeper = subprocess.Popen(["sleep", "infinity"])
        return Process.of(self._sleeper.pid)

    def engine(self, **changes: Any) -> Vllm:
        """A new engine on the server, with some of the config's fields changed. It lives in one event loop."""
        return Vllm(self.config.model_copy(update=changes), owner=self.owner)

    def server(self) -> ServerInfo:
        """The server, started if need be."""
        return find_or_start(launch(self.config), self.owner)

    def end(self) -> None:
        """End the server and its owner."""
        if self._sleeper is not None:
            stop_all(self.owner)
            self._sleeper.kill()
            self._sleeper.wait()


@pytest.fixture(scope="session")
def vllm(tiny_model: Path) -> Iterator[SharedVllm]:
    """A vLLM server with a tiny random model, shared by all tests of the session."""
    if importlib.util.find_spec("vllm") is None:
        pytest.skip("vLLM is not installed")
    shared = SharedVllm(tiny_model)
    yield shared
    shared.end()
