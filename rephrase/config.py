"""run.yaml as typed objects. Unknown keys, wrong types and bad values are `UserError`s that name the line and the cure."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator

from rephrase.errors import UserError
from rephrase.mix_settings import Mix
from rephrase.section import Section as Section  # noqa: PLC0414  # settings all over the house derive from it by this name
from rephrase.section import as_list


class Fields(Section):
    """Names of the columns or JSON fields of the input. Dolma's layout is the default; a dot goes into an object."""

    text: str = "text"
    id: str | None = "id"
    url: str | None = "metadata.url"
    source: str | None = "source"
    language: str | None = "metadata.language"
    language_score: str | None = "metadata.language_score"
    license: str | None = "metadata.license"
    synthetic_depth: str | None = "synthetic_depth"
    metadata: str | None = "metadata"
    also: Annotated[list[str], BeforeValidator(as_list)] = []
    """Further fields that go into the metadata, by their names: the answer of a problem, a score."""


class Input(Section):
    """Where the raw documents are and how they become text."""

    paths: Annotated[list[str], BeforeValidator(as_list)] = Field(min_length=1)
    format: Literal["auto", "warc", "wet", "jsonl", "parquet"] = "auto"
    fields: Fields = Fields()
    source: str | None = None
    """Written into documents whose input names no source; default: the input's file format."""
    license: str | None = None
    extractor: Literal["resiliparse", "trafilatura"] = "resiliparse"
    main_content: bool = True
    """Drop navigation, banners and footers of HTML pages."""
    language_model: str | None = None
    """A fastText language model such as lid.176.bin."""
    scores: dict[str, str] = {}
    """fastText classifiers by the name under which their score goes into the metadata, for `when:` and for later mixing."""
    scrub: bool | dict[str, str | None] = False
    """Put stand-ins for personal data: e-mail and public IP addresses, telephone numbers. With keys (emails, ipv4, ipv6, phones), these
    stand-ins; null leaves a kind alone."""
    formatters: list[str | dict[str, dict[str, Any]]] = []
    """Formatters of datatrove by their classes (FTFYFormatter, SymbolLinesFormatter …), with their arguments, in the order that texts
    go through them; before scrubbing."""
    dedup_paragraphs: bool = False
    """Drop lines that an earlier document, or an earlier place of the same one, has as well, whatever their case and spacing."""
    min_paragraph_characters: int = Field(default=50, ge=1)
    """Shorter lines may repeat: headings, list items, cells of tables."""
    min_characters: int = Field(default=200, ge=0)
    max_characters: int = Field(default=2_000_000, ge=1)
    tokens_per_unit: int = Field(default=500_000, ge=1)
    """Tokens of a row group of `documents`: one unit of later stages."""


class ReplayEngine(Section):
    """Completions recorded earlier: JSONL files (plain, .gz, .zst) or a finished run's generations folder."""

    kind: Literal["replay"]
    path: str
    model: str = "recorded"

    @property
    def model_name(self) -> str:
        """How rows name the model."""
        return self.model


class VllmEngine(Section):
    """A vLLM server on each executor, started and supervised by us."""

    kind: Literal["vllm"]
    model: str
    """A folder or a hub id."""
    name: str | None = None
    """How rows name the model; default: the hub id or the folder's last part."""
    revision: str | None = None
    max_model_len: int | None = Field(default=None, ge=1)
    gpu_memory_utilization: float | None = Field(default=None, gt=0, le=1)
    args: list[str] = []
    """Further arguments of the vLLM server, as on its command line."""
    env: dict[str, str] = {}
    chat_template_args: dict[str, Any] = {"enable_thinking": False}
    seeds: Literal["auto", "on", "off"] = "auto"
    """Send each request's seed. auto: where an executor has GPUs (vLLM's CPU engine cannot take seeds)."""
    batch_size: int = Field(default=16, ge=1)
    concurrency: int = Field(default=256, ge=1)
    """Requests that each Spark task keeps in flight."""
    startup_timeout: float = Field(default=900, gt=0)
    """Seconds until a server must answer, its model loaded and compiled."""
    stall_timeout: float = Field(default=300, gt=0)
    """A server that has work and writes nothing for so many seconds is ended and started again."""
    request_timeout: float = Field(default=1800, gt=0)

    @property
    def model_name(self) -> str:
        """How rows name the model: never by a path, so that ids are the same wherever the model lies."""
        is_path = os.path.isabs(self.model) or self.model.startswith(("s3://", "."))
        return self.name or (self.model.rstrip("/").rsplit("/", 1)[-1] if is_path else self.model)


