"""What obstore's clients raise, in one line with the store's words and a cure."""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Iterator

from rephrase.errors import UserError

BUSY = "run again; it goes on where it was"
_STORES = {
    "gs": ("Google Cloud Storage", "set GOOGLE_APPLICATION_CREDENTIALS, or give the machine a service account"),
    "az": (
        "Azure Blob Storage",
        "set AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_KEY, or give a managed identity",
    ),
}
_UNKNOWN = ("the store", "check its credentials")
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist")
_LOST = ("error sending request", "error decoding response", "timed out", "connection", "429", "500 ", "502 ", "503 ", "504 ")
_RETRY_NOTE = re.compile(r" in [\d.]+.?s(, after \d+ retries, max_retries: \d+, retry_timeout: \S+)?\s+- ")
_TAG = re.compile(r"<(Code|Message)>([^<]*)</")
_LONGEST = 300  # characters of a store's words


@contextlib.contextmanager
def told(path: str, *, makes: bool = False) -> Iterator[None]:
    """Tell what a client raises as FileNotFoundError, or as a `UserError` with the store's own words.

    makes: the call makes or lists objects, so that what is not there can only be the bucket.
    """
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError as error:
        if makes:
            raise _no_bucket(path) from error
        raise FileNotFoundError(errno.ENOENT, "no such object", path) from error
    except ImportError as error:
        raise UserError("the package obstore is not installed", where=path, cure="pip install 'rephrase[obstore]'") from error
    except Exception as error:  # the package's own errors, and ValueError and RuntimeError where its Rust code says so
        raise _fault(path, error) from error


def is_passing(error: Exception) -> bool:
    """Whether the same request may well succeed in a moment."""
    words = _words(str(error))
    return any(mark in words for mark in _LOST)


def _fault(path: str, error: Exception) -> UserError:
    store, keys = _STORES.get(path.partition("://")[0], _UNKNOWN)
    text, kind = str(error), type(error).__name__
    words = _words(text)
    if any(mark in text for mark in _NO_BUCKET):
        return _no_bucket(path)
    if "oken request" in words or "Account must be specified" in words or kind == "UnauthenticatedError":
        return UserError(f"{store} gets no credentials: {words}", where=path, cure=keys)
    if kind == "PermissionDeniedError":
        return UserError(
            f"{store} refuses access: {words}", where=path, cure="give the account the right to read, write, list and delete objects there"
        )
    if kind in ("InvalidPathError", "ValueError"):
        return UserError(f"{store} has no such name: {words}", where=path, cure="write a key without empty parts, `.` and `..`")
    if is_passing(error):
        return UserError(f"{store} does not answer: {words}", where=path, cure=f"check the network; {BUSY}")
    return UserError(f"{store} refuses: {words}", where=path, cure="check the credentials, the bucket's name and its rights")


def _no_bucket(path: str) -> UserError:
    bucket = path.partition("://")[2].partition("/")[0]
    return UserError(f"there is no bucket `{bucket}`", where=path, cure="create it, or check its name and the account")


def _words(text: str) -> str:
    """The store's words without what the client adds for its developers."""
    text, _, _ = text.partition("\n\nDebug source")
    answer = dict(_TAG.findall(text))
    start, _, _ = text.partition("<?xml")
    start = _RETRY_NOTE.sub(": ", start)
    text = (
        f"{start} {answer.get('Code', '')} {answer.get('Message', '').splitlines()[0] if answer.get('Message') else ''}"
        if answer
        else start
    )
    return " ".join(text.split())[:_LONGEST]
