"""Tables of texts through a cascade: generations beside the documents they were made from, and documents by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from classifiers.batch import JudgeBatch
from classifiers.cascade import Cascade, build_cascade
from classifiers.fasttext.labeller import Labeller
from classifiers.guard import verdict_of_failure
from classifiers.settings import Filter, filter_of
from rephrase.errors import UserError
from rephrase.recipes.base import Recipe
from rephrase.recipes.catalogue import catalogue, find_recipes
from rephrase.recipes.naming import ORIGINAL
from rephrase.records import JUDGED, KEEP, SCREENED, content_id, require_columns
from rephrase.settings.validation import validate
from rephrase.text.tokenizer import Tokenizer, count_each

if TYPE_CHECKING:
    Checks = Sequence[str | dict[str, dict[str, Any]]]

DOCUMENT_COLUMNS = ("text", "source", "language", "license", "labels")
"""What is asked of a document; all but its text may be null. Labels are a map of strings, or its pairs."""
GENERATION_COLUMNS = (
    *("id", "document_id", "span_start", "span_end", "recipe", "step", "model", "completion_tokens", "finish_reason"),
    *("text", "fields", "error", "synthetic_depth"),
)
"""What is asked of a generation."""
OPTIONAL_COLUMNS = ("reasoning",)
"""What a generation may have, and older ones do not."""

ROWS = 2048  # generations judged at a time: enough for vectorised checks, little enough that memory stays flat
_UNCOUNTED = verdict_of_failure("tokenizer")


def judge(
    generations: pa.Table,
    documents: pa.Table,
    checks: Checks | Cascade | None = None,
    *,
    tokenizer: str | Tokenizer | None = None,
    recipes: Sequence[str | Mapping[str, Any] | Recipe] = (),
    text: str = "text",
    id: str | None = None,  # noqa: A002  # the name of the user's id column
    labels: Mapping[str, Mapping[str, Any]] | None = None,
) -> pa.Table:
    """A verdict and all scores for every generation; nothing is thrown away. The filter stage does the same.

    generations: what `rephrase.rewrite` returned. documents: the table it was given, with the same `text` and `id`; without an id column
    ids are made of the texts. Its columns source, language, license and labels go along where they are.
    checks: names, each alone or with its settings, as under `filter.checks` in a run.yaml; default: those of classifiers/defaults.yaml.
    tokenizer: counts `n_tokens` of the kept texts, which a mixture needs; without one they are null.
    recipes: those that are none of the catalogue's as they stand there. The check `leaked` looks for their prompts, and `language` expects
    the language that they write in.

    labels: of the rewrites' own texts, as under `filter.labels`, in the place of the documents'.

    Returns a table with the columns of `rephrase.records.JUDGED`, in the order of the generations: `verdict` is "keep", the first check
    that fails, "intermediate" for steps that only prepare others, or "error:tokenizer" for one that cannot be counted. Raises `UserError`
    for unknown checks and settings, for models that do not load, and for generations whose document is not there.

    >>> import rephrase
    >>> texts = ["The tide rises twice a day, and so it falls.", "The Moon pulls at the sea, and the sea follows."]
    >>> rows = rephrase.rewrite(texts, "wrap/easy", {"kind": "echo"}, tokenizer="examples/tokenizer.json")
    >>> judged = judge(rows, pa.table({"text": texts}), ["finished", {"length": {"max_ratio": 3}}])
    >>> judged.column("verdict").to_pylist()  # the engine `echo` gives the whole prompt back
    ['length', 'length']
    """
    cascade = checks if isinstance(checks, Cascade) else build_cascade(Filter() if checks is None else filter_of(checks))
    for name, table in (("generations", generations), ("documents", documents)):
        if not isinstance(table, pa.Table):
            raise UserError(f"`{name}` is {type(table).__name__}, no Arrow table", where="judge", cure="pyarrow.Table.from_pandas(frame)")
    counter = Tokenizer.load(tokenizer) if isinstance(tokenizer, str) else tokenizer
    require_columns(generations.column_names, GENERATION_COLUMNS, "judge, generations")
    by_id = documents_by_id(documents, text, id)
    return judged_rows(generations, by_id, cascade, counter, asked_by(recipes), labeller_of(labels))


def labeller_of(labels: Mapping[str, Any] | None) -> Labeller | None:
    """What labels texts as a mapping under `filter.labels` says; None where it says nothing. Raises `UserError`."""
    if not labels:
        return None
    section: Filter = validate(Filter, {"labels": {name: dict(label) for name, label in labels.items()}}, "filter")
    return Labeller(section.labels)


def documents_by_id(
    documents: pa.Table,
    text: str = "text",
    id: str | None = None,  # noqa: A002  # the name of the user's id column
) -> dict[str, dict[str, Any]]:
    """The columns DOCUMENT_COLUMNS by id. Without an id column, ids are made of the texts as `rephrase.rewrite` makes them."""
    require_columns(documents.column_names, [text, id], "judge, documents")
    columns: dict[str, list[Any]] = {name: [None] * documents.num_rows for name in DOCUMENT_COLUMNS}
    columns |= {name: documents.column(name).to_pylist() for name in DOCUMENT_COLUMNS if name in documents.column_names}
    columns["text"] = [value or "" for value in documents.column(text).cast(pa.string()).to_pylist()]
    ids = documents.column(id).cast(pa.string()).to_pylist() if id else [None] * documents.num_rows
    keys = [content_id(value) if key is None else key for key, value in zip(ids, columns["text"], strict=True)]
    return {key: dict(zip(columns, values, strict=True)) for key, values in zip(keys, zip(*columns.values(), strict=True), strict=True)}


@dataclass(frozen=True, slots=True)
class Asked:
    """What recipes ask for, by their names."""

    prompts: Mapping[str, str] = field(default_factory=dict)
    """The fixed text of their prompts."""
    answers_in: Mapping[str, str] = field(default_factory=dict)
    """The language of their answers, where it is not the document's."""

    @classmethod
    def by(cls, recipes: Iterable[Recipe]) -> Asked:
        """What these ask for."""
        recipes = list(recipes)
        fixed = {recipe.name: recipe.language.fixed for recipe in recipes if recipe.language}
        return cls({recipe.name: recipe.wording for recipe in recipes}, {name: tag for name, tag in fixed.items() if tag})


