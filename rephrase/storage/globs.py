"""Which files a path, a folder or a glob names, in any store alike."""

from __future__ import annotations

import fnmatch
import re

from rephrase.errors import UserError
from rephrase.storage.base import FileInfo, Store
from rephrase.storage.file_list import FileList

_MAGIC = re.compile(r"[*?\[]")
_TOKEN = re.compile(r"(\*\*/|\*\*|\*|\?|\[[^\]]*\]|/)")
_SHOWN = r"(?![._])"
"""Before the name of a file or a folder: it is no note and no draft."""
_BELOW = rf"(?:/+{_SHOWN}[^/]+)+"  # the keys of stores have empty parts too
_FOLDER_MARKER = "_$folder$"
"""Ends the names of the objects by which Hadoop marks folders."""


def input_files(store: Store, pattern: str) -> FileList:
    """The data that a pattern names, sorted by path: see `rephrase.storage.expand`. Raises `UserError` where a name is no text."""
    files = _literal(store, pattern)
    if not files and _MAGIC.search(pattern):
        files = _matching(store, pattern)
    for path in files.paths():
        if not path.isprintable() and not _is_text(path):
            raise UserError("the name of a file is not UTF-8", where=ascii(path)[1:-1], cure="rename it")
    return files


def _literal(store: Store, path: str) -> FileList:
    """The file or the folder of this very name."""
    file = None if path.endswith("/") else store.about(path)
    if file and file.size:
        return FileList([file])
    files = _fitting(store, path, _BELOW)
    return FileList([file]) if file and not files else files


def _matching(store: Store, pattern: str) -> FileList:
    """The files that match, or all below the folders that do."""
    parts = pattern.split("/")
    last = next((n for n, part in enumerate(parts) if _MAGIC.search(part) and not _is_folder(store, "/".join(parts[: n + 1]))), None)
    if last is None:
        return FileList()
    if "://" in pattern and last < 3:  # the bucket's name
        raise UserError("a pattern stands below a bucket", where=pattern, cure="name the bucket in full")
    base = "/".join(parts[:last]) or ("/" if pattern.startswith("/") else ".")
    regex = _regex("/" + "/".join(parts[last:]))
    return _fitting(store, base, regex) or _fitting(store, base, regex + _BELOW)


def _is_folder(store: Store, path: str) -> bool:
    return next(iter(store.list_files(path)), None) is not None


def _fitting(store: Store, folder: str, regex: str) -> FileList:
    """The files below a folder whose paths, seen from it, match; without markers of folders."""
    start = len(folder.rstrip("/"))
    matcher = re.compile(regex, re.DOTALL)
    listed = FileList(file for file in store.list_files(folder) if not file.path.endswith(("/", _FOLDER_MARKER)))
    folders: set[str] = set()
    if 0 in listed.sizes:  # which may stand for folders
        folders = {path[: slash.start()] for path in listed.paths() for slash in re.finditer("/", path)}
    if folder != "." and not folders and all(matcher.fullmatch(path, start) for path in listed.paths()):
        return listed
    files = (file for file in listed if (file.size or file.path not in folders) and matcher.fullmatch(file.path, start))
    return FileList(files if folder != "." else map(_without_dot, files))


def _without_dot(file: FileInfo) -> FileInfo:
    """The file by its path from here on; `~/` alone would be the home folder."""
    return file if file.path.startswith("./~") else FileInfo(file.path.removeprefix("./"), file.size, file.modified)


def _regex(pattern: str) -> str:
    """A glob as a regular expression. Signs that stand for any name stand for none that begins with `_` or `.`."""
    special = {"**/": f"(?:{_SHOWN}[^/]+/+)*", "**": f"(?:[^/]|/{_SHOWN})*", "*": "[^/]*", "?": "[^/]", "/": "/"}
    regex, at_start = "", True
    for part in _TOKEN.split(pattern):
        if not part:
            continue
        regex += _SHOWN if at_start and part in ("**", "*", "?") else ""
        regex += special.get(part) or (fnmatch.translate(part)[4:-3] if part.startswith("[") else re.escape(part))
        at_start = part in ("/", "**/")
    return regex


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