class EndpointEngine(Section):
    """Any OpenAI-compatible URL."""

    kind: Literal["endpoint"]
    url: str
    """Up to and with /v1."""
    model: str
    api_key_env: str = "OPENAI_API_KEY"
    """Name of the environment variable that holds the key; keys never stand in a config."""
    tokenizer: str | None = None
    """Folder, file or hub id of the model's tokenizer with its chat template: prompts then go to /completions as token
    ids. Without it they go to /chat/completions as text."""
    max_model_len: int | None = Field(default=None, ge=1)
    chat_template_args: dict[str, Any] = {}
    extra_body: dict[str, Any] = {}
    seeds: bool = True
    batch_size: int = Field(default=1, ge=1)
    concurrency: int = Field(default=64, ge=1)
    request_timeout: float = Field(default=600, gt=0)
    retries: int = Field(default=6, ge=0)

    @property
    def model_name(self) -> str:
        """How rows name the model."""
        return self.model


class EchoEngine(Section):
    """No model: the words of the prompt come back. For dry runs, which show passages, prompts and tables."""

    kind: Literal["echo"]

    @property
    def model_name(self) -> str:
        """How rows name the model."""
        return "echo"


EngineConfig = Annotated[ReplayEngine | VllmEngine | EndpointEngine | EchoEngine, Field(discriminator="kind")]


SHIPPED_LISTS = "lists/"  # begins the names of lists that recipes bring along


class Bounds(Section):
    """Least and greatest value, both included."""

    min: float = float("-inf")
    max: float = float("inf")


class When(Section):
    """Which documents a recipe takes: those that fit every key that is given."""

    min_tokens: int = Field(default=0, ge=0)
    max_tokens: int | None = Field(default=None, ge=0)
    languages: Annotated[list[str], BeforeValidator(as_list)] = []
    sources: Annotated[list[str], BeforeValidator(as_list)] = []
    """Names or patterns with wildcards."""
    scores: dict[str, Bounds] = {}
    """Numbers in the documents' metadata, by key. A document that lacks the key does not fit."""


class RecipeUse(Section):
    """One recipe of the run: a name of the catalogue (`wrap/easy`, `mind/*`), or a YAML file of the user's."""

    use: str
    options: dict[str, Any] = {}
    """Options of the recipe itself, such as EntiGraph's `triples`."""
    sampling: dict[str, Any] = {}
    """Sampling fields that replace the recipe's."""
    when: When | None = None
    """Which documents the recipe takes; default: all."""
    document_first: bool = False
    """Begin each prompt with its passage: the styles of a passage then share the engine's prefix cache."""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"use": value} if isinstance(value, str) else value


class ExecutorRequest(Section):
    """Executors of the rewrite stage's own, which Spark's dynamic allocation starts and ends with it."""

    gpus: int = Field(default=1, ge=1)
    cores: int = Field(default=4, ge=1)
    memory: str = "4g"
    memory_overhead: str = "48g"
    """Python workers and vLLM's host memory live here."""
    discovery_script: str = ""
    """Standalone clusters do without, where the workers have one: infra/gpu-discovery.sh."""
    vendor: str = "nvidia.com"
    """Kubernetes makes the name of its resource of it."""


class Rewrite(Section):
    """Knobs of the rewrite stage."""

    prompts_per_unit: int = Field(default=4096, ge=1)
    """Units of steps that fan out are cut into parts of about so many prompts."""
    max_engine_errors: float = Field(default=0.2, ge=0, le=1)
    """A unit with a higher share of engine errors ends the run, and names the most frequent cause."""
    reuse: Annotated[list[str], BeforeValidator(as_list)] = []
    """`generations` folders of earlier runs, or recordings: completions of the same requests by the same model are taken from them."""
    tasks_per_gpu: int = Field(default=4, ge=1)
    """Spark tasks that share a GPU, so that its batch stays full while one of them ends; at most as many as the executor has cores."""
    executor: ExecutorRequest | None = None


class Filter(Section):
    """The checks, in the order that decides the verdict. Each is a name, or a name with its settings."""

    checks: list[str | dict[str, dict[str, Any]]] | None = None
    """Default: see classifiers/defaults.yaml, with its settings per recipe family."""


class Screen(Section):
    """What the original documents must pass before any of them is rewritten or mixed."""

    checks: list[str | dict[str, dict[str, Any]]] = Field(min_length=1)
    """As under `filter`; settings under `recipes: {document: …}` are for documents alone."""


class Dedup(Section):
    """Near duplicates by MinHash, of which one stays. The numbers are FineWeb's (Penedo et al. 2024, arXiv 2406.17557)."""

    ngram: int = Field(default=5, ge=1)
    """Words of a shingle."""
    bands: int = Field(default=14, ge=1)
    rows: int = Field(default=8, ge=1)
    """Values in each band: two texts of similarity s are compared with a probability of 1 - (1 - s^rows)^bands."""
    min_similarity: float = Field(default=0.7, ge=0, le=1)
    """Of those that are compared, texts below this estimate are no duplicates."""
    score: str | None = None
    """Of duplicates the one with the highest score of this name stays: a score from 0 to 1 of the filter stage, or a number in the
    documents' metadata. Originals stay before rewrites, whatever their scores."""
    seed: int = Field(default=1, ge=0)