def asked_by(recipes: Sequence[str | Mapping[str, Any] | Recipe] = ()) -> Asked:
    """What recipes ask for: those of the catalogue, and these. Raises `UserError` for unknown ones."""
    return Asked.by([*catalogue().values(), *(recipe for named in recipes for recipe in find_recipes(named))])


def judged_rows(
    generations: pa.Table,
    documents: Mapping[str, Mapping[str, Any]],
    cascade: Cascade,
    tokenizer: Tokenizer | None,
    asked: Asked,
    labeller: Labeller | None = None,
) -> pa.Table:
    """JUDGED rows of generations, in their order. documents: what `DOCUMENT_COLUMNS` names, by id. `asked` is what their recipes ask for.

    `labeller`: labels the texts themselves; all other labels are the documents'. Raises `UserError` for a model that does not load, and for
    a generation whose document is not there.
    """
    starts = range(0, generations.num_rows, ROWS)
    parts = [_judged(generations.slice(at, ROWS), documents, cascade, tokenizer, asked, labeller) for at in starts]
    return pa.concat_tables(parts) if parts else JUDGED.empty_table()


def _judged(
    generations: pa.Table,
    documents: Mapping[str, Mapping[str, Any]],
    cascade: Cascade,
    tokenizer: Tokenizer | None,
    asked: Asked,
    labeller: Labeller | None,
) -> pa.Table:
    there = [name for name in OPTIONAL_COLUMNS if name in generations.column_names]
    rows = generations.select([*GENERATION_COLUMNS, *there]).to_pylist()
    if lost := next((row for row in rows if row["document_id"] not in documents), None):
        cure = "give the documents that were rewritten, with the same `id` and `text`"
        what = f"generation {lost['id']} was made from the document {lost['document_id']}, which is not there"
        raise UserError(what, where="judge", cure=cure)
    passages: dict[tuple[str, int, int], str] = {}  # rows of one passage share one string, so that checks prepare it once
    for row in rows:
        place = (row["document_id"], row["span_start"], row["span_end"])
        passages.setdefault(place, documents[place[0]]["text"][place[1] : place[2]])
    origins = [documents[row["document_id"]] for row in rows]
    batch = JudgeBatch(
        texts=[row["text"] for row in rows],
        sources=[passages[row["document_id"], row["span_start"], row["span_end"]] for row in rows],
        recipes=[row["recipe"] for row in rows],
        steps=[row["step"] for row in rows],
        finish_reasons=[row["finish_reason"] for row in rows],
        errors=[row["error"] for row in rows],
        completion_tokens=[row["completion_tokens"] for row in rows],
        languages=[document["language"] for document in origins],
        fields=[row["fields"] for row in rows],
        origins=[document["source"] for document in origins],
        prompts=asked.prompts,
        answers_in=asked.answers_in,
    )
    verdicts, scores = cascade.judge(batch)
    counts = _counts([row["text"] if verdict == KEEP else "" for row, verdict in zip(rows, verdicts, strict=True)], tokenizer)
    if tokenizer:  # what cannot be counted can be neither mixed nor trained on
        verdicts = [_UNCOUNTED if count is None else verdict for count, verdict in zip(counts, verdicts, strict=True)]
    kept = [verdict == KEEP for verdict in verdicts]
    texts = [row["text"] if keep else None for row, keep in zip(rows, kept, strict=True)]
    columns: dict[str, Sequence[Any]] = {name: [row[name] for row in rows] for name in ("id", "recipe", "step", "document_id")}
    columns |= {"verdict": verdicts, "scores": [list(score.items()) for score in scores], "text": texts}
    columns["n_tokens"] = counts
    columns |= {name: [row.get(name) if keep else None for row, keep in zip(rows, kept, strict=True)] for name in ("fields", "reasoning")}
    columns |= {name: [document[name] for document in origins] for name in ("source", "license")}
    columns["language"] = batch.expected_languages
    columns |= {name: [row[name] for row in rows] for name in ("model", "synthetic_depth")}
    columns["labels"] = _labels([document.get("labels") for document in origins], batch.texts, labeller)
    return pa.Table.from_pydict(columns, schema=JUDGED)


