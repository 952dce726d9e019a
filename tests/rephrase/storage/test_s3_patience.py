"""A gateway that goes away and comes back is waited for, by many calls at once too; one that never was there is told soon."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from rephrase import UserError, storage
from rephrase.storage import s3, s3_patience
from tests.ceph import Ceph
from tests.relay import Relay

ON_BOTH = pytest.mark.parametrize("gateway", ["moto", "ceph"], indirect=True)
ON_MOTO = pytest.mark.parametrize("gateway", ["moto"], indirect=True)


@pytest.fixture
def gateway(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Relay | Ceph, str]]:
    """A gateway, and a bucket behind it. A call to it is made twice by the client itself, and after that only by our own patience."""
    place = request.getfixturevalue("bucket" if request.param == "moto" else "ceph_bucket")
    server: Relay | Ceph = Relay(os.environ["AWS_ENDPOINT_URL"]) if request.param == "moto" else request.getfixturevalue("ceph_server")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setattr(s3, "_ATTEMPTS", 2)
    monkeypatch.setattr(s3_patience, "_has_answered", False)
    monkeypatch.setattr(s3_patience, "_LONGEST_PAUSE", 1.0)
    s3._client_of_process.cache_clear()
    yield server, place
    s3._client_of_process.cache_clear()
    if isinstance(server, Relay):
        server.end()


@ON_BOTH
def test_calls_of_many_threads_wait_for_a_gateway_that_comes_back(gateway: tuple[Relay | Ceph, str]) -> None:
    server, place = gateway
    for number in range(130):  # more than the client's own allowance of retries
        storage.put(f"{place}/in/{number}", b"%d" % number)
    stream = storage.open_stream(f"{place}/in/7")
    server.away()
    back = threading.Timer(3, server.back)
    back.start()
    with ThreadPoolExecutor(32) as pool:
        read = [pool.submit(storage.read, f"{place}/in/{number}") for number in range(130)]
        stored = [pool.submit(storage.create, f"{place}/out/{number}", b"x") for number in range(20)]
        names = pool.submit(lambda: [storage.name_of(file.path) for file in storage.list_files(f"{place}/in")])
        assert [each.result() for each in read] == [b"%d" % number for number in range(130)]
        assert all(each.result() for each in stored)
        assert len(names.result()) == 130
    back.join()
    assert stream.read() == b"7"


@ON_MOTO
def test_one_that_stays_away_is_told_when_patience_ends(gateway: tuple[Relay | Ceph, str], monkeypatch: pytest.MonkeyPatch) -> None:
    server, place = gateway
    storage.put(f"{place}/object", b"x")
    monkeypatch.setenv("REPHRASE_S3_PATIENCE", "2")
    server.away()
    began = time.monotonic()
    with pytest.raises(UserError, match="does not answer"):
        storage.read(f"{place}/object")
    assert time.monotonic() - began >= 2


@ON_MOTO
def test_a_wrong_address_is_not_waited_for(gateway: tuple[Relay | Ceph, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_patience, "_has_answered", False)
    server, place = gateway
    server.away()
    began = time.monotonic()
    with pytest.raises(UserError, match="does not answer"):
        storage.read(f"{place}/object")
    assert time.monotonic() - began < 60