class Spark(Section):
    """The Spark session that a run started from the command line makes for itself."""

    master: str | None = None
    """Default: what spark-submit set, else local[*]."""
    conf: dict[str, str | int | float | bool] = {}


class Run(Section):
    """A whole run. Paths that are not absolute and not URLs are relative to the folder of the YAML file."""

    output: str
    input: Input | None = None
    """Raw documents. Only runs whose recipes all have rows of their own can do without."""
    tokenizer: str
    """Counts tokens everywhere: a tokenizer.json, a folder with one, or a hub id."""
    engine: EngineConfig
    recipes: list[RecipeUse] = Field(min_length=1)
    screen: Screen | None = None
    rewrite: Rewrite = Rewrite()
    filter: Filter = Filter()
    dedup: Dedup | None = None
    mix: Mix = Mix()
    spark: Spark = Spark()


class _Engine(Section):
    engine: EngineConfig


def engine_of(settings: dict[str, Any] | EngineConfig) -> EngineConfig:
    """An engine config from the mapping that would stand under `engine:`. Raises `UserError`."""
    if isinstance(settings, BaseModel):
        return settings
    chosen: EngineConfig = validate(_Engine, {"engine": settings}, "engine").engine
    return chosen


def load_run(path: str, overrides: dict[str, Any] | None = None) -> Run:
    """Read a run.yaml.

    `overrides` maps dotted keys ("engine.kind") to values that replace the file's; a whole section may be replaced. Raises `UserError`
    for a missing file, bad YAML, unknown keys (with the nearest right one) and wrong values, with the line in the file.
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        raise UserError(f"cannot read the config: {error.strerror}", where=path, cure="give the path of a run.yaml") from error
    data = parse_yaml(text, path)
    if not isinstance(data, dict):
        raise UserError("a run config is a mapping of keys", where=path, cure="see examples/run.yaml")
    for key, value in (overrides or {}).items():
        _override(data, key.split("."), value)
    run = validate(Run, data, path, lines=yaml_lines(text))
    return resolve_paths(run, Path(path).resolve().parent)


def parse_yaml(text: str, where: str) -> Any:
    """Parse YAML, or say which line is wrong."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"{where}, line {mark.line + 1}" if mark else where
        raise UserError(f"not valid YAML: {getattr(error, 'problem', error)}", where=line, cure="mend the line") from error


def validate(section: type[Any], data: Any, where: str, lines: dict[tuple[Any, ...], int] | None = None) -> Any:
    """`data` as an object of the given section class, or a `UserError` about the first thing that is wrong with it."""
    try:
        return section.model_validate(data)
    except ValidationError as failure:
        raise _user_error(section, failure, where, lines or {}) from None


