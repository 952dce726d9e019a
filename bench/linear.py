"""How time grows with the length of a text, whatever stands in it: passages, parsers, checks, verifiers, their patterns, HTML extraction.

Each is given awkward texts of 10,000, 100,000 and 1,000,000 characters, in a process of its own that is ended after a while, so that a
hang is a row. The slope is that of the logarithms between the two longer ones: 1 is linear. What takes no time at 1,000,000 characters
has none. What does not hold is measured up to six times, and the best of each size counts: other processes make a linear work
look steeper, never less so. Parsers, checks and verifiers are those that are registered; those that need a model are named at the end.
For each work the kind of text that took longest is shown, and every one that does not hold the target. The last line counts them; the
exit code is 1 where any.

    python bench/linear.py [--only WORD …] [--all] [--seconds 20] [--at-once 2]
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import math
import multiprocessing
import os
import pkgutil
import re
import resource
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, get_args

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(ROOT / "bench"))]  # a library is called `catalogue`, too

SIZES = (10_000, 100_000, 1_000_000)
MAX_SLOPE, MAX_SECONDS = 1.1, 2.0
PATIENCE = 20  # times the limit, by the clock: for a process that waits
REPEATS = 2  # the better one counts
TRIES = 6  # of what does not hold
LEAST_SECONDS = 0.3  # at 1,000,000 characters: below, a slope is noise
UNITS = {
    "prose": "The tide rises twice a day. The keeper, Mr. Smith, counts ships! ",
    "spaces": " ",
    "line breaks": "\n",
    "tabs": "\t",
    "one word": "a",
    "Chinese lines": "天地玄黄宇宙洪荒日月盈昃\n",
    "Chinese quotes": "「天。",
    "Thai": "สวัสดีครับผมชื่อสมชาย",
    "list without stops": "- item and more words\n",
    "numbered list": "1. item\n",
    "stars": "*",
    "underscores": "_",
    "hashes": "#",
    "backticks": "`",
    "open brackets": "[",
    "open braces": "{",
    "open parentheses": "(",
    "quotes": '"',
    "curly quotes": "“",
    "apostrophes": "'",
    "backslashes": "\\",
    "boxes": "\\boxed{",
    "delimiters": "\\(x",
    "MathML": "<math><mi>x</mi></math> and so on, as was said before. ",
    "fractions": "\\frac{1}",
    "digits": "1",
    "commas and digits": "1,000,",
    "nested div": "<div>",
    "attributes": ' a="1"',
    "open tags": "<p",
    "comments": "<!--",
    "private use": "\ue000\ue001\ue002\ue003",
    "emoji": "😀",
    "combining marks": "e\u0301\u0301",
    "right to left": "שלום עולם ",
    "answers": "answer: ",
    "labels": "Question: a\nAnswer: b\n",
    "speakers": "Anna: yes\n",
    "reasoning": "<think>a</think>",
    "JSON": '{"a": [1, "b"]}, ',
    "addresses": "a@b.",
    "mixed": '#* “a” 1,2 [x](y) <b> \\boxed{3}\n\n\t天。 e\u0301 "q: A. ',
}
# Before and after which a run of something is looked through: the worst of many patterns needs a beginning.
FRAMES = {"": ("", ""), "Answer: … b": ("Answer: a", "b"), "``` …": ("```python\n", "\n```"), "<think> …": ("<think>", "")}

FRAMED = ("parser", "verifier", "rephrase.verifiers")  # works whose patterns want a beginning
LONGEST_RUN = 1  # characters of a unit that is framed

Work = Callable[[str], object]


def works() -> Iterator[tuple[str, Work]]:
    """All that is measured, by name."""
    from rephrase.text.html import decode, extract
    from rephrase.text.passages import split_passages
    from rephrase.text.reasoning import split_reasoning
    from rephrase.text.sentences import sentence_spans
    from rephrase.text.tokenizer import Tokenizer

    tokenizer = Tokenizer.load(str(ROOT / "examples/tokenizer.json"))
    yield "sentences", sentence_spans
    yield "passages", lambda text: split_passages(text, tokenizer, 300)
    yield "reasoning", lambda text: split_reasoning(text, opened=None)
    yield "tokens", lambda text: tokenizer.encode([text])
    yield "html", lambda text: extract(decode(text.encode(), "utf-8"))
    yield "html, formulas", lambda text: extract(f"<html><script src=MathJax.js></script><body>{text}", main_content=False, formulas=True)
    yield "html, all of it", lambda text: extract(f"<html><body {text}>", main_content=False)
    yield from _long_texts(tokenizer)
    yield from _parsers(tokenizer)
    yield from _checks()
    yield from _verifiers()
    yield from _patterns("rephrase.verifiers")
    yield from _patterns("rephrase.recipes.long")


def _long_texts(tokenizer: Any) -> Iterator[tuple[str, Work]]:
    from rephrase.recipes.long.counting import common_words, joining_words, occurrences, words_of
    from rephrase.recipes.long.places import distant_pairs, find_quote, with_insertions
    from rephrase.recipes.long.stretches import sections_of, stretches_of
    from rephrase.recipes.prompts import flow_prompts
    from rephrase.text.passages import split_passages
    from rephrase.text.stitching import stitch

    rules = flow_prompts("long/aggregate")["stretch"]

    def pairs(text: str) -> object:
        passages = split_passages(text, tokenizer, 1000)
        return distant_pairs([text[passage.start : passage.end] for passage in passages], passages, 2048, 4, "bench")

    def words(text: str) -> object:
        found = words_of(text)
        return common_words(found, joining_words(found, 30), 10)

    def pieces(text: str) -> list[str]:
        return [text[start : start + 2000] for start in range(0, len(text), 2000)]

    yield "long, pairs", pairs
    yield "long, quotes", lambda text: find_quote("the tide rises twice a day", text, 12)
    yield "long, quote as long", lambda text: find_quote(text, text[:4000], 12)
    yield "long, insertions", lambda text: with_insertions(text, [(place, "Question: …") for place in range(0, len(text), 2000)])
    yield "long, stretches", lambda text: stretches_of(text, sections_of(text, 500), tokenizer, rules, "bench")
    yield "long, words", words
    yield "long, names", lambda text: occurrences("Maren Holt", text)
    yield "long, stitched", lambda text: stitch(pieces(text), tokenizer, 32768, ["\n\n"])


def _parsers(tokenizer: Any) -> Iterator[tuple[str, Work]]:
    from rephrase.recipes.catalogue import catalogue
    from rephrase.recipes.parsers import PARSERS, parser_of
    from rephrase.recipes.parsing.common import Context

    used = {name: settings for recipe in catalogue().values() for step in recipe.steps for name, settings in _settings_of(step)}
    for name in PARSERS:
        try:
            parse = parser_of(name, used.get(name, {}), "bench")
        except Exception as error:  # noqa: BLE001  # it has settings that no recipe gives
            SKIPPED.append(f"parser {name}: {error}")
            continue
        context = Context(tokenizer, {"passage": "The tide rises.", "text": "The tide rises."})
        yield f"parser {name}", partial(_called, parse, context)


def _called(parse: Callable[[str, Any], object], context: Any, text: str) -> object:
    return parse(text, context)


def _settings_of(step: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    name = getattr(step, "parser", None)
    if isinstance(name, str):
        yield name, dict(getattr(step, "parser_settings", {}))


def _checks() -> Iterator[tuple[str, Work]]:
    from classifiers.batch import JudgeBatch
    from classifiers.checks import checks

    def judge(check: Any, text: str) -> object:
        nothing, plain = [None] * 3, "The tide rises twice a day, as it has since 1784."
        texts, sources = [text, plain, text], [plain, text, text]
        return check(JudgeBatch(texts, sources, ["mine"] * 3, ["write"] * 3, ["stop"] * 3, nothing, [4] * 3, ["en"] * 3, nothing, nothing))

    for name, kind in checks.items():
        try:
            check = kind(name, kind.Settings())
        except Exception as error:  # noqa: BLE001  # it needs a model or a file
            SKIPPED.append(f"check {name}: {str(error).splitlines()[0]}")
            continue
        yield f"check {name}", partial(judge, check)


def _verifiers() -> Iterator[tuple[str, Work]]:
    from rephrase.verifiers.kinds import Kind, Verifier

    for kind in get_args(Kind):
        if kind in ("python", "command"):
            SKIPPED.append(f"verifier {kind}: runs programs")
            continue
        verifier = Verifier(kind)
        yield f"verifier {kind}", partial(verifier.verify, expected="12")
        yield f"verifier {kind}, gold", partial(verifier.verify, "The answer is \\boxed{12}.")


def _patterns(package: str) -> Iterator[tuple[str, Work]]:
    """Every compiled pattern in the modules of a package."""
    modules = [
        importlib.import_module(item.name) for item in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}.")
    ]
    for module in modules:
        for name, value in vars(module).items():
            several = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else [value]
            for number, pattern in enumerate(several):
                if isinstance(pattern, re.Pattern) and isinstance(pattern.pattern, str):
                    yield f"{module.__name__}.{name}[{number}]", partial(_count, pattern)


def _count(pattern: re.Pattern[str], text: str) -> int:
    return sum(1 for _ in pattern.finditer(text))


SKIPPED: list[str] = []


def _measure(work: Work, make: Callable[[int], str], pipe: Connection, limit: float) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(limit), math.ceil(limit)))  # other processes on the machine do not count
    for size in SIZES:
        text = make(size)
        seconds, trouble = math.inf, ""
        for _ in range(REPEATS):
            started = time.process_time()
            try:
                work(text)
            except Exception as error:  # noqa: BLE001  # an error is no matter of time, but told
                trouble = f"{type(error).__name__}: {error}"[:80]
            seconds = min(seconds, time.process_time() - started)
            if seconds > MAX_SECONDS or (size == SIZES[-1] and seconds < LEAST_SECONDS):
                break
        pipe.send((size, seconds, trouble))
    pipe.send(None)
    os._exit(0)


def _seconds(work: Work, make: Callable[[int], str], limit: float) -> tuple[dict[int, float], str]:
    """CPU seconds by size, and what went wrong; sizes that were not reached in time are not there."""
    context = multiprocessing.get_context("fork")  # what is loaded stays loaded, which a new interpreter would take seconds for
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(work, make, sender, limit))
    process.start()
    sender.close()
    seconds: dict[int, float] = {}
    trouble, until = "", time.monotonic() + PATIENCE * limit
    try:
        while receiver.poll(max(0.0, until - time.monotonic())):
            if (message := receiver.recv()) is None:
                break
            size, seconds[size], error = message
            trouble = trouble or error
        else:
            trouble = f"not done in {PATIENCE * limit:g} s"
    except EOFError:
        trouble = f"died, or was not done in {limit:g} s"
    process.kill()
    process.join()
    return seconds, trouble


def _text(unit: str, frame: tuple[str, str], size: int) -> str:
    before, after = frame
    inner = max(size - len(before) - len(after), 1)
    return before + (unit * (inner // len(unit) + 1))[:inner] + after


def _row(name: str, text: str, work: Work, make: Callable[[int], str], limit: float) -> tuple[float, str, bool]:
    """Seconds at the longest size, the line of the table, and whether the target is held."""
    best: dict[int, float] = {}
    for _ in range(TRIES):
        seconds, trouble = _seconds(work, make, limit)
        best = {size: min(value, best.get(size, math.inf)) for size, value in seconds.items()}
        last, before = best.get(SIZES[2], math.inf), best.get(SIZES[1], math.inf)
        slope = math.log10(last / max(before, 1e-6)) if LEAST_SECONDS <= last < math.inf else 0.0
        held = last <= MAX_SECONDS and slope <= MAX_SLOPE and not trouble
        if held or trouble or last > 2 * MAX_SECONDS:
            break
    note = f"  {trouble}" if trouble else "" if held else "  not held"
    return last, f"{name:42} {text:34} {last:9.2f} {f'{slope:.2f}' if slope else '-':>6}{note}", held


def _rows(name: str, work: Work, limit: float) -> list[tuple[float, str, bool]]:
    framed = name.startswith(FRAMED)
    texts = [
        (f"{kind} {frame_name}".strip(), partial(_text, unit, frame))
        for frame_name, frame in FRAMES.items()
        for kind, unit in UNITS.items()
        if not frame_name or (framed and len(unit) <= LONGEST_RUN)
    ]
    return sorted((_row(name, text, work, make, limit) for text, make in texts), key=lambda row: -row[0])


def _share(number: int, options: argparse.Namespace, pipe: Connection) -> None:
    """Measure every so-manieth work, and send the rows of each."""
    for name, work in itertools.islice(works(), number, None, options.at_once):
        if any(word in name for word in options.only):
            pipe.send((_rows(name, work, options.seconds), None))
    pipe.send(([], SKIPPED))
    pipe.close()


def main() -> int:
    """Measure, print the table, and tell by the exit code whether the target is held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[""], help="works whose name holds one of these words")
    parser.add_argument("--all", action="store_true", help="show every kind of text, not the worst alone")
    parser.add_argument("--seconds", type=float, default=20.0, help="of CPU time, after which a measurement is ended")
    parser.add_argument("--at-once", type=int, default=2, help="works that are measured side by side")
    options = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    print(f"{'work':42} {'text':34} {'s at 1 M':>9} {'slope':>6}")
    context = multiprocessing.get_context("fork")
    pipes: list[Connection] = []
    skipped: list[str] = []
    for number in range(options.at_once):
        receiver, sender = context.Pipe(duplex=False)
        context.Process(target=_share, args=(number, options, sender)).start()
        sender.close()
        pipes.append(receiver)
    measured = failed = 0
    while pipes:
        for pipe in wait(pipes):
            assert isinstance(pipe, Connection)
            rows, last = pipe.recv()
            if last is not None:
                skipped = last
                pipes.remove(pipe)
            measured, failed = measured + len(rows), failed + sum(not held for _, _, held in rows)
            for place, (_, line, held) in enumerate(rows):
                if options.all or not held or place == 0:
                    print(line, flush=True)
    for line in skipped:
        print(f"not measured: {line}")
    print(f"{failed} of {measured} measurements do not hold: slope at most {MAX_SLOPE}, {MAX_SECONDS:g} s at {SIZES[2]:,} characters")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
