"""How fast raw web archives become documents: bare fastwarc+resiliparse, datatrove's reader and extractor, and our shard stage.

All three read the same archives: copies of the given pages, each with a sentence of its own, since datatrove's extractor drops what it has
seen before. Rates are megabytes of HTML a second of wall time on the same cores; this process and all its children are bound to
them. Start-up is not counted: the bare loop's workers have imported their libraries and extracted a page, datatrove's clock starts when
its first page is out, and every worker of our Spark session has run the stage on a few pages. Ours is the whole stage: reading, extraction,
ids, token counts, exact deduplication and the final Parquet. datatrove writes nothing, and reads as much as `--datatrove-megabytes`.

    python bench/shard.py [--cores 2] [--megabytes 200] [--warc FILE …] [--tokenizer FILE]
"""

from __future__ import annotations

import argparse
import glob
import gzip
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(ROOT / "bench"))]  # a library is called `catalogue`, too
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))

SAMPLE = ROOT / "examples" / "crawl" / "sample.warc.gz"
FILES_PER_CORE = 4


def pages_of(archives: Sequence[str]) -> list[tuple[str, bytes]]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    pages = []
    for path in archives:
        with open(path, "rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
                url = record.headers["WARC-Target-URI"].strip("<>")
                pages += [(url, record.reader.read())] if (record.http_content_type or "").endswith("html") else []
    return pages


def make_input(folder: Path, archives: Sequence[str], megabytes: float, files: int) -> tuple[list[str], list[int]]:
    """Archives with `megabytes` of HTML in all, and the bytes of HTML in each."""
    pages = pages_of(archives)
    paths, sizes = [], []
    number = 0
    for index in range(files):
        size = 0
        path = folder / f"copy-{index:03d}.warc.gz"
        with open(path, "wb") as out:
            while size < megabytes * 1e6 / files:
                url, html = pages[number % len(pages)]
                mark = b"<p>This is copy number %d of the page, and no other page says %d.</p>" % (number, number * 7919)
                at = html.find(b"</p>") + len(b"</p>") if b"</p>" in html else len(html)
                body = html[:at] + mark + html[at:]
                content = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body
                head = (
                    f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url}?{number}\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n"
                    f"WARC-Record-ID: <urn:uuid:{number:032x}>\r\nWARC-Identified-Payload-Type: text/html\r\n"
                    f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(content)}\r\n\r\n"
                )
                out.write(gzip.compress(head.encode() + content + b"\r\n\r\n", 6))
                size += len(body)
                number += 1
        paths.append(str(path))
        sizes.append(size)
    return paths, sizes