def _user_error(section: type[Section], failure: ValidationError, where: str, lines: dict[tuple[Any, ...], int]) -> UserError:
    # An unknown key is the likeliest cause of the errors beside it (a misspelt required key is also "missing").
    errors = sorted(failure.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
    error = errors[0]
    location = tuple(part for part in error["loc"] if part not in ("replay", "vllm", "endpoint", "echo"))
    place = next((lines[location[:n]] for n in range(len(location), 0, -1) if location[:n] in lines), None)
    spot = f"{where}, line {place}" if place else where
    key = ".".join(str(part) for part in location)
    if error["type"] == "extra_forbidden":
        known = _keys_at(section, error["loc"][:-1])
        near = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
        cure = f"did you mean `{near[0]}`?" if near else f"known keys here: {', '.join(known)}"
        return UserError(f"unknown key `{key}`", where=spot, cure=cure)
    if error["type"] == "missing":
        return UserError(f"the key `{key}` is missing", where=spot, cure="add it; see examples/run.yaml")
    if error["type"].startswith("union_tag"):
        return UserError(f"`{key}.kind` says which engine to use", where=spot, cure="one of: vllm, endpoint, replay, echo")
    message = error["msg"].removeprefix("Value error, ")
    value = error.get("input")
    shown = f", not {value!r}" if isinstance(value, str | int | float | bool) else ""
    return UserError(f"`{key}`: {message}{shown}" if key else message, where=spot, cure="")


def _keys_at(section: type[Section], location: tuple[Any, ...]) -> list[str]:
    current: Any = section
    for part in location:
        if isinstance(part, int):
            continue
        if get_origin(current) is dict:  # the part is one of its keys
            current = get_args(current)[1]
            continue
        variants = _sections_of(current)
        tagged = [v for v in variants if "kind" in v.model_fields and part in get_args(v.model_fields["kind"].annotation)]
        if tagged:
            current = tagged[0]
            continue
        holder = next((v for v in variants if part in v.model_fields), None)
        if holder is None:
            return []
        current = holder.model_fields[part].annotation
    return sorted({name for v in _sections_of(current) for name in v.model_fields})


def _sections_of(annotation: Any) -> list[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]  # type: ignore[list-item]  # all models here are Sections
    return [section for arg in get_args(annotation) for section in _sections_of(arg)]


def yaml_lines(text: str) -> dict[tuple[Any, ...], int]:
    """The line (from 1) of each key and list item of a YAML text, by its path."""
    lines: dict[tuple[Any, ...], int] = {}

    def visit(node: yaml.Node | None, path: tuple[Any, ...]) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                lines[(*path, key.value)] = key.start_mark.line + 1
                visit(value, (*path, key.value))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                lines[(*path, index)] = value.start_mark.line + 1
                visit(value, (*path, index))

    visit(yaml.compose(text, Loader=yaml.SafeLoader), ())
    return lines


def _override(data: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        inner = data.get(key)
        if not isinstance(inner, dict):
            inner = data[key] = {}
        data = inner
    data[keys[-1]] = value


def resolve_path(path: str, base: Path) -> str:
    """An absolute path or URL: as it is. A relative path: below `base`."""
    if "://" in path or os.path.isabs(path):
        return path
    return os.path.normpath(os.path.join(base, os.path.expanduser(path)))


def resolve_model(name: str, base: Path) -> str:
    """A model or tokenizer: a path if it looks like one or exists below `base`, else a hub id, which is left as it is."""
    path = resolve_path(name, base)
    return path if name.startswith((".", "/", "~")) or os.path.exists(path) else name


def resolve_paths(run: Run, base: Path) -> Run:
    """The same run with every path made absolute, seen from `base`."""
    engine: Any = run.engine
    if isinstance(engine, ReplayEngine):
        engine = engine.model_copy(update={"path": resolve_path(engine.path, base)})
    elif isinstance(engine, VllmEngine):
        engine = engine.model_copy(update={"model": resolve_model(engine.model, base)})
    elif isinstance(engine, EndpointEngine) and engine.tokenizer:
        engine = engine.model_copy(update={"tokenizer": resolve_model(engine.tokenizer, base)})
    source = run.input and run.input.model_copy(
        update={
            "paths": [resolve_path(p, base) for p in run.input.paths],
            "language_model": run.input.language_model and resolve_path(run.input.language_model, base),
            "scores": {name: resolve_path(model, base) for name, model in run.input.scores.items()},
        }
    )
    recipes = [use.model_copy(update=_resolve_use(use, base)) for use in run.recipes]
    return run.model_copy(
        update={
            "output": resolve_path(run.output, base),
            "tokenizer": resolve_model(run.tokenizer, base),
            "engine": engine,
            "input": source,
            "recipes": recipes,
            "rewrite": run.rewrite.model_copy(update={"reuse": [resolve_path(path, base) for path in run.rewrite.reuse]}),
            "screen": run.screen and run.screen.model_copy(update={"checks": _resolve_checks(run.screen.checks, base)}),
            "filter": run.filter.model_copy(update={"checks": run.filter.checks and _resolve_checks(run.filter.checks, base)}),
        }
    )


def _resolve_use(use: RecipeUse, base: Path) -> dict[str, Any]:
    # Lists and seeds are files, but for those that are shipped.
    options = {
        key: resolve_path(value, base)
        if isinstance(value, str) and value.endswith((".txt", ".jsonl")) and not value.startswith(SHIPPED_LISTS)
        else value
        for key, value in use.options.items()
    }
    return {"use": resolve_path(use.use, base) if use.use.endswith((".yaml", ".yml")) else use.use, "options": options}


def _resolve_checks(checks: list[Any], base: Path) -> list[Any]:
    return [{name: _resolve_check(given, base) for name, given in check.items()} if isinstance(check, dict) else check for check in checks]


def _resolve_check(settings: dict[str, Any], base: Path) -> dict[str, Any]:
    def resolved(key: str, value: Any) -> Any:
        if key == "model" and isinstance(value, str):
            return resolve_path(value, base)
        if key == "models" and isinstance(value, list):
            return [resolve_path(item, base) if isinstance(item, str) else item for item in value]
        if key == "benchmarks" and isinstance(value, list):
            return [_resolve_benchmark(item, base) if isinstance(item, dict) else item for item in value]
        return value

    return {key: resolved(key, value) for key, value in (settings or {}).items()}


def _resolve_benchmark(settings: dict[str, Any], base: Path) -> dict[str, Any]:
    paths = as_list(settings.get("paths"))
    known = isinstance(paths, list) and all(isinstance(path, str) for path in paths)
    return settings | {"paths": [resolve_path(path, base) for path in paths]} if known else settings
