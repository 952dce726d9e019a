"""Plain archives whose records are damaged: each good record is found, and none holds another's bytes."""

from __future__ import annotations

import gzip
import io
import random
import re

import pytest

from rephrase.readers import Dropped, RawDocument, ReadError
from rephrase.readers.records import MAX_CONTENT_BYTES
from rephrase.readers.settings import Input
from rephrase.readers.warc import read_warc
from tests.rephrase.readers.archives import WORDS, html, record, response

CONFIG = Input(paths=["unused"])
PAGES = [response(html(number), f"http://lamps.example/{number}") for number in range(6)]
BEFORE, DAMAGED, AFTER = b"".join(PAGES[:2]), PAGES[2], b"".join(PAGES[3:])
OTHERS = ["Page 0", "Page 1", "Page 3", "Page 4", "Page 5"]


def read(data: bytes) -> tuple[list[str], list[ReadError]]:
    """Titles of pages, after a look that each has its own URL and no other's text, and errors."""
    items = list(read_warc(io.BytesIO(data), "a.warc.gz" if data.startswith(b"\x1f\x8b") else "a.warc", CONFIG))
    pages = [item for item in items if isinstance(item, RawDocument)]
    for page in pages:
        number = page.metadata["title"].removeprefix("Page ")
        assert page.url == f"http://lamps.example/{number}"
        assert set(re.findall(r"Page (\d+)", page.text)) == {number}
        assert "WARC/" not in page.text
    return [page.metadata["title"] for page in pages], [item for item in items if isinstance(item, ReadError)]


def with_length(value: bytes, page: bytes = DAMAGED) -> bytes:
    return re.sub(rb"Content-Length: \d+", b"Content-Length: " + value, page, count=1)


@pytest.mark.parametrize("cut", [5, 6, 50, 300, len(DAMAGED) - 250, len(DAMAGED) - 100, len(DAMAGED) - 10])
def test_a_record_that_was_cut_and_written_on_loses_itself_only(cut: int) -> None:
    titles, errors = read(BEFORE + DAMAGED[:-cut] + AFTER)
    assert titles == OTHERS
    assert [error.offset for error in errors] == [len(BEFORE)]


def test_a_record_that_was_cut_by_the_length_of_what_follows_does_not_hold_it() -> None:
    """Its length then fits to the byte: what ends with a record of its own is told by that."""
    long = response(html(2, extra=WORDS * 20), "http://lamps.example/2")
    titles, errors = read(BEFORE + long[: len(long) - len(PAGES[3])] + AFTER)
    assert titles == OTHERS
    assert [error.offset for error in errors] == [len(BEFORE)]


STATED = int(re.search(rb"Content-Length: (\d+)", DAMAGED)[1])  # type: ignore[index]


