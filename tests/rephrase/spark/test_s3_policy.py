"""The policy that infra/terraform gives to a run: it allows each call to S3 of a whole run, and nothing that no call needs."""

from __future__ import annotations

import json
import os
import threading
import uuid
from fnmatch import fnmatchcase
from string import Template
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

import boto3
import pytest

from rephrase.config.run import Run
from rephrase.spark import run
from rephrase.spark.runtime.session import LazySession
from tests.places import ROOT
from tests.rephrase.spark.mixtures import HALVES

Call = tuple[str, str]  # an action of IAM, and the ARN of what it is about
POLICY = ROOT / "infra/terraform/store/run-policy.json"


def statements(bucket: str, source: str) -> list[dict[str, Any]]:
    """The policy's statements about S3, for the two buckets, each with one action."""
    names = {"input_arn": f"arn:aws:s3:::{source}", "bucket_arn": f"arn:aws:s3:::{bucket}", "key_arn": "arn:aws:kms:::key/1"}
    policy = json.loads(Template(POLICY.read_text()).substitute(names))
    single = []
    for each in policy["Statement"]:
        actions = [each["Action"]] if isinstance(each["Action"], str) else each["Action"]
        single += [{**each, "Action": action} for action in actions if action.startswith("s3:")]
    return single


def refused(calls: set[Call], allowed: list[dict[str, Any]]) -> set[Call]:
    """The calls that no statement allows."""
    return {call for call in calls if not any(call[0] == each["Action"] and fnmatchcase(call[1], each["Resource"]) for each in allowed)}


@pytest.fixture
def calls(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> set[Call]:
    """What the emulated S3 is asked from now on, by any process, as IAM calls it."""
    if os.environ.get("REPHRASE_TEST_S3") == "1":
        pytest.skip(f"a real server ({s3_server}) does not tell the test what it is asked")
    from moto.s3.responses import ACTION_MAP, S3Response

    seen: set[Call] = set()
    turn = threading.Lock()

    def recorded(kind: str, answer: Any) -> Any:
        def record(response: S3Response, request: Any, full_url: str) -> Any:
            parsed = urlparse(full_url)
            names = ACTION_MAP[kind].get(request.method, {"DEFAULT": f"{request.method} of a {kind}"})
            [action, *_] = [names[part] for part in parse_qs(parsed.query, keep_blank_values=True) if part in names] or [names["DEFAULT"]]
            with turn:
                seen.add((f"s3:{action}", f"arn:aws:s3:::{unquote(parsed.path).strip('/')}"))
            return answer(response, request, full_url)

        return record

    monkeypatch.setattr(S3Response, "_key_response", recorded("KEY", S3Response._key_response))
    monkeypatch.setattr(S3Response, "_bucket_response", recorded("BUCKET", S3Response._bucket_response))
    return seen


@pytest.fixture
def buckets(s3_server: str) -> tuple[str, str]:
    """The names of a bucket for a run, and of one with its pages."""
    client, names = boto3.client("s3", endpoint_url=s3_server), [f"bucket-{uuid.uuid4().hex[:12]}" for _ in range(2)]
    for name in names:
        client.create_bucket(Bucket=name)
    pages = "".join(f'{{"text": "Page {n} has enough words to be read, and to be told again."}}\n' for n in range(6))
    client.put_object(Bucket=names[1], Key="crawl/pages.jsonl", Body=pages.encode())
    return names[0], names[1]


def test_each_call_of_a_run_is_allowed_and_each_allowed_one_is_needed(
    spark: LazySession, buckets: tuple[str, str], calls: set[Call], tokenizer_file: str
) -> None:
    bucket, source = buckets
    settings = {
        "output": f"s3://{bucket}/run",
        "input": {"paths": [f"s3://{source}/crawl/*.jsonl"], "min_characters": 10},
        "tokenizer": tokenizer_file,
        "engine": {"kind": "echo"},
        "recipes": ["wrap/easy"],
        "filter": {"checks": ["finished"]},
        "mix": {"components": HALVES},
    }
    made = run(Run.model_validate(settings), spark.get())
    assert made.manifest["rows"] > 0
    assert len(calls) > 40, "the calls of Python workers are among them"
    allowed = statements(bucket, source)
    assert refused(calls, allowed) == set()
    for each in allowed:
        rest = [other for other in allowed if other is not each]
        assert refused(calls, rest), f"{each['Sid']}: no call needs {each['Action']}"


def test_the_policy_names_no_wildcard_and_no_other_service() -> None:
    policy = json.loads(POLICY.read_text())
    for each in policy["Statement"]:
        actions = [each["Action"]] if isinstance(each["Action"], str) else each["Action"]
        assert not [action for action in actions if "*" in action]
        assert each["Resource"].startswith("${"), "of one bucket or one key"
