"""Paths over the documents of a corpus: names are nodes, and a passage that holds two of them is an edge.

All is decided from a bounded number of names of a document and of documents of a name, so that work grows with the corpus and no faster:
each document keeps the names of lowest hash (two documents that share names keep the same), a name of too many documents joins
nothing, and each document that holds a name is joined to the next one alone, in an order by hash. No model is asked: names are capitalised
words, or stand in the metadata; the step that writes a question shows whether they join anything.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rephrase.recipes.base import Row
from rephrase.recipes.graph.path import Hop, Path, PathSettings
from rephrase.recipes.neighbours import NAME
from rephrase.recipes.prompts import flow_prompts
from rephrase.records import Document, content_id
from rephrase.text.loose_json import read_json
from rephrase.text.passages import passage_spans
from rephrase.text.tokenizer import Tokenizer

_SHORTEST = 3  # characters of a name
_LINKS = 24  # of a document that paths are made of
_WORD = re.compile(r"\w+")
_POSSESSIVE = re.compile("['\u2019]s\\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mention:
    """The first passage of a document that holds a name."""

    name: str
    """In its normal form."""
    document: str
    start: int
    end: int
    """Characters of the passage in the document's text."""
    object: int = 0
    row_group: int = 0
    """Where the document stands."""


@dataclass(frozen=True, slots=True)
class Link:
    """Two documents that hold the same name, as one of them sees it."""

    own: Mention
    other: Mention


@dataclass(frozen=True, slots=True)
class Chosen:
    """A path before its texts are read: its mentions in order, one for each document, and the names that join them."""

    mentions: tuple[Mention, ...]
    bridges: tuple[str, ...]
    owner: int
    """Which of the documents the path belongs to."""


def normal_name(name: str) -> str:
    """A name as it is compared: without case, article, possessive and punctuation."""
    words = _words(name)
    return " ".join(words[1:] if len(words) > 1 and words[0] in flow_prompts("multihop")["articles"] else words)


def holds(text: str, phrase: str) -> bool:
    """Whether a text holds a name or an answer, as whole words, whatever their case and punctuation."""
    needle = normal_name(phrase)
    return bool(needle) and f" {needle} " in f" {' '.join(_words(text))} "


def as_written(text: str, name: str) -> str:
    r"""A name, given in its normal form, as it first stands in a text; itself where it does not.

    >>> as_written("Seen by John\nSMEATON's brother.", "john smeaton")
    'John SMEATON'
    """
    words = list(_WORD.finditer(_POSSESSIVE.sub(lambda mark: " " * len(mark[0]), text)))
    wanted = name.split()
    for at in range(len(words) - len(wanted) + 1):
        if all(word[0].casefold() == part for word, part in zip(words[at:], wanted, strict=False)):
            return " ".join(text[words[at].start() : words[at + len(wanted) - 1].end()].split())
    return name


def _words(text: str) -> list[str]:
    return _WORD.findall(_POSSESSIVE.sub("", text.casefold()))


def mentions_of(document: Document, settings: PathSettings, tokenizer: Tokenizer) -> list[Mention]:
    """The names of a document with the first passage that holds each; of many those with the lowest hash."""
    listed = _listed(document.metadata.get(settings.entities) or "") if settings.entities else None
    first: dict[str, Mention] = {}
    for start, end in passage_spans(document.text, tokenizer, settings.passage_tokens, document.language):
        text = document.text[start:end]
        names = list(map(normal_name, NAME.findall(text))) if listed is None else _held(text, listed)
        for name in filter(_says_something, names):
            first.setdefault(name, Mention(name, document.id, start, end))
    chosen = sorted(first, key=content_id)[: settings.names]
    return [first[name] for name in chosen]


def _held(text: str, names: Iterable[str]) -> list[str]:
    """Those names, in their normal form, that a text holds."""
    words = f" {' '.join(_words(text))} "
    return [name for name in names if f" {name} " in words]