@pytest.mark.parametrize(
    "value",
    [
        *(b"-5", b"", b"abc", b"1e3", b"0x10", b"12 34", b"0", b"3", b"99999999999999", b"9" * 40),
        *(b"%d" % (STATED - 1), b"%d" % (STATED + 5000), b"100000000", b"7\r\nContent-Length: 9"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_a_wrong_length_loses_its_record_only(value: bytes, zipped: bool) -> None:
    data = BEFORE + with_length(value) + AFTER
    titles, errors = read(gzip.compress(data) if zipped else data)
    assert titles == OTHERS
    assert [error.offset for error in errors] == [0 if zipped else len(BEFORE)]


def test_of_two_lengths_the_one_that_fits_counts() -> None:
    for value in (b"%d\r\nContent-Length: %d" % (STATED, STATED), b"5\r\nContent-Length: %d" % STATED):
        titles, errors = read(BEFORE + with_length(value) + AFTER)
        assert (titles, errors) == ([f"Page {n}" for n in range(6)], [])


@pytest.mark.timeout(60)
def test_an_absurd_length_hides_none_of_many_records() -> None:
    filler = "x" * 2000
    many = [record("response", f"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n{filler}".encode()) for _ in range(20_000)]
    assert sum(map(len, many)) > 40_000_000
    data = BEFORE + with_length(b"999999999999") + b"".join(many) + AFTER
    items = list(read_warc(io.BytesIO(data), "a.warc", CONFIG))
    assert sum(isinstance(item, Dropped) for item in items) == len(many)
    assert [item.metadata["title"] for item in items if isinstance(item, RawDocument)] == OTHERS
    assert [item.offset for item in items if isinstance(item, ReadError)] == [len(BEFORE)]


def test_a_wrong_length_in_a_member_that_was_cut_off_hides_none() -> None:
    """Everything up to the cut has been read when the length is found to be wrong; what was read counts all the same."""
    zipped = gzip.compress(BEFORE + with_length(b"60000000") + AFTER + random.Random(6).randbytes(100_000))[:-50_000]
    titles, errors = read(zipped)
    assert titles == OTHERS
    assert errors[0].reason.startswith("the file ends inside a record")


def lf_head(page: bytes) -> bytes:
    head, blank, content = page.partition(b"\r\n\r\n")
    return (head + blank).replace(b"\r\n", b"\n") + content


@pytest.mark.parametrize(
    "respelled",
    [
        lf_head,
        lambda page: page[:-4] + b"\n\n",
        lambda page: page[:-4],
        lambda page: page + b"\r\n" * 300,
        lambda page: page.replace(b"WARC/1.0", b"WARC/1.1", 1),
        lambda page: page.replace(b"WARC/1.0", b"WARC/0.18", 1),
        lambda page: page.replace(b"Content-Length", b"content-length", 1),
        lambda page: page.replace(b"Content-Length: ", b"Content-Length:\t ", 1),
        lambda page: page.replace(b"WARC-Date:", b"X-Note: one\r\n two\r\nWARC-Date:", 1),
    ],
)
def test_heads_and_ends_of_records_come_in_many_spellings(respelled: object) -> None:
    titles, errors = read(b"".join(respelled(page) for page in PAGES))  # type: ignore[operator]
    assert (titles, errors) == ([f"Page {n}" for n in range(6)], [])


@pytest.mark.parametrize("junk", [b"some junk\n", bytes(5000), random.Random(3).randbytes(300), b"HTTP/1.1 200 OK\r\n\r\n<html>"])
def test_junk_between_records_is_an_error_and_hides_none(junk: bytes) -> None:
    for parts in ((junk, BEFORE, DAMAGED, AFTER), (BEFORE, junk, DAMAGED, AFTER)):
        titles, errors = read(b"".join(parts))
        assert titles == [f"Page {n}" for n in range(6)]
        assert [error.offset for error in errors] == [0 if parts[0] == junk else len(BEFORE)]
        assert f"{len(junk):,} bytes" in errors[0].reason


def test_padding_at_the_end_is_no_error() -> None:
    assert read(BEFORE + bytes(4096))[1] == []


@pytest.mark.parametrize("line", [b"WARC-Type: response\r\n", b"WARC/1.0\r\n"])
def test_a_record_without_its_type_or_its_first_line_is_an_error(line: bytes) -> None:
    titles, errors = read(BEFORE + DAMAGED.replace(line, b"", 1) + AFTER)
    assert titles == OTHERS
    assert [error.offset for error in errors] == [len(BEFORE)]


def test_a_page_may_tell_of_records() -> None:
    text = f"{WORDS * 3}\r\n\r\nWARC/1.0\r\nWARC-Type: response\r\nContent-Length: 12\r\n\r\nTwelve bytes\r\n\r\n{WORDS}"
    items = list(read_warc(io.BytesIO(response(text, headers="Content-Type: text/plain") + AFTER), "a.warc", CONFIG))
    documents = [item for item in items if isinstance(item, RawDocument)]
    assert len(documents) == len(items) == 4
    assert "Twelve bytes" in documents[0].text


def test_an_archive_in_an_archive_stays_one_record() -> None:
    items = list(read_warc(io.BytesIO(response(BEFORE, headers="Content-Type: application/warc") + AFTER), "a.warc", CONFIG))
    assert [type(item) for item in items] == [Dropped, RawDocument, RawDocument, RawDocument]


def test_a_record_that_is_too_large_to_be_kept_is_passed_over() -> None:
    large = record("response", b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + b"<p>words" * (MAX_CONTENT_BYTES // 8))
    items = list(read_warc(io.BytesIO(large + AFTER), "a.warc", CONFIG))
    assert items[0] == Dropped("long", MAX_CONTENT_BYTES + 44)
    assert len([item for item in items if isinstance(item, RawDocument)]) == 3


def test_any_damage_of_a_plain_archive_loses_at_most_what_it_touches() -> None:
    data = b"".join(PAGES)
    starts = [sum(map(len, PAGES[:number])) for number in range(7)]
    dice = random.Random(5)
    for _ in range(300):
        at, size = dice.randrange(len(data)), dice.choice([1, 3, 40, 400])
        kind = dice.choice(["overwritten", "removed", "zeroed"])
        there = {"overwritten": dice.randbytes(size), "removed": b"", "zeroed": bytes(size)}[kind]
        items = list(read_warc(io.BytesIO(data[:at] + there + data[at + size :]), "a.warc", CONFIG))
        touched = [n for n in range(6) if starts[n] < at + size and starts[n + 1] > at]
        assert len(items) >= 7 - len(touched), "each record is told of, of two that one damage runs through one"
        found = [item for item in items if isinstance(item, RawDocument)]
        assert all(len(set(re.findall(r"Page (\d), s", page.text))) <= 1 for page in found)
        whole = {f"http://lamps.example/{n}" for n in range(6) if n not in touched}
        urls = [page.url for page in found if page.url]
        assert whole <= set(urls), (at, size, kind)
        assert len(urls) == len(set(urls))
