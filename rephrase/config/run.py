"""run.yaml as typed objects: every section and key that it may have."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field, PrivateAttr, SerializeAsAny, model_validator

from classifiers.configured import refuse_crossed
from classifiers.settings import Filter, Screen
from rephrase.config.duplicates import Dedup
from rephrase.engines.settings import EngineSettings
from rephrase.engines.settings import engines as engine_kinds
from rephrase.engines.several import ALONE, Engines
from rephrase.lakehouse.settings import ChosenTable, RunTable
from rephrase.mixing.grid import SOURCE, labels_in
from rephrase.mixing.settings import Mix
from rephrase.readers.settings import Input
from rephrase.recipes.naming import fits, own_name
from rephrase.recipes.use import RecipeUse, entries_at_hand
from rephrase.settings.by_kind import ByKind, Plugin
from rephrase.settings.faults import fault
from rephrase.settings.lines import Lines
from rephrase.settings.nearest import nearest
from rephrase.settings.paths import Model, OutputFolder, Recording
from rephrase.settings.section import Section, as_list

TRIALS = "trials"
"""Where, below the output of a run, runs on some of its documents lie."""


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
    reuse: Annotated[list[Recording], BeforeValidator(as_list)] = []
    """`generations` folders of earlier runs, or recordings: completions of the same requests by the same model are taken from them."""
    tasks_per_gpu: int = Field(default=4, ge=1)
    """Spark tasks that share a GPU, so that its batch stays full while one of them ends; at most as many as the executor has cores."""
    executor: ExecutorRequest | None = None


class Limit(Section):
    """Makes the run a trial on some of its documents, below the output in `trials/`. The run on all of them takes over what it wrote."""

    documents: int = Field(ge=1)
    """So many documents, drawn by a hash of their ids: the same ones on any machines. Of a recipe's own rows as many."""
    seed: int = Field(default=1, ge=0)
    """Another one draws others."""
    stratified: bool = False
    """Draw them by source and length, long documents more often, as `rephrase plan --pilot` does."""

    @property
    def name(self) -> str:
        """The folder of the trial."""
        kind = "pilot" if self.stratified else "limit"
        return f"{kind}-{self.documents}" + (f"-seed-{self.seed}" if self.seed != 1 else "")


class Budget(Section):
    """What the rewrite stage may spend. It ends with the units in flight when that is spent, and goes on when more is given."""

    gpu_hours: float | None = Field(default=None, gt=0)
    """Of engines that run on the executors, from when they can answer."""
    tokens: int | None = Field(default=None, ge=1)
    """That models write."""
    money: float | None = Field(default=None, gt=0)
    """In any currency, for GPU hours at this `price`."""
    price: float | None = Field(default=None, gt=0)
    """Of a GPU hour. `rephrase plan` reckons with it too."""

    @model_validator(mode="after")
    def _money_has_a_price(self) -> Budget:
        if self.money is not None and self.price is None:
            raise fault("`money` needs the price of a GPU hour", "add `price`", ("money",))
        return self


class Spark(Section):
    """The Spark session that a run started from the command line makes for itself."""

    master: str | None = None
    """Default: what spark-submit set, else local[*]."""
    conf: dict[str, str | int | float | bool] = {}
    executor_env: list[str] = []
    """Names of environment variables of the driver, such as keys, that executors on other machines get too. Their values stand in no
    command line and on no page of Spark's. Executors of Spark Connect have their server's."""


class Metrics(Section):
    """An HTTP endpoint for Prometheus on the driver, while a command runs its stages: `pip install '.[metrics]'`."""

    port: int = Field(ge=1, le=65535)
    address: str = "127.0.0.1"
    """Who may read it, as it asks for no password: this machine alone; with 0.0.0.0 whoever reaches one of its addresses."""


