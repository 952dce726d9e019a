"""What a body is by its own bytes, after the WHATWG MIME Sniffing Standard (https://mimesniff.spec.whatwg.org)."""

from __future__ import annotations

import re

HTML = "text/html"
XHTML = "application/xhtml+xml"
PLAIN = "text/plain"
PAGES = (HTML, XHTML, PLAIN)

_HEAD_BYTES = 1445  # the resource header of the standard, section 7.1
_MAGIC = (
    # Sections 6.1 to 6.4 and 7.1 of the standard: images, audio and video, fonts, archives, documents.
    *(b"\0\0\1\0", b"\0\0\2\0", b"GIF87a", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"),
    *(b"OggS\0", b"MThd\0\0\0\6", b"\x1a\x45\xdf\xa3"),
    *(b"\0\1\0\0", b"wOFF", b"wOF2"),
    *(b"\x1f\x8b\x08", b"PK\3\4", b"Rar!\x1a\7"),
    *(b"%PDF-", b"%!PS-Adobe-"),
    # What crawls hold as well: TIFF, JPEG 2000, JPEG XL, FLAC, FLV, MP3; archives; Office, RTF, SQLite; programs.
    *(b"II\x2a\0", b"MM\0\x2a", b"\0\0\0\x0cjP", b"\0\0\0\x0cJXL", b"fLaC\0", b"FLV\1", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"),
    *(b"PK\5\6", b"PK\7\x08", b"7z\xbc\xaf\x27\x1c", b"BZh91AY", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x1f\x9d"),
    *(b"\xd0\xcf\x11\xe0", b"{\\rtf", b"SQLite format 3\0", b"\x7fELF", b"\0asm", b"\xca\xfe\xba\xbe"),
)
_MAGIC_FURTHER_ON = re.compile(rb"RIFF.{4}(?:WEBPVP|AVI |WAVE)|FORM.{4}AIFF|\x00.{3}ftyp|.{34}LP\x00|[\r\n\t ]{1,64}%PDF-", re.DOTALL)
# As the first letters of a text these say nothing yet.
_MAGIC_OF_BINARY = (b"BM", b"ID3", b"OTTO", b"ttcf", b"MZ", b"FWS", b"CWS", b"ZWS")
_BINARY_BYTES = bytes([*range(0x09), 0x0B, *range(0x0E, 0x1B), *range(0x1C, 0x20)])  # section 3
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_HTML_START = re.compile(  # section 7.1, after what XHTML begins with
    rb"(?:\xef\xbb\xbf)?\s{0,512}(?:<\?xml[^>]{0,512}>\s{0,512}(?=<(?:!doctype\s+html|html)\b))?"
    rb"<(?:!--|(?:!doctype\s+html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p)[\s>])",
    re.IGNORECASE,
)
_WIDE_HTML_START = re.compile(rb"[\s\0]{0,512}(?:<\0[!?a-zA-Z]\0|\0<\0[!?a-zA-Z])")  # of UTF-16 without a byte order mark
_HTML_TAG = re.compile(rb"<(?:html|head|body|meta|div|p|br|h[1-6]|table|span|center|ul|ol|a\s+href)[\s/>]", re.IGNORECASE)
_DATA_START = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,512}(?:[\[{<])")
_XML_START = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,512}(?:[\[{]|<\?xml|<rss|<feed|<svg)", re.IGNORECASE)
_ESSENCE = re.compile(r"[\s\"']*([\w.+-]+/[\w.+*-]+)")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s\"';,]+)", re.IGNORECASE)
_UNKNOWN = ("", "unknown/unknown", "application/unknown", "*/*")  # section 7; `essence` reads what is no type as none
_SPELLINGS = {"text/htm": HTML, "text/x-html": HTML, "application/html": HTML, "text/xhtml": XHTML, "application/xhtml": XHTML}


def essence(content_type: str) -> str:
    """A stated type without parameters, in small letters; empty if there is none."""
    match = _ESSENCE.match(content_type)
    name = match[1].lower() if match else ""
    return _SPELLINGS.get(name, name)


def charset_of(content_type: str) -> str:
    """The charset among a type's parameters; empty if there is none."""
    match = _CHARSET.search(content_type)
    return match[1] if match else ""


def may_be_page(stated: str, identified: str) -> bool:
    """Whether it needs a look at the body: the server's or the crawler's type is that of a page, or the server has none."""
    return stated in PAGES or identified in PAGES or stated in _UNKNOWN


def page_type(body: bytes, stated: str, identified: str) -> str | None:
    """The type of a page, one of `PAGES`, from its bytes where server and crawler disagree or are silent; None for what is no page.

    `stated`: the server's type, as `essence` has it. `identified`: the crawler's. Where both agree the bytes only rule out what is no text.
    """
    if is_media(body):
        return None
    if stated in PAGES and identified in ("", stated):
        kind: str | None = stated
    elif _HTML_START.match(body):
        kind = XHTML if XHTML in (stated, identified) else HTML
    elif stated in PAGES:
        # The server says HTML, and it neither begins like it nor does the crawler take it for a page.
        kind = stated if identified in PAGES or stated == PLAIN or _has_html(body) else None
    elif stated in (*_UNKNOWN, "application/octet-stream") and identified in PAGES:
        kind = identified
    elif stated in _UNKNOWN and not identified and not _DATA_START.match(body):
        kind = PLAIN
    else:
        kind = None
    return None if is_binary(body) and (kind == PLAIN or not (_has_html(body) or _WIDE_HTML_START.match(body))) else kind


def is_media(body: bytes) -> bool:
    """Whether it begins like an image, audio, video, a font, an archive, a program, or a document that is no web page."""
    body = body.removeprefix(_BYTE_ORDER_MARKS[0])
    if body.startswith(_MAGIC) or _MAGIC_FURTHER_ON.match(body):
        return True
    return body.startswith(_MAGIC_OF_BINARY) and is_binary(body)


def is_binary(body: bytes) -> bool:
    """Whether its first bytes have more control characters than damaged text has; of UTF-16 by its byte order mark it is not asked."""
    head = body[:_HEAD_BYTES]
    if head.startswith(_BYTE_ORDER_MARKS):
        return False
    return len(head.translate(None, _BINARY_BYTES)) < len(head) * 0.97


def is_text(body: bytes) -> bool:
    """Whether its first bytes have no control character that text has not."""
    head = body[:_HEAD_BYTES]
    return len(head.translate(None, _BINARY_BYTES)) == len(head)


def _has_html(body: bytes) -> bool:
    return not _XML_START.match(body) and bool(_HTML_TAG.search(body, 0, _HEAD_BYTES))
