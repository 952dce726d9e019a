"""Fixtures that several folders share. All are made once a session, on first use."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest

from jobs.session import LazySession
from rephrase.config import Spark


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The URL of a moto server; the AWS variables of this process and its children point to it."""
    from moto.server import ThreadedMotoServer

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
def spark(s3_server: str) -> Iterator[LazySession]:
    """One local Spark for all tests that do not need a cluster. It knows the S3 server, as its workers inherit the environment."""
    session = LazySession(Spark(master="local[2]", conf={"spark.sql.shuffle.partitions": 2}))
    yield session
    session.stop()
