"""Servers that play Google's and Azure's stores on this machine."""

from __future__ import annotations

import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import boto3
import pytest

from rephrase.storage import cloud, s3
from tests import ceph
from tests.rephrase.storage import azurite
from tests.rephrase.storage.google_stand_in import Translator, google


@pytest.fixture(scope="session")
def google_server() -> Iterator[tuple[str, Translator]]:
    with google() as server:
        yield server


def _point_to_google(url: str, patch: pytest.MonkeyPatch) -> str:
    """A new bucket; the environment of the test names the server."""
    patch.setenv("GOOGLE_BASE_URL", url)
    patch.setenv("GOOGLE_BEARER_TOKEN", "test")
    cloud._client.cache_clear()
    name = f"bucket{uuid.uuid4().hex[:12]}"
    urllib.request.urlopen(urllib.request.Request(f"{url}/{name}", method="PUT")).close()
    return f"gs://{name}"


@pytest.fixture
def google_bucket(google_server: tuple[str, Translator], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The gs:// URL of a new bucket."""
    yield _point_to_google(google_server[0], monkeypatch)
    cloud._client.cache_clear()


@pytest.fixture
def careless_bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The gs:// URL of a bucket of a server that takes an object as often as it comes."""
    with google(honours=False) as (url, _):
        yield _point_to_google(url, monkeypatch)
    cloud._client.cache_clear()


@pytest.fixture(scope="session")
def azure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("azurite")
    with azurite.running(folder) as address:
        yield address


@pytest.fixture
def azure_container(azure_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The az:// URL of a new container."""
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", azurite.ACCOUNT)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", azurite.KEY)
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", f"{azure_server}/{azurite.ACCOUNT}")
    cloud._client.cache_clear()
    name = f"container-{uuid.uuid4().hex[:12]}"
    azurite.make_container(azure_server, name)
    yield f"az://{name}"
    cloud._client.cache_clear()


@pytest.fixture(scope="session")
def ceph_server() -> Iterator[ceph.Ceph]:
    if not ceph.is_installed():
        pytest.skip(ceph.MISSING)
    with TemporaryDirectory(prefix="ceph-") as folder, ceph.running(Path(folder)) as server:
        yield server


@pytest.fixture
def ceph_bucket(ceph_server: ceph.Ceph, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The s3:// URL of a new bucket of Ceph; the environment of the test names its gateway."""
    variables = {"ENDPOINT_URL": ceph_server.url, "ACCESS_KEY_ID": ceph.KEY, "SECRET_ACCESS_KEY": ceph.SECRET, "REGION": "us-east-1"}
    for name, value in variables.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers keys
    s3._client_of_process.cache_clear()
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(Bucket=name)
    yield f"s3://{name}"
    s3._client_of_process.cache_clear()
