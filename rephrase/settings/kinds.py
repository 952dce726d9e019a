"""Kinds: what a config can name for one purpose, be it shipped or a user's own. Checks, engines, readers, formats, stores, recipes.

A kind is registered where it is defined, by a decorator. Its module is imported when a name is first looked up: the shipped ones are
listed with their registry, a user's package names its modules as entry points of the group `rephrase.plugins`, and a run.yaml under
`plugins:`. Nothing below a kind's room imports it, so that the rooms of the house stand in one order.
"""

from __future__ import annotations

import importlib
import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from rephrase.errors import UserError
from rephrase.settings.nearest import nearest

GROUP = "rephrase.plugins"
"""The group of entry points by which a package names the modules that register its kinds."""

T = TypeVar("T")
Registered = TypeVar("Registered")

_LOCK = threading.RLock()
_plugins: set[str] = set()  # modules that were imported for what they register


class Kinds(Generic[T]):
    """The kinds of one purpose by name. `noun` names one of them in messages; `shipped` are the modules that register ours.

    All kinds are concrete subclasses of `base`, where there is one, with a class `Settings` where it says so.
    """

    def __init__(self, noun: str, shipped: Sequence[str], base: type | None = None) -> None:
        self.noun, self.base = noun, base
        self._shipped: tuple[str, ...] = tuple(shipped)
        self._loaded = False
        self._kinds: dict[str, T] = {}
        self._places: dict[str, str] = {}  # where each is defined

    def register(self, name: str) -> Callable[[Registered], Registered]:
        """A decorator that lets configs name what it decorates. Raises `UserError` for a name that another has."""

        def decorate(kind: Registered) -> Registered:
            self.add(name, kind)
            return kind

        return decorate

    def add(self, name: str, kind: Any, place: str = "") -> None:
        """Let configs name a kind. `place` says where it is defined ("module.name"), for what is neither a class nor a function.

        Raises `UserError` for a name that is empty or that another has, and for what is no kind of these.
        """
        module = getattr(kind, "__module__", None) or type(kind).__module__
        place = place or f"{module}.{getattr(kind, '__qualname__', type(kind).__qualname__)}"
        if not isinstance(name, str) or not name:
            raise UserError(f"the {self.noun} {place} has no name, but {name!r}", where="plugins", cure="give it a name, which is text")
        if self.base and (fault_of_kind := _fault(kind, self.base)):
            raise UserError(f"the {self.noun} `{name}`, {place}, {fault_of_kind}", where="plugins", cure="`docs/plugins.md` shows one")
        if place.rpartition(".")[0] not in self._shipped:  # so that the one who comes later, and who is told of a clash, is not us
            self._import_shipped()
        before = self._places.setdefault(name, place)
        if before != place:  # a module that is imported again registers the same once more
            raise UserError(
                f"two packages register the {self.noun} `{name}`: {before} and {place}",
                where="plugins",
                cure="give one of them another name",
            )
        self._kinds[name] = kind

    def find(self, name: str, where: str = "") -> T:
        """The kind of this name. Raises `UserError` with the nearest one where there is none."""
        self._load()
        if name not in self._kinds:
            raise UserError(f"unknown {self.noun} `{name}`", where=where, cure=self.cure(name))
        return self._kinds[name]

    def cure(self, name: object) -> str:
        """What to write instead of a name that is not known."""
        return nearest(name, self.names())

    def names(self) -> list[str]:
        """All names: the shipped ones in the order of their modules, then those of users' packages."""
        return [name for name, _ in self.items()]

    def items(self) -> Iterator[tuple[str, T]]:
        """All kinds with their names, in the same order."""
        self._load()
        order = {module: number for number, module in enumerate(self._shipped)}
        modules = {name: place.rpartition(".")[0] for name, place in self._places.items()}
        yield from sorted(self._kinds.items(), key=lambda item: order.get(modules[item[0]], len(order)))

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._kinds

    def _load(self) -> None:
        if self._loaded:
            return
        with _LOCK:
            self._import_shipped()
            load_installed_plugins()
            self._loaded = True

    def _import_shipped(self) -> None:
        for module in self._shipped:
            importlib.import_module(module)


def _fault(kind: Any, base: type) -> str:
    """What a kind lacks to be one; empty where it is one."""
    if not isinstance(kind, type) or not issubclass(kind, base):
        return f"is no subclass of {base.__module__}.{base.__qualname__}"
    if inspect.isabstract(kind):
        return f"lacks {', '.join(f'`{name}`' for name in sorted(kind.__abstractmethods__))}"  # type: ignore[attr-defined]  # of ABCMeta
    if "Settings" in inspect.get_annotations(base):
        from rephrase.settings.section import Section  # loads pydantic, and the registry of stores does without

        settings = getattr(kind, "Settings", None)
        if not (isinstance(settings, type) and issubclass(settings, Section)):
            return f"has no class `Settings` that is a {Section.__module__}.{Section.__qualname__}"
    return ""


def load_installed_plugins() -> None:
    """Import the modules that installed packages name under `rephrase.plugins`. Raises `UserError` for one that cannot be imported."""
    for entry in entry_points(group=GROUP):
        load_plugin(entry.module, where=f"entry point `{entry.name}` of {entry.dist.name if entry.dist else 'a package'}")


def load_plugin(module: str, where: str = "plugins") -> None:
    """Import a module for the kinds that it registers. Raises `UserError` where it cannot be imported."""
    with _LOCK:
        if module in _plugins:
            return
        try:
            importlib.import_module(module)
        except UserError as error:
            raise UserError(f"the plugin `{module}` cannot be used: {error.what}", where=where, cure=error.cure) from error
        except (Exception, SystemExit) as error:  # a foreign module may raise anything
            cure = "install its package where this runs, and on the executors; or take it out"
            raise UserError(f"the plugin `{module}` cannot be imported: {type(error).__name__}: {error}", where=where, cure=cure) from error
        _plugins.add(module)
