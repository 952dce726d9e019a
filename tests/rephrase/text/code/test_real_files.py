"""Files of the standard library and of installed packages: what compiled still does, wherever it is cut."""

from __future__ import annotations

import ast
import random
import re
import sysconfig
from pathlib import Path

import pytest

from rephrase.text.code.syntax import syntax_errors
from rephrase.text.foreign import storable
from rephrase.text.passages import split_passages
from rephrase.text.tokenizer import Tokenizer

LIMIT = 1000


def real_files(count: int) -> list[tuple[Path, str]]:
    """Files that compile, always the same of one installation; half of them from packages."""
    library, packages = (Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib"))
    chosen: list[tuple[Path, str]] = []
    for paths in (library.glob("*/*.py"), packages.glob("*/*.py")):
        several = sorted(path for path in paths if 500 < path.stat().st_size < 40_000)
        random.Random(2).shuffle(several)
        whole = ((path, storable(path.read_bytes().decode("utf-8", "replace"))) for path in several)
        good = ((path, text) for path, text in whole if compiles(text))
        chosen += [next(good) for _ in range(count // 2)]
    return chosen


def compiles(text: str) -> bool:
    try:
        compile(text, "<file>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def statements(text: str) -> list[tuple[int, int]]:
    """Where the statements of a file begin and end, in characters."""
    starts = [0, *(match.end() for match in re.finditer("\n", text)), len(text) + 1]
    nodes = [(node, [node.lineno, *(mark.lineno for mark in getattr(node, "decorator_list", []))]) for node in ast.parse(text).body]
    return [(starts[min(lines) - 1], starts[node.end_lineno or 0] - 1) for node, lines in nodes]


def check(text: str, tokenizer: Tokenizer) -> int:
    """Everything that holds of a file; the number of its passages that are made of whole statements."""
    assert syntax_errors(text, "Python") == 0
    passages = split_passages(text, tokenizer, LIMIT, "Python")
    assert "".join("".join(text[passage.start : passage.end] for passage in passages).split()) == "".join(text.split())
    cuts = {passage.start for passage in passages[1:]}
    inside: set[int] = set()  # cuts inside statements of the file
    for start, end in statements(text):
        if own := {cut for cut in cuts if start < cut < end}:
            assert tokenizer.count([text[start:end].strip()])[0] > LIMIT, text[start:end][:200]
            inside |= own
    pairs = zip(passages, [*passages[1:], None], strict=True)
    whole = [passage for passage, after in pairs if passage.start not in inside and not (after and after.start in inside)]
    for passage in whole:
        assert syntax_errors(text[passage.start : passage.end], "Python") == 0
    return len(whole)


def test_passages_of_real_files_compile(tokenizer: Tokenizer) -> None:
    assert sum(check(text, tokenizer) for _, text in real_files(40)) > 40


@pytest.mark.long
def test_passages_of_many_real_files_compile(tokenizer: Tokenizer) -> None:
    assert sum(check(text, tokenizer) for _, text in real_files(200)) > 200