class Run(Section):
    """A whole run. Paths that are not absolute and not URLs are relative to the folder of the YAML file."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["engine"]}, {"required": ["engines"]}]})

    plugins: Annotated[list[Plugin], BeforeValidator(as_list)] = []
    """Python modules with kinds of your own (checks, engines, recipes, …), imported first. Installed packages may name theirs as entry
    points of the group `rephrase.plugins` instead."""
    output: OutputFolder
    input: Input | None = None
    """Raw documents. Only runs whose recipes all have rows of their own can do without."""
    tokenizer: Model
    """Counts tokens everywhere: a tokenizer.json, a folder with one, or a hub id."""
    engine: Annotated[SerializeAsAny[EngineSettings] | None, ByKind(engine_kinds)] = None
    """What writes all completions. A run has either `engine`, or several of them under `engines`."""
    engines: dict[str, Annotated[SerializeAsAny[EngineSettings], ByKind(engine_kinds)]] = {}
    """Several engines by names of your own, each as under `engine`. Recipes and their steps name theirs by `engine`; what names none is
    answered by `writer`, or by the first where none has this name."""
    recipes: list[RecipeUse] = Field(min_length=1)
    screen: Screen | None = None
    rewrite: Rewrite = Rewrite()
    filter: Filter = Filter()
    dedup: Dedup | None = None
    mix: Mix = Mix()
    tables: dict[RunTable, ChosenTable] = {}
    """Tables of the run that a lakehouse takes over when they are finished, by their names: `mixture`, `judged`, `documents`, … Their
    objects are registered where they lie, and not written again."""
    limit: Limit | None = None
    budget: Budget | None = None
    spark: Spark = Spark()
    metrics: Metrics | None = None

    _whole: str | None = PrivateAttr(default=None)
    _lines: Lines = PrivateAttr(default_factory=Lines)

    @property
    def all_engines(self) -> Engines:
        """The run's engines, be they one or several."""
        return Engines(self.engines) if self.engine is None else Engines({ALONE: self.engine})

    @property
    def whole(self) -> str:
        """The output of the run on all documents; the same as `output` but for a trial."""
        return self._whole or self.output

    def trial(self) -> Run:
        """The run on the documents of its `limit`, in a folder of its own; the run itself without a limit, or where it is the trial."""
        if self.limit is None or self._whole:
            return self
        folder = f"{self.output.rstrip('/')}/{TRIALS}/{self.limit.name}"
        # Documents that were screened out are not drawn.
        return self.model_copy(update={"output": folder, "screen": None}).of_whole(self.output)

    def all_documents(self) -> Run:
        """The run without its limit, on all documents."""
        return self.model_copy(update={"output": self.whole, "limit": None}).of_whole(None)

    def of_whole(self, output: str | None) -> Run:
        """The same run, which knows that it is a trial of the run with this output; None: of none."""
        self._whole = output
        return self

    @model_validator(mode="after")
    def _engines_fit(self) -> Run:
        if self.engine is None and not self.engines:
            raise fault("the key `engine` is missing", "add it, or `engines` for several; `rephrase config engine` explains the keys")
        if self.engine is not None and self.engines:
            cure = f"remove one of them; `--set engines.{next(iter(self.engines))}.model=…` changes the model of one"
            raise fault("a run has either `engine` or `engines`", cure, ("engine",))
        for number, use in enumerate(self.recipes):
            for place, name in use.engines.items():
                if name not in self.engines:
                    raise fault(f"there is no engine `{name}`", self.all_engines.cure(name), ("recipes", number, *place), name)
        return self

    @model_validator(mode="after")
    def _budget_fits(self) -> Run:
        for key in ("gpu_hours", "money"):
            if getattr(self.budget, key, None) is not None and not any(one.holds_devices for one in self.all_engines.by_name.values()):
                cure = "limit its `tokens`; a vendor's price is for them"
                raise fault(f"`{key}` is reckoned for engines on the executors, and the run has none", cure, ("budget", key))
        return self

    @model_validator(mode="after")
    def _patterns_fit(self) -> Run:
        entries = [entries_at_hand(use.use) for use in self.recipes]
        if not all(entries):  # names stand in a file that cannot be read yet
            return self
        names = [own_name(entry.name, use.name) for use, several in zip(self.recipes, entries, strict=True) for entry in several]
        for check in self.filter.checks or ():
            for pattern in check.given.recipes:
                if not any(fits(name, pattern) for name in names):
                    place = ("filter", "checks", *check.place, "recipes", pattern)
                    raise fault(f"no recipe of this run fits `{pattern}`", nearest(pattern, names, "recipes"), place)
            for name in names:
                refuse_crossed(check, name, ("filter", "checks"))
        return self

    @model_validator(mode="after")
    def _labels_are_given(self) -> Run:
        if self.input is None:  # of documents that are there already nobody knows which labels they have
            return self
        of_documents, of_rewrites = list(self.input.labels), list(self.filter.labels)
        for number, use in enumerate(self.recipes):
            for name in use.when.labels if use.when else ():
                _check_label(name, of_documents, "input.labels", ("recipes", number, "when", "labels", name))
        for place, component in self.mix.places:
            known, section = of_documents, "input.labels"
            if component.is_original is not True:
                known, section = list(dict.fromkeys([*of_documents, *of_rewrites])), "input.labels or filter.labels"
            for name in component.labels:
                _check_label(name, known, section, ("mix", *place, "labels", name))
            for name in labels_in(component.dimensions):
                key = ("by", component.by.index(name)) if component.by else ("split_by",)
                _check_label(name, known, section, ("mix", *place, *key), [SOURCE])
        return self

    def of_lines(self, lines: Lines) -> Run:
        """The same run, which knows the lines of the file that it stands in."""
        self._lines = lines
        return self

    def lines(self, *place: str | int) -> AbstractContextManager[None]:
        """Gives a `UserError` that is raised inside the file, the line and the key that it is about; `place`: where nothing else tells."""
        return self._lines.told(self.model_dump(mode="json"), *place)


def _check_label(name: str | None, known: list[str], section: str, place: tuple[str | int, ...], others: Sequence[str] = ()) -> None:
    """Raise the `fault` of a label that the run's texts have not. `others`: what else may stand at this place."""
    if name not in known:
        near = nearest(name, [*others, *known]) if known else ""
        cure = f"{near}{' Else, ' if near.endswith('?') else '; or ' if near else ''}add it to {section}"
        raise fault(f"texts of this run have no label `{name}`", cure, place, name)
