"""run.yaml as typed objects: every section and key that it may have."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from rephrase.mix_settings import Mix
from rephrase.section import Section, as_list


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


class Models(Section):
    """fastText classifiers, and how their scores become one."""

    models: list[str] = Field(min_length=1)
    """Paths or `s3://` URLs."""
    combine: Literal["max", "mean"] = "max"
    of: Literal["bucket", "score"] = "bucket"
    """`bucket`: the twentieth of a corpus that the text falls into, from 0 to 19, 19 the best. Models whose scores spread differently
    then weigh alike. The corpus is that of `classifier calibrate --keep-rate`. `score`: the probability, from 0 to 1."""


def _as_models(value: Any) -> Any:
    return {"models": [value], "of": "score"} if isinstance(value, str) else value


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
    scores: dict[str, Annotated[Models, BeforeValidator(_as_models)]] = {}
    """fastText classifiers by the name under which their score goes into the metadata, for `when:` and for later mixing: the path of one
    for its probability, or several as under `ensemble`."""
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
    """Further arguments of the vLLM server, as on its command line. They win over ours: `--performance-mode throughput` is the default."""
    env: dict[str, str] = {}
    chat_template_args: dict[str, Any] = {"enable_thinking": False}
    seeds: Literal["auto", "on", "off"] = "auto"
    """Send each request's seed. auto: where an executor has GPUs (vLLM's CPU engine cannot take seeds)."""
    batch_size: int = Field(default=16, ge=1)
    concurrency: int = Field(default=512, ge=1)
    """Requests that each Spark task keeps in flight. Of four tasks a GPU, as many as vLLM takes at a time on the largest."""
    startup_timeout: float = Field(default=900, gt=0)
    """Seconds until a server must answer, its model loaded and compiled."""
    stall_timeout: float = Field(default=300, gt=0)
    """A server that has work and writes nothing for so many seconds is ended and started again."""
    request_timeout: float = Field(default=1800, gt=0)
    """Seconds for an answer. While requests wait for a place in the server's batch, their time begins anew."""

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
    """A unit with a higher share of engine errors, crashes among them, ends the run, and names the most frequent cause."""
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
