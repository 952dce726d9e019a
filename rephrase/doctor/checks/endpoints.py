"""Engines that are asked over the network: their key, whether they answer, and whether they know the model."""

from __future__ import annotations

import difflib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import orjson

from rephrase.doctor.check import Check
from rephrase.doctor.findings import Outcome
from rephrase.doctor.site import Site
from rephrase.engines.endpoint import EndpointSettings
from rephrase.engines.settings import EngineSettings
from rephrase.engines.vllm.settings import VllmSettings
from rephrase.errors import UserError

_SECONDS = 20
_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_BYTES = 8 << 20


def _endpoints(site: Site) -> Sequence[EndpointSettings]:
    return [engine for engine in site.run.all_engines.by_name.values() if isinstance(engine, EndpointSettings)]


def _look(engine: EndpointSettings, site: Site) -> Outcome:
    del site
    engine.check()
    url = engine.url.rstrip("/") + "/models"
    key = os.environ.get(engine.api_key_env)
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})  # noqa: S310  # http(s) by `check`
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310  # as above
            listed = _names(answer.read(_BYTES))
    except urllib.error.HTTPError as error:
        return _refused(engine, url, error)
    except OSError as error:  # URLError, timeouts and connections that end early
        reason = getattr(error, "reason", None) or error
        raise UserError(f"it does not answer: {reason}", where=url, cure="start the server, or correct engine.url") from error
    except http.client.HTTPException as error:
        what = f"the answer is no HTTP answer: {type(error).__name__} {error}"
        raise UserError(what, where=url, cure="is there another server at this address? correct engine.url") from error
    if listed is None:
        return Outcome(f"{engine.url} answers, but not with a list of models", True, "is engine.url that of the API, up to and with /v1?")
    if engine.model not in listed:
        near = difflib.get_close_matches(engine.model, listed, n=1) or listed[:3]
        cure = f"it has {', '.join(near)}" if near else "it lists none"
        raise UserError(f"it does not know the model `{engine.model}`", where=engine.url, cure=cure)
    return Outcome(f"{engine.url} answers, and knows {engine.model}")


def _refused(engine: EndpointSettings, url: str, error: urllib.error.HTTPError) -> Outcome:
    if error.code in _REFUSED:
        what = f"it refuses the key in {engine.api_key_env}" if os.environ.get(engine.api_key_env) else "it wants a key"
        raise UserError(
            f"{what} ({error.code})", where=url, cure=f"set {engine.api_key_env} to a valid one, on the executors too"
        ) from error
    if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise UserError(f"it answers with {error.code} {error.reason}", where=url, cure="look at the server's log") from error
    return Outcome(f"{engine.url} answers, but does not list its models ({error.code})", True, "is engine.url right, up to and with /v1?")


def _names(body: bytes) -> list[str] | None:
    """The ids of a list of models; None for what is none."""
    try:
        data: Any = orjson.loads(body)
        return [str(model["id"]) for model in data["data"]]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None


def _others(site: Site) -> Sequence[EngineSettings]:
    known = (EndpointSettings, VllmSettings)
    return [engine for engine in site.run.all_engines.by_name.values() if not isinstance(engine, known)]


def _other(engine: EngineSettings, site: Site) -> Outcome:
    engine.check(here=site.has_tasks)
    return Outcome(engine.notice or f"{engine.kind}: {engine.model_name}")


ENDPOINTS = Check("endpoint", _endpoints, _look, "is the address right, and is there a firewall?")
OTHERS = Check("engine", _others, _other)
