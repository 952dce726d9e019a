"""The blocks, links and code words of README, CONTRIBUTING, CHANGELOG and docs/."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from tests.places import ROOT

PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")), *sorted((ROOT / "docs").glob("*.md"))]


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, its language, its text without the indentation of the fence."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@cache
def builder() -> ModuleType:
    """docs/build.py, which is a script for mkdocs and in no package."""
    spec = importlib.util.spec_from_file_location("docs_build", ROOT / "docs" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def read(page: Path) -> str:
    """A page as it is in the repository."""
    return page.read_text(encoding="utf-8")


@cache
def filled(page: Path) -> str:
    """A page as it is in the site, with its generated parts."""
    text: str = builder().fill(read(page))
    return text


@cache
def blocks() -> list[Block]:
    """All fenced blocks of all pages."""
    return [block for page in PAGES for block in _blocks_of(page)]


def _blocks_of(page: Path) -> Iterator[Block]:
    begun: tuple[int, str, str] | None = None
    lines: list[str] = []
    for number, line in enumerate(read(page).splitlines(), 1):
        fence = re.fullmatch(r"( *)```(\w*)", line)
        if fence and begun is None:
            begun, lines = (number, fence[1], fence[2]), []
        elif fence and begun is not None:
            yield Block(name_of(page), begun[0], begun[2], "\n".join(lines))
            begun = None
        elif begun is not None:
            lines.append(line.removeprefix(begun[1]))
    assert begun is None, f"{page}: the block that begins in line {begun} has no end"


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^ *```.*?^ *```$", "", read(page), flags=re.DOTALL | re.MULTILINE)


def code_words(page: Path) -> list[str]:
    """What stands between backticks in the prose of a page."""
    return [" ".join(word.split()) for word in re.findall(r"`([^`]+)`", prose(page))]


def links(page: Path) -> list[str]:
    """The targets of a page's links that are not addresses."""
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)) if "://" not in target]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as mkdocs makes them."""
    text = re.sub(r"^```.*?^```$", "", filled(page), flags=re.DOTALL | re.MULTILINE)
    return {_anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def _anchor(heading: str) -> str:
    plain = unicodedata.normalize("NFKD", heading.replace("`", "")).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


def commands(block: Block) -> list[list[str]]:
    """The command lines of a block of shell, as words, without comments and files for their output. Lines may end in a backslash."""
    joined = block.text.replace("\\\n", " ")
    return [words for line in joined.splitlines() if (words := shlex.split(line.partition(" > ")[0], comments=True))]
