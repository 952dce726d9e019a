"""Locations: paths of this machine, and URLs of the schemes that stores are registered for. Also what other tools write for the same."""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import unquote

from rephrase.errors import UserError
from rephrase.settings.kinds import Kinds

stores: Kinds[Any] = Kinds("store", ("rephrase.storage.s3", "rephrase.storage.cloud", "rephrase.storage.hub", "rephrase.storage.hadoop"))
"""All stores by their URL schemes: see `rephrase.storage.base`. They are listed here, as a config may only name what can be reached."""

_SAME = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "abfs": "az", "abfss": "az", "azure": "az"}
"""Other names of the schemes of stores, most of them Hadoop's."""
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(/.*)", re.DOTALL)  # of one letter are Windows' drives
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_MAX_LENGTH = 4096  # what systems take
_MAX_SHOWN = 200


def location(path: str) -> str:
    """A location as stores know it: `s3a://` is `s3://`, `file://` a path, and `~` the home folder.

    Raises `UserError` for a URL that no store is registered for, and for what is no path here.

    >>> location("s3a://bucket/crawl"), location("file:///data/my%20crawl")
    ('s3://bucket/crawl', '/data/my crawl')
    """
    if "\0" in path:
        raise UserError("the path holds a NUL character", where=_shown(path), cure="write it without")
    if len(path) > _MAX_LENGTH:
        raise UserError(f"the path is longer than {_MAX_LENGTH:,} characters", where=_shown(path), cure="write a shorter one")
    url = _URL.fullmatch(path)
    if url is None:
        if _WINDOWS.match(path) and not os.path.exists(path):
            raise UserError("this is a path of Windows", where=_shown(path), cure="write it as this system knows it, such as /mnt/c/data")
        return os.path.expanduser(path)
    scheme, rest = url[1].lower(), url[2]
    if scheme == "file":
        return _path_of(path, rest)
    if not rest.startswith("//") and os.path.lexists(path):
        return path  # a folder whose name ends in a colon
    scheme = scheme if scheme in stores else _SAME.get(scheme, scheme)
    if scheme not in stores:
        raise UserError(f"there is no store for {scheme}://", where=_shown(path), cure=_cure(scheme))
    if not rest.startswith("//"):
        raise UserError(f"{scheme}: is followed by one slash", where=_shown(path), cure=f"write {scheme}:/{rest}")
    return f"{scheme}:{rest}"


def is_url(path: str) -> bool:
    """Whether a location, as `location` gives it, is of a store."""
    scheme, separator, _ = path.partition("://")
    return bool(separator) and scheme in stores


def check_takes(path: str) -> None:
    """Raise a `UserError` where a location, as `location` gives it, is of a store that is only read."""
    scheme = path.partition("://")[0]
    if is_url(path) and stores.find(scheme).read_only:
        writable = ", ".join(f"{name}://" for name, store in stores.items() if not store.read_only)
        raise UserError(f"{scheme}:// is read, and not written", where=_shown(path), cure=f"write a folder, or a URL of {writable}")


def _path_of(url: str, rest: str) -> str:
    """The path of a file URL."""
    host, path = "", rest
    if rest.startswith("//"):
        host, _, path = rest[2:].partition("/")
        path = f"/{path}"
    if host not in ("", "localhost"):
        raise UserError(f"`{host}` is another machine", where=_shown(url), cure="write file:/// and an absolute path")
    return path if os.path.exists(path) else unquote(path)


def _cure(scheme: str) -> str:
    schemes = ", ".join(f"{name}://" for name in stores.names())
    more = "; download it first" if scheme in ("http", "https", "ftp") else "; a package can add a store"
    return f"write a path, or a URL of {schemes}{more}"


def _shown(path: str) -> str:
    return repr(path)[1:-1][:_MAX_SHOWN]
