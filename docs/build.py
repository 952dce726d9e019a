"""What the code itself tells of keys, recipes, commands and columns, put into the pages of the site. A hook of mkdocs.

A page says where: `<!-- generated: recipes -->`. README, CONTRIBUTING and CHANGELOG become pages as well.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

    from rephrase.recipes.base import Recipe

ROOT = Path(__file__).parent.parent
PAGES = {"index.md": "README.md", "contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
"""Pages of the site that stand in the root of the repository."""


def configuration() -> Iterator[str]:
    """A table of keys for each section of a run.yaml and each check."""
    from rephrase.cli.config import all_keys

    def section(path: str) -> str:
        parts = path.split(".")
        return ".".join(parts[: 2 if parts[0] == "checks" else 1])

    for name, keys in groupby(all_keys(), key=lambda key: section(key.plain)):
        head, *below = keys
        yield f"{'###' if '.' in name else '##'} {name.removeprefix('checks.')}\n"
        yield " ".join(part for part in (f"*{head.takes}.*" if head.takes else "", head.meaning) if part) + "\n"
        if below:
            yield "| key | takes | |\n|---|---|---|"
            yield from (_row(f"`{key.path.removeprefix('checks.')}`", key.takes, key.meaning) for key in below)
        yield ""


def recipe_file() -> Iterator[str]:
    """A table of the keys of a recipe file, and of the parsers with their settings."""
    from rephrase.cli.config import recipe_keys

    yield "| key | takes | |\n|---|---|---|"
    yield from (_row(f"`{key.path.removeprefix('recipe.')}`", key.takes, key.meaning) for key in list(recipe_keys())[1:])


def recipes() -> Iterator[str]:
    """A table of recipes for each family."""
    from rephrase.recipes.catalogue import catalogue, options_of

    families: dict[str, list[Recipe]] = {}
    for recipe in catalogue().values():
        families.setdefault(recipe.family, []).append(recipe)
    for family, members in families.items():
        papers = dict.fromkeys(f"[{recipe.paper.title}]({recipe.paper.url})" for recipe in members)
        yield f"### {family}\n\n{'; '.join(papers)}.\n"
        yield "| recipe | what it writes | prompts | tokens ≤ | options | paper |\n|---|---|---|---|---|---|"
        for recipe in members:
            steps = {step.name.rstrip("0123456789"): step for step in recipe.steps}  # rounds of the same kind once
            unit = "row" if recipe.rows is not None else "document"
            yield _row(
                f"`{recipe.name}`",
                recipe.summary,
                "; ".join(f"{name}: {step.load.replace('document', unit)}" for name, step in steps.items()),
                ", ".join(f"{step.output_tokens:,}" if step.output_tokens > 1 else "0" for step in steps.values()),
                ", ".join(f"`{name}`" for name in options_of(recipe.name) or ()),
                f"[{_authors(recipe.paper.title)}]({recipe.paper.url})",
            )
        yield ""


def commands() -> Iterator[str]:
    """What each command says of itself by `--help`."""
    from rephrase.cli.main import build_parser

    yield from _helps(build_parser(), 2)


def tables() -> Iterator[str]:
    """The columns of each table, with their comments."""
    from rephrase import records

    source = inspect.getsource(records)
    for name, body in re.findall(r"^([A-Z]+) = _schema\(\n(.*?)^\)", source, re.DOTALL | re.MULTILINE):
        yield f"### {_TABLES[name]}\n\n| column | type | |\n|---|---|---|"
        yield from (
            _row(f"`{column}`", kind.replace("pa.", "").replace("()", ""), about)
            for column, kind, about in re.findall(r'\("(\w+)", (pa\..+?)\),(?:  # (.*))?$', body, re.MULTILINE)
        )
        yield ""


_TABLES = {
    "DOCUMENT": "documents",
    "GENERATION": "generations",
    "JUDGED": "judged",
    "SCREENED": "screened",
    "DUPLICATE": "duplicates",
    "PATH": "paths",
    "SIGNATURE": "duplicates/…/signatures",
    "EMBEDDING": "duplicates/…/embeddings",
    "MIXTURE": "mixture",
    "ERROR": "errors",
}
_PARTS: dict[str, Callable[[], Iterator[str]]] = {part.__name__: part for part in (configuration, recipe_file, recipes, commands, tables)}


def fill(markdown: str) -> str:
    """A page with what is generated of it. KeyError for a part that is not known."""
    return re.sub(r"^<!-- generated: (\w+) -->$", lambda mark: "\n".join(_PARTS[mark[1]]()), markdown, flags=re.MULTILINE)


def for_site(markdown: str, *, root: bool) -> str:
    """A page with the links that hold in the site, where the files of the repository's root are pages as well."""
    above = "" if root else r"\.\./"
    for page, file in PAGES.items():
        markdown = re.sub(rf"\]\({above}{re.escape(file)}(?=[)#])", f"]({page}", markdown)
    return markdown.replace("](docs/", "](") if root else markdown


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the repository's root. Called by mkdocs."""
    from mkdocs.structure.files import File

    for page, file in PAGES.items():
        files.append(File.generated(config, page, content=for_site((ROOT / file).read_text(encoding="utf-8"), root=True)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill a page. Called by mkdocs."""
    return for_site(fill(markdown), root=False)


def _helps(parser: argparse.ArgumentParser, depth: int) -> Iterator[str]:
    style = parser.formatter_class
    parser.formatter_class = lambda prog: style(prog, width=110)
    yield f"{'#' * min(depth, 4)} {parser.prog}\n\n```text\n{parser.format_help().strip()}\n```\n"
    for action in parser._actions:  # noqa: SLF001  # argparse has no other way to ask for its subcommands
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for inner in action.choices.values():
                yield from _helps(inner, depth + 1)


def _authors(title: str) -> str:
    """The short name of a paper: who wrote it, and when, where its title ends so."""
    end = re.search(r"\(([^()]+)\)$", title)
    return end[1] if end else title


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in cells) + " |"
