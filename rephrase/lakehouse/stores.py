"""What pyiceberg and deltalake are told of stores, beside what they read from the environment themselves."""

from __future__ import annotations

import os
import re

from rephrase.errors import UserError

_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


def for_pyiceberg() -> dict[str, str]:
    """Properties of a catalog, or of a table: where S3 is."""
    endpoint, region = _endpoint(), _region()
    return ({"s3.endpoint": endpoint} if endpoint else {}) | ({"s3.region": region} if region else {})


def for_deltalake(location: str) -> dict[str, str]:
    """The `storage_options` of a table. Raises `UserError` for a location that deltalake would take for another."""
    if escape := _ESCAPE.search(location):
        what = f"deltalake takes `{escape[0]}` in a location for an escaped sign, and looks into another folder"
        raise UserError(what, where=location, cure="use a folder whose name has no such part")
    if not location.startswith("s3://"):
        return {}
    options = {"AWS_REGION": _region() or "us-east-1"}
    if endpoint := _endpoint():
        options |= {"AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": str(endpoint.startswith("http://")).lower()}
    return options


def _endpoint() -> str:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""


def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
