"""Whatever S3 refuses is one line with its words and a cure."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest

from rephrase import UserError, storage
from rephrase.storage import s3


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Sets what a server that is no better says to all calls: status, code, words, or a whole body."""
    answer: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(answer["status"])
            self.send_header("Content-Length", str(len(answer["body"])))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer["body"])

        do_HEAD = do_PUT = do_DELETE = do_GET  # noqa: N815  # names that the server looks for

        def log_message(self, *_: Any) -> None:
            pass

    def set_to(status: int, code: str = "", words: str = "", body: bytes = b"") -> None:
        xml = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{words}</Message></Error>".encode()
        answer.update(status=status, body=body or xml)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x", "REGION": "us-east-1", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setattr(s3, "_ATTEMPTS", 1)
    monkeypatch.setenv("REPHRASE_S3_PATIENCE", "0")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers keys
    s3._client_of_process.cache_clear()
    yield set_to
    s3._client_of_process.cache_clear()
    server.shutdown()
    server.server_close()


CALLS: dict[str, Callable[[str], object]] = {
    "create": lambda path: storage.create(path, b"x"),
    "put": lambda path: storage.put(path, b"x"),
    "read": storage.read,
    "range": lambda path: storage.read_into(path, 0, memoryview(bytearray(4))),
    "list": lambda path: list(storage.list_files(path)),
    "delete": storage.delete,
}


@pytest.mark.parametrize("call", CALLS)
def test_any_call_tells_of_a_refusal(answers: Callable[..., None], call: str) -> None:
    answers(400, "ExpiredToken", "These are the words.")
    with pytest.raises(UserError, match="no longer valid") as refused:
        CALLS[call]("s3://bucket/key")
    assert refused.value.line().startswith("s3://bucket/key: S3 refuses (ExpiredToken): These are the words.")


@pytest.mark.parametrize(
    ("status", "code", "cure"),
    [
        (403, "AccessDenied", "credentials"),
        (403, "RequestTimeTooSkewed", "clock"),
        (403, "InvalidObjectState", "restore"),
        (400, "IllegalLocationConstraintException", "AWS_REGION"),
        (503, "SlowDown", "run again"),
        (501, "NotImplemented", "If-None-Match"),
        (404, "NoSuchBucket", "create it"),
        (418, "SomethingNew", "AWS_ENDPOINT_URL"),
    ],
)
def test_a_refusal_is_one_line_with_a_cure(answers: Callable[..., None], status: int, code: str, cure: str) -> None:
    answers(status, code, "These are the words.")
    with pytest.raises(UserError) as refused:
        storage.read("s3://bucket/key")
    assert cure in refused.value.cure
    assert code == "NoSuchBucket" or f"({code}): These are the words." in refused.value.what


@pytest.mark.parametrize("status", [400, 403, 301])
def test_a_refusal_without_words_is_told_too(answers: Callable[..., None], status: int) -> None:
    answers(status)
    with pytest.raises(UserError, match=r"credentials|AWS_REGION"):
        storage.exists("s3://bucket/key")
    with pytest.raises(UserError, match=r"credentials|AWS_REGION"):
        storage.expand("s3://bucket/key")


def test_a_server_that_is_no_store_is_told(answers: Callable[..., None]) -> None:
    answers(200, body=b"<html>not a store")
    with pytest.raises(UserError, match=r"S3 refuses|no answer of S3"):
        list(storage.list_files("s3://bucket/key"))


@pytest.mark.parametrize(
    ("variables", "what"),
    [
        ({"AWS_ENDPOINT_URL": "localhost:9000"}, "http://host:port"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "does not answer"),
        ({"AWS_PROFILE": "no-such-profile"}, "no-such-profile"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}, "no AWS credentials found"),
    ],
)
def test_what_is_wrong_before_a_call_is_told(
    answers: Callable[..., None], monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], what: str
) -> None:
    answers(200)
    for name, value in variables.items():
        monkeypatch.setenv(name, value) if value != "" else monkeypatch.delenv(name)
    with pytest.raises(UserError, match=what):
        storage.read("s3://bucket/key")


def test_a_connection_that_breaks_after_the_last_byte_loses_nothing(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.put(f"{bucket}/object", b"all of it")
    body = s3.ResumingBody(f"{bucket}/object")
    assert body.read(9) == b"all of it"

    def broken(_size: int) -> bytes:
        raise ConnectionResetError

    monkeypatch.setattr(body, "_body", type("Broken", (), {"read": staticmethod(broken)}))
    monkeypatch.setattr(s3, "_pause", lambda _attempt: 0)
    assert body.read(9) == b""


def test_ranges_of_nothing_are_not_asked_for(bucket: str) -> None:
    storage.put(f"{bucket}/object", b"0123456789")
    assert storage.store_of(bucket).read_range(f"{bucket}/object", 5, 5) == b""