def _says_something(name: str) -> bool:
    return len(name) >= _SHORTEST and name not in flow_prompts("multihop")["articles"]


def _listed(value: str) -> list[str]:
    """Names of the metadata in their normal form: a JSON list, or texts between semicolons."""
    data = read_json(value, lambda data: isinstance(data, list)) if value.lstrip().startswith("[") else value.split(";")
    return [name for entry in data or () if isinstance(entry, str) and (name := normal_name(entry))]


def rank_of(mention: Mention) -> str:
    """The order of the documents of a name: as good as random, and the same on every machine."""
    return content_id(mention.name, mention.document)


def links_of(mentions: Sequence[Mention]) -> Iterator[Link]:
    """The links between all documents that hold one name, which come by `rank_of`: each with the next, and the last with the first."""
    pairs = list(itertools.pairwise(mentions))
    if len(mentions) > 2:
        pairs.append((mentions[-1], mentions[0]))
    for one, other in pairs:
        yield Link(one, other)
        yield Link(other, one)


def chosen_paths(links: Iterable[Link], settings: PathSettings) -> list[Chosen]:
    """The paths that belong to a document, from its links: those of 2 documents that begin with it, those of 3 through it."""
    drawn = sorted(links, key=lambda link: content_id(str(settings.seed), link.own.document, link.other.document, link.own.name))[:_LINKS]
    by_hops = {2: _pairs(drawn), 3: _triples(drawn)}
    queues = [list(by_hops[hops]) for hops in settings.hops]
    chosen: list[Chosen] = []
    taken: set[frozenset[str]] = set()
    for path in (path for turn in itertools.zip_longest(*queues) for path in turn if path is not None):
        documents = frozenset(mention.document for mention in path.mentions)
        if documents not in taken and len(chosen) < settings.paths:
            taken.add(documents)
            chosen.append(path)
    return chosen


def _pairs(links: Sequence[Link]) -> Iterator[Chosen]:
    for link in links:
        first, second = sorted((link.own.document, link.other.document))
        begins = first if int(content_id(first, second, link.own.name)[-1], 16) % 2 else second  # of both documents one has the path
        if link.own.document == begins:
            yield Chosen((link.own, link.other), (link.own.name,), 0)


def _triples(links: Sequence[Link]) -> Iterator[Chosen]:
    for one, other in itertools.combinations(links, 2):
        joins = one.own.name != other.own.name and one.other.document != other.other.document
        if joins and one.own.start == other.own.start:  # one passage holds both names
            yield Chosen((one.other, one.own, other.other), (one.own.name, other.own.name), 1)


def with_paths(rows: Sequence[Row], settings: PathSettings, tokenizer: Tokenizer) -> list[Row]:
    """The rows with the paths that belong to their documents, over the documents of all rows. Depends on the rows alone."""
    texts = {row.document.id: row.document.text for row in rows}
    holders: dict[str, list[Mention]] = defaultdict(list)
    for row in rows:
        for mention in mentions_of(row.document, settings, tokenizer):
            holders[mention.name].append(mention)
    links: dict[str, list[Link]] = defaultdict(list)
    for mentions in holders.values():
        if 1 < len(mentions) <= settings.most_documents:
            for link in links_of(sorted(mentions, key=rank_of)):
                links[link.own.document].append(link)
    paths = {document: chosen_paths(of_document, settings) for document, of_document in links.items()}
    return [replace(row, paths=tuple(_path(chosen, texts) for chosen in paths.get(row.document.id, ()))) for row in rows]


def _path(chosen: Chosen, texts: dict[str, str]) -> Path:
    hops = (Hop(m.document, m.start, m.end, texts[m.document][m.start : m.end]) for m in chosen.mentions)
    return Path(tuple(hops), chosen.bridges, chosen.owner)


def has_shortcut(path: Path) -> bool:
    """Whether a bridge stands in a document that it does not join: then a document could be left out."""
    return any(holds(hop.text, name) for at, name in enumerate(path.bridges) for n, hop in enumerate(path.hops) if n not in (at, at + 1))
