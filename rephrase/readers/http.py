"""Bodies of archived HTTP responses, freed from their transfer and content encodings."""

from __future__ import annotations

import io
import zlib


def decode_body(body: bytes, transfer_encoding: str, content_encoding: str, limit: int) -> bytes:
    """The body without its encodings, cut off after about `limit` bytes.

    Crawlers often store a body decoded and keep its headers, so a body that does not look encoded is left as it is. Raises ValueError for
    one that begins well and is damaged further on, and for encodings that are not known.
    """
    if "chunked" in transfer_encoding.lower():
        body = _join_chunks(body)
    for encoding in reversed([name.strip().lower() for name in content_encoding.split(",") if name.strip()]):
        if encoding in ("gzip", "x-gzip"):
            if body.startswith(b"\x1f\x8b"):
                body = _inflate(body, 16 + zlib.MAX_WBITS, limit)
        elif encoding == "deflate":
            body = _undo_deflate(body, limit)
        elif encoding == "br":
            body = _undo_brotli(body, limit)
        elif encoding == "zstd":
            if body.startswith(b"\x28\xb5\x2f\xfd"):
                body = _undo_zstd(body, limit)
        elif encoding not in ("identity", "none", "utf-8"):  # the last is a common mistake of servers
            raise ValueError(f"unknown content encoding `{encoding}`")
    return body


def _join_chunks(body: bytes) -> bytes:
    parts: list[bytes] = []
    at = 0
    while at < len(body):
        end = body.find(b"\r\n", at, at + 64)
        try:
            size = int(body[at:end].split(b";")[0], 16) if end > at else -1
        except ValueError:
            size = -1
        if size < 0:
            # The first line is no chunk size: the crawler has joined them already. Later on it is damage: keep what was whole.
            return body if at == 0 else b"".join(parts)
        if size == 0:
            break
        parts.append(body[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
    return b"".join(parts)


def _inflate(body: bytes, window: int, limit: int) -> bytes:
    try:
        return zlib.decompressobj(window).decompress(body, limit)
    except zlib.error as error:
        raise ValueError(f"damaged compressed body: {error}") from error


def _undo_deflate(body: bytes, limit: int) -> bytes:
    if body.lstrip().startswith(b"<"):
        return body
    try:
        return _inflate(body, zlib.MAX_WBITS, limit)
    except ValueError:
        return _inflate(body, -zlib.MAX_WBITS, limit)  # many servers send raw deflate


def _undo_brotli(body: bytes, limit: int) -> bytes:
    from fastwarc.stream_io import BrotliReader

    if body.lstrip().startswith(b"<"):  # brotli has no magic bytes, but HTML has
        return body
    try:
        plain: bytes = BrotliReader(io.BytesIO(body)).read(limit)
    except OSError as error:
        raise ValueError(f"damaged brotli data: {error}") from error
    return plain


def _undo_zstd(body: bytes, limit: int) -> bytes:
    import zstandard

    try:
        with zstandard.ZstdDecompressor().stream_reader(body) as reader:
            plain: bytes = reader.read(limit)
    except zstandard.ZstdError as error:
        raise ValueError(f"damaged zstd data: {error}") from error
    return plain
