"""The section `input:` of a run: where the raw documents are, and how they become text."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, SerializeAsAny, model_validator

from rephrase.readers.entities import Entities
from rephrase.readers.registry import AUTO, ByName
from rephrase.readers.table import InputTable, as_table
from rephrase.settings.faults import fault
from rephrase.settings.labels import InputLabel, check_names
from rephrase.settings.models import Scorer, as_scorer
from rephrase.settings.nearest import nearest
from rephrase.settings.paths import File, InputFiles, LanguageModel
from rephrase.settings.section import Section, as_list
from rephrase.settings.yaml_text import parse_yaml

PARQUET = "parquet"


@functools.cache
def _layouts() -> dict[str, dict[str, Any]]:
    layouts: dict[str, dict[str, Any]] = parse_yaml(
        resources.files(__package__).joinpath("layouts.yaml").read_text("utf-8"), "layouts.yaml"
    )
    return layouts


class Fields(Section):
    """Names of the columns or JSON fields of the input. Dolma's layout is the default; a dot goes into an object.

    Objects may be written as a JSON text, names may hold dots themselves, and folders such as `language=de/` name fields too.
    """

    layout: str | None = None
    """Of a published corpus of code, which names the fields below: the-stack, the-stack-v2 or starcoder. What else is set here goes
    before it."""
    text: str = "text"
    id: str | None = "id"
    """It goes into the metadata, under `id`: the column `id` holds a hash of the text. `rephrase show` takes either."""
    url: str | None = "metadata.url"
    source: str | None = "source"
    language: str | None = "metadata.language"
    language_score: str | None = "metadata.language_score"
    license: str | None = "metadata.license"
    synthetic_depth: str | None = "synthetic_depth"
    metadata: str | None = "metadata"
    path: str | None = None
    """Of a file of code. It goes into the metadata, and tells the programming language where `language` does not; notebooks become text."""
    also: Annotated[list[str], BeforeValidator(as_list)] = []
    """Further fields that go into the metadata, by their names: the answer of a problem, a score."""

    @model_validator(mode="before")
    @classmethod
    def _of_layout(cls, data: Any) -> Any:
        name = data.get("layout") if isinstance(data, dict) else None
        if not isinstance(name, str):
            return data
        if name not in _layouts():
            raise fault(f"there is no layout `{name}`", nearest(name, _layouts()), ("layout",), name)
        return _layouts()[name] | data


class StandIns(Section):
    """What stands in for each kind of personal data; null leaves a kind alone."""

    emails: str | None = "email@example.com"
    ipv4: str | None = "192.0.2.1"
    ipv6: str | None = "2001:db8::1"
    phones: str | None = "[phone]"
    entities: Entities | None = None
    """Names and other kinds, by a model: replaced once the patterns have been, whose stand-ins it leaves alone."""
    labelled: File | None = None
    """JSON lines with `text` and `spans` of `start`, `end` and `kind`: precision and recall on them stand in the report."""


class Input(Section):
    """Where the raw documents are, in files or in a table, and how they become text."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["paths"]}, {"required": ["table"]}]})

    paths: Annotated[list[InputFiles], BeforeValidator(as_list)] = Field(default=[], min_length=1)
    table: Annotated[InputTable | None, BeforeValidator(as_table)] = None
    """In place of `paths`: rows of a table of Iceberg, Delta or Hive. Its name alone, or a section."""
    format: Annotated[str | dict[str, SerializeAsAny[Section]], ByName()] = AUTO
    """auto: by each file's ending or first bytes. Or the name of a format, or `{NAME: settings}` where it has settings."""
    fields: Fields = Fields()
    source: str | None = None
    """Written into documents whose input names no source; default: the input's file format."""
    license: str | None = None
    extractor: Literal["resiliparse", "trafilatura"] = "resiliparse"
    main_content: bool = True
    """Drop navigation, banners and footers of HTML pages."""
    formulas: bool = False
    """Keep formulas of HTML pages as LaTeX, between `$` in a line and `$$` apart: of MathML, MathJax, KaTeX, LaTeXML, and their images."""
    language_model: LanguageModel | None = None
    """A fastText language model such as lid.176.bin."""
    scores: dict[str, Annotated[Scorer, BeforeValidator(as_scorer)]] = {}
    """Classifiers by the name under which their score goes into the metadata, for `when:` and for later mixing: the path of a fastText
    model for its probability, several as under `ensemble`, or an encoder: `{encoder: FOLDER}`."""
    labels: dict[str, InputLabel] = {}
    """Labels of documents by names of your own, for `when:`, components and reports: each by a classifier, or from a field."""
    scrub: bool | StandIns = False
    """Put stand-ins for personal data: e-mail and public IP addresses, telephone numbers. With keys, these stand-ins."""
    formatters: list[str | Annotated[dict[str, dict[str, Any]], Field(min_length=1)]] = []
    """Formatters of datatrove by their classes (FTFYFormatter, SymbolLinesFormatter …), with their arguments, in the order that texts
    go through them; before scrubbing."""
    dedup_paragraphs: bool = False
    """Drop lines that an earlier document, or an earlier place of the same one, has as well, whatever their case and spacing."""
    min_paragraph_characters: int = Field(default=50, ge=1)
    """Shorter lines may repeat: headings, list items, cells of tables."""
    dedup_substrings: int | None = Field(default=None, ge=10)
    """Cut runs of so many words or more that an earlier document, or an earlier place of the same one, has word for word: 50 in Lee et al.
    2021 (arXiv 2107.06499), of tokens. Case and punctuation do not count. A document goes where fewer words than that are left."""
    max_substrings: float = Field(default=1.0, ge=0, le=1)
    """A document of whose words a larger share would be cut goes as a whole: at 0 each that has such a run."""
    min_characters: int = Field(default=200, ge=0)
    """Shorter texts are left out and counted: most are remains of pages. Problems and questions are short too: 0 keeps them."""
    max_characters: int = Field(default=2_000_000, ge=1)
    unit_bytes: int = Field(default=128 << 20, ge=1 << 16)
    """A file with more bytes is cut for several tasks, where it can be: JSON lines that are plain, or compressed in many members or frames
    (bgzip, pzstd, seekable zstd); web archives whose records are compressed one by one; row groups of Parquet."""
    tokens_per_unit: int = Field(default=500_000, ge=1)
    """Tokens of a row group of `documents`: one unit of later stages."""

    @model_validator(mode="after")
    def _paths_or_table(self) -> Self:
        if self.table is None and not self.paths:
            raise fault("the key `paths` is missing", "add it, or `table` for a table of a lakehouse")
        if self.table is not None:
            if self.paths:
                raise fault("input comes from `paths` or from a `table`", "take one of them out", ("table",))
            if self.format not in (AUTO, PARQUET):
                raise fault("the rows of a table come as Parquet", "take `format` out", ("format",))
            object.__setattr__(self, "format", PARQUET)  # files of Hive's tables have no ending that tells
        return self

    @model_validator(mode="after")
    def _labels_are_read(self) -> Self:
        check_names(self.labels, "labels")
        fields = [label.field for label in self.labels.values() if label.field is not None and label.field not in self.fields.also]
        if fields:  # readers know `fields` alone
            object.__setattr__(self, "fields", self.fields.model_copy(update={"also": [*self.fields.also, *fields]}))
        return self

    @model_validator(mode="after")
    def _one_kind_of_repeats(self) -> Self:
        if self.dedup_paragraphs and self.dedup_substrings:
            cure = "take `dedup_paragraphs` out: a line of so many words that stands elsewhere is such a run"
            raise fault("`dedup_paragraphs` and `dedup_substrings` are not for one run", cure)
        return self
