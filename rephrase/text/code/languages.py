"""Programming languages by their names, by the marks of code fences, and by paths and contents of files."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from importlib import resources

from rephrase.settings.section import Section
from rephrase.settings.validation import validate
from rephrase.settings.yaml_text import parse_yaml

_FIRST_LINE = re.compile(r"#!\s*(?P<command>[^\n]{1,200})")
_PHP = re.compile(r"\s*<\?php\b")
# What only headers of C++ hold, after Linguist's heuristics.yml.
_CPP_HEADER = re.compile(
    r"(?m)^[ \t]*(?:#[ \t]*include[ \t]*<(?:cstdint|string|vector|map|list|array|queue|stack|memory|unordered_map|[io]?o?stream)>"
    r"|template[ \t]*<|constexpr\b|class[ \t]+\w|(?:using[ \t]+)?namespace\b|(?:private|public|protected):)"
)


class ProgrammingLanguage(Section):
    """A language of languages.yaml."""

    aliases: tuple[str, ...] = ()
    """Other names, in small letters. Those of two letters count in fences alone: elsewhere `rs` or `sh` may be a tongue."""
    endings: tuple[str, ...] = ()
    interpreters: tuple[str, ...] = ()
    grammar: str = ""
    """The module of its tree-sitter grammar, and its function behind a dot where it is not `language`; empty where there is none here."""
    variant_of: str = ""
    """Another language, by whose name it goes as well."""


@functools.cache
def _languages() -> Mapping[str, ProgrammingLanguage]:
    data = parse_yaml(resources.files(__package__).joinpath("languages.yaml").read_text("utf-8"), "languages.yaml")
    return {name: validate(ProgrammingLanguage, about, f"languages.yaml, {name}") for name, about in data.items()}


@functools.cache
def programming_languages() -> Mapping[str, ProgrammingLanguage]:
    """All whose syntax is known here, by their names."""
    return {name: about for name, about in _languages().items() if about.grammar}


@functools.cache
def _by_any_name() -> dict[str, str]:
    named = [(name, about.variant_of or name, about.aliases) for name, about in _languages().items()]
    return {word.casefold(): meant for name, meant, aliases in named for word in (name, *aliases)}


def language_of(word: str) -> str | None:
    """The language that a name, or the word behind a fence, stands for, whether its syntax is known here or not; None for other words.

    >>> language_of("cpp"), language_of("tsx"), language_of("haskell"), language_of("output")
    ('C++', 'TypeScript', 'Haskell', None)
    """
    return _by_any_name().get(word.strip().casefold())


@functools.cache
def _by_name() -> dict[str, str]:
    names = {name.casefold(): name for name in programming_languages()}
    return {alias: name for name, about in programming_languages().items() for alias in about.aliases} | names


@functools.cache
def _by(what: str) -> dict[str, str]:
    return {key: name for name, about in programming_languages().items() for key in getattr(about, what)}


def language_named(name: str | None) -> str | None:
    """The programming language that a name in a table means, of those whose syntax is known; None for any other name, and for tongues.

    >>> language_named("python"), language_named("C++"), language_named("rs"), language_named("en")
    ('Python', 'C++', None, None)
    """
    plain = (name or "").strip().casefold()
    known = _by_name().get(plain)
    return known if known and (len(plain) > 2 or plain == known.casefold()) else None


def language_of_fence(info: str) -> str | None:
    """The programming language that the words behind the marks of a code fence mean, of those whose syntax is known.

    >>> language_of_fence("rs"), language_of_fence("{.python .numberLines}"), language_of_fence("")
    ('Rust', 'Python', None)
    """
    words = info.strip().strip("{}").replace(",", " ").split()
    return _by_name().get(words[0].lstrip(".").casefold()) if words else None


def language_of_file(path: str, text: str) -> str | None:
    r"""The programming language of a file, by its name, or by its first line where the name has no ending.

    >>> language_of_file("src/lib.rs", ""), language_of_file("bin/run", "#!/usr/bin/env python3\n"), language_of_file("notes.txt", "")
    ('Rust', 'Python', None)
    """
    name = re.split(r"[/\\]", path)[-1].casefold()
    stem, dot, ending = name.rpartition(".")
    if stem and dot:
        language = _by("endings").get(f".{ending}")
        return "C++" if language == "C" and ending == "h" and _CPP_HEADER.search(text) else language
    if _PHP.match(text):
        return "PHP"
    line = _FIRST_LINE.match(text)
    words = [word for word in (line["command"].split() if line else []) if not word.startswith("-") and "=" not in word]
    programs = [word.rsplit("/", 1)[-1] for word in words[:2]]
    program = next((program for program in programs if program != "env"), "")
    return _by("interpreters").get(re.sub(r"[\d.]+$", "", program))
