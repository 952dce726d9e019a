"""Transfer and content encodings of HTTP bodies, undone as far as they can be."""

from __future__ import annotations

import functools
import io
import re
import zlib

from rephrase.readers.codecs import Codec, Gzip, Zstd
from rephrase.readers.sniffing import is_text

_CHUNK = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]{0,4096})?\r?\n")
_LINE_END = re.compile(rb"\r?\n")
_ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
_READ = 1 << 18
_SHORT = 64  # bytes of a compressed body that may be text by chance


def join_chunks(body: bytes) -> tuple[bytes, bool]:
    """The chunks of a body as one; and whether it ends before the last. What is not chunked has been joined already.

    Where a chunk is damaged, those before it are what can be had.
    """
    parts: list[bytes] = []
    at = len(body) - len(body.lstrip(b"\r\n"))
    while chunk := _CHUNK.match(body, at):
        start, size = chunk.end(), int(chunk[1], 16)
        if size == 0:
            return b"".join(parts), False
        end = _LINE_END.match(body, start + size) if start + size <= len(body) else None
        if not end and start + size < len(body):  # its size is wrong, or no size
            break
        parts.append(body[start : start + size])
        if not end:
            break
        at = end.end()
    return (b"".join(parts), True) if parts else (body, False)


def undo(encoding: str, body: bytes, limit: int) -> tuple[bytes, bool]:
    """The body without one encoding, cut off after about `limit` bytes; and whether it ends early.

    One that is not so encoded, or by an encoding that is not known, is left as it is. Raises ValueError for damage.
    """
    encoding = encoding.removeprefix("x-")
    if encoding in ("gzip", "deflate") and Gzip().begins(body):  # servers confuse the two
        return _members(body, limit, Gzip())
    if encoding in ("zstd", "zst"):
        return _members(body, limit, Zstd())
    if encoding == "deflate" or (encoding == "gzip" and _ZLIB.match(body) and not is_text(body)):
        return _undo_deflate(body, limit)
    if encoding in ("br", "brotli"):
        return _undo_brotli(body, limit), False
    return body, False


def _ahead(body: bytes, at: int, size: int) -> bytes:
    return body[at : at + size]


def _members(body: bytes, limit: int, codec: Codec) -> tuple[bytes, bool]:
    """All members of a body. What follows the last one and is none is left out, as gzip does."""
    parts: list[bytes] = []
    at = size = 0
    while size < limit and codec.begins(head := body[at : at + codec.head_bytes]):
        try:
            decoder = codec.decoder(head, functools.partial(_ahead, body, at))
            while size < limit and not decoder.eof:
                piece = body[at : at + codec.piece]
                if not piece and not size:
                    raise EOFError("it ends before any of it")  # noqa: TRY301
                if not piece:
                    return b"".join(parts), True
                parts.append(decoder.decompress(piece))
                size += len(parts[-1])
                at += len(piece)
        except Exception as error:  # zlib and zstandard have errors of their own
            raise ValueError(f"damaged {codec.name} body: {error}") from error
        at -= len(decoder.unused_data)
    return (b"".join(parts), False) if at else (body, False)


def _undo_deflate(body: bytes, limit: int) -> tuple[bytes, bool]:
    if len(body) > _SHORT and is_text(body):
        return body, False
    failure = ""
    for window in (zlib.MAX_WBITS, -zlib.MAX_WBITS):  # many servers send raw deflate
        decoder = zlib.decompressobj(window)
        try:
            plain = decoder.decompress(body, limit)
        except zlib.error as error:
            failure = failure or str(error)
            continue
        if decoder.eof or len(plain) >= limit:
            return plain, False
        if plain and not is_text(body):
            return plain, True
    if is_text(body):
        return body, False
    raise ValueError(f"damaged deflate body: {failure}")


def _undo_brotli(body: bytes, limit: int) -> bytes:
    from fastwarc.stream_io import BrotliReader

    if len(body) > _SHORT and is_text(body):  # brotli has no first bytes of its own
        return body
    reader = BrotliReader(io.BytesIO(body))
    parts: list[bytes] = []
    size = 0
    try:
        while size < limit and (part := reader.read(_READ)):
            parts.append(part)
            size += len(part)
    except OSError as error:
        if is_text(body):
            return body
        raise ValueError(f"damaged br body: {error}") from error
    return b"".join(parts)