def _labels(of_documents: Sequence[Any], texts: Sequence[str | None], labeller: Labeller | None) -> list[list[tuple[str, str]] | None]:
    """The labels of rewrites: of their documents, in whose place stand those of the texts."""
    inherited = [None if labels is None else dict(labels) for labels in of_documents]
    if labeller is None:
        return [None if labels is None else [*labels.items()] for labels in inherited]
    own = labeller.labels(texts)
    together = [{**(labels or {}), **{name: values[row] for name, values in own.items()}} for row, labels in enumerate(inherited)]
    return [[(name, value) for name, value in labels.items() if value is not None] for labels in together]


def _counts(texts: Sequence[str], tokenizer: Tokenizer | None) -> Sequence[int | None]:
    return count_each(tokenizer, texts) if tokenizer else [None] * len(texts)


def screened_rows(documents: pa.Table, cascade: Cascade) -> pa.Table:
    """SCREENED rows of documents, in their order, from the columns id, text, language and source. Raises `UserError` as `judged_rows`."""
    size = documents.num_rows
    batch = JudgeBatch(
        texts=documents.column("text").to_pylist(),
        sources=[""] * size,
        recipes=[ORIGINAL] * size,
        steps=[ORIGINAL] * size,
        finish_reasons=[None] * size,
        errors=[None] * size,
        completion_tokens=[None] * size,
        fields=[None] * size,
        languages=documents.column("language").to_pylist(),
        origins=documents.column("source").to_pylist(),
    )
    verdicts, scores = cascade.judge(batch)
    columns = {"id": documents.column("id").to_pylist(), "verdict": verdicts, "scores": [list(score.items()) for score in scores]}
    return pa.Table.from_pydict(columns, schema=SCREENED)