def extract_bare(path: str) -> int:
    from fastwarc.warc import ArchiveIterator, WarcRecordType
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import bytes_to_str

    characters = 0
    with open(path, "rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
            html = bytes_to_str(record.reader.read(), record.http_charset or "utf-8")
            characters += len(extract_plain_text(html, main_content=True, alt_texts=False))
    return characters


def pool_of(cores: int, warm_up: str) -> ProcessPoolExecutor:
    pool = ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn"))
    list(pool.map(extract_bare, [warm_up] * cores * 2))
    return pool


def bare_rate(paths: Sequence[str], sizes: Sequence[int], warm_up: str, cores: int) -> float:
    with pool_of(cores, warm_up) as pool:
        started = time.perf_counter()
        list(pool.map(extract_bare, paths))
        return sum(sizes) / (time.perf_counter() - started) / 1e6


def extract_by_datatrove(path: str) -> tuple[int, float]:
    """Pages, and seconds from the first page to the last."""
    from datatrove.pipeline.extractors import Trafilatura
    from datatrove.pipeline.readers import WarcReader

    multiprocessing.set_start_method("fork", force=True)  # its extractor hands its own method to a child, which only a fork can take
    reader = WarcReader(os.path.dirname(path), glob_pattern=os.path.basename(path))
    pages = 0
    started = 0.0
    for _document in Trafilatura().run(reader.run()):
        started = started or time.perf_counter()
        pages += 1
    return pages, time.perf_counter() - started


def datatrove_rate(paths: Sequence[str], sizes: Sequence[int], warm_up: str, cores: int) -> float:
    with pool_of(cores, warm_up) as pool:
        results = list(pool.map(extract_by_datatrove, paths))
    print(f"  datatrove gave {sum(pages for pages, _ in results):,} pages")
    # One file a core: all run side by side, and the slowest one ends the work.
    return sum(sizes) / max(seconds for _, seconds in results) / 1e6


def our_rate(folder: Path, paths: Sequence[str], sizes: Sequence[int], warm_up: Sequence[str], tokenizer: str, cores: int) -> float:
    from rephrase.config.run import Run, Spark
    from rephrase.engines.replay import ReplaySettings
    from rephrase.notes import DocumentsNote
    from rephrase.readers.settings import Input
    from rephrase.recipes.use import RecipeUse
    from rephrase.spark.runtime.session import LazySession
    from rephrase.spark.stages.shard.stage import shard
    from rephrase.storage import tables

    def run_of(name: str, files: Sequence[str]) -> Run:
        engine = ReplaySettings(kind="replay", path="unused")
        source = Input(paths=list(files), min_characters=0)
        return Run(output=str(folder / name), input=source, tokenizer=tokenizer, engine=engine, recipes=[RecipeUse(use="wrap/easy")])

    session = LazySession(Spark(master=f"local[{cores}]", conf={"spark.sql.shuffle.partitions": cores}))
    shard(run_of("warm-up", warm_up), session)
    started = time.perf_counter()
    shard(run_of("out", paths), session)
    seconds = time.perf_counter() - started
    footers = tables.footers(tables.objects(str(folder / "out" / "documents")), DocumentsNote)
    note = sum((footer.note for footer in footers), DocumentsNote())
    session.stop()
    first_pass = f"{note.seconds / cores:.1f} s a core"
    print(f"  ours gave {note.documents:,} documents, {note.tokens:,} tokens; {seconds:.1f} s, of which first pass {first_pass}")
    return sum(sizes) / seconds / 1e6


def our_parts(path: str, tokenizer: str) -> dict[str, float]:
    """Milliseconds of processor time a page that each part of the first pass takes by itself, in this process."""
    from rephrase import storage
    from rephrase.documents import DocumentTables
    from rephrase.readers import RawDocument, read_documents
    from rephrase.readers.content import Content
    from rephrase.readers.records import Record, is_start, records
    from rephrase.readers.settings import Input
    from rephrase.storage import tables

    config = Input(paths=[path], min_characters=0)
    document_tables = DocumentTables(config, tokenizer)
    [file] = storage.expand(path)
    clock = time.process_time
    started = clock()
    with storage.open_stream(path) as stream:
        content = Content(stream, path, is_start)
        while content.next_run():
            sum(len(record.content()) for record in records(content) if isinstance(record, Record))
    records_read = clock()
    documents = [item for item in read_documents(file, config) if isinstance(item, RawDocument)]
    pages_read = clock()
    table = document_tables.cleaned(documents)
    measured = clock()
    tables.encode(table)
    written = clock()
    seconds = {
        "records": records_read - started,
        "pages as text": pages_read - records_read - (records_read - started),
        "ids, tokens, rows": measured - pages_read,
        "Parquet": written - measured,
    }
    return {name: 1000 * value / len(documents) for name, value in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--megabytes", type=float, default=200, help="of HTML")
    parser.add_argument("--datatrove-megabytes", type=float, default=20, help="of HTML a core that datatrove reads; its rate is compared")
    parser.add_argument("--warc", nargs="+", default=[str(SAMPLE)], help="archives whose pages are copied")
    parser.add_argument("--tokenizer", help="a tokenizer.json; default: one trained on the pages")
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    archives = [path for pattern in options.warc for path in sorted(glob.glob(pattern))]

    with tempfile.TemporaryDirectory(prefix="bench-shard-") as name:
        folder = Path(name)
        for part in ("many", "few", "warm-up"):
            (folder / part).mkdir()
        paths, sizes = make_input(folder / "many", archives, options.megabytes, FILES_PER_CORE * options.cores)
        few_paths, few_sizes = make_input(folder / "few", archives, options.datatrove_megabytes * options.cores, options.cores)
        warm_ups, _ = make_input(folder / "warm-up", archives, 0.5 * FILES_PER_CORE * options.cores, FILES_PER_CORE * options.cores)
        tokenizer = options.tokenizer or train_tokenizer(folder, archives)
        print(f"{sum(sizes) / 1e6:.0f} MB of HTML in {len(paths)} archives, {options.cores} cores")
        if os.getloadavg()[0] > 1.5:
            print(f"other work runs on this machine (load {os.getloadavg()[0]:.1f}): the three do not meet the same conditions")
        bare = bare_rate(paths, sizes, warm_ups[0], options.cores)
        print(f"bare fastwarc + resiliparse   {bare:8.1f} MB/s")
        ours = our_rate(folder, paths, sizes, warm_ups, tokenizer, options.cores)
        print(f"rephrase shard, whole stage   {ours:8.1f} MB/s")
        parts = our_parts(paths[0], tokenizer)
        print("  a page takes " + ", ".join(f"{name} {value:.3f} ms" for name, value in parts.items()))
        theirs = datatrove_rate(few_paths, few_sizes, warm_ups[0], options.cores)
        print(f"datatrove, Trafilatura        {theirs:8.1f} MB/s (on {sum(few_sizes) / 1e6:.0f} MB)")
    print(f"bare ratio {ours / bare:.2f}")
    print(f"shard ratio {ours / theirs:.2f}")


def train_tokenizer(folder: Path, archives: Sequence[str]) -> str:
    """A byte-level BPE tokenizer with GPT-2's splitting, so that the benchmark needs no download."""
    from resiliparse.extract.html2text import extract_plain_text
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=16_000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator((extract_plain_text(html.decode("utf-8", "replace")) for _, html in pages_of(archives)), trainer)
    path = str(folder / "tokenizer.json")
    tokenizer.save(path)
    return path


if __name__ == "__main__":
    main()
