"""The command `rephrase config`: the keys of a run.yaml, of checks and of recipe files, as the code itself defines and explains them."""

from __future__ import annotations

import argparse
import difflib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from rephrase.cli.help import filled
from rephrase.errors import UserError
from rephrase.settings.by_kind import ByKind
from rephrase.settings.explanations import explanations
from rephrase.settings.section import Section
from rephrase.settings.validation import sections_of

_CHECKS = "checks"  # stands for `filter.checks` and `screen.checks`, whose settings are the checks' own
_FORMAT = "input.format"
_RECIPE = "recipe"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a config: `mix.components[].share`, what it takes, and what it means."""

    path: str
    takes: str
    meaning: str
    long: str = ""
    """Its path with the name of the engine that it is a key of: `engine.vllm.args`."""

    @property
    def plain(self) -> str:
        """The path as users write it, without the marks of lists and mappings."""
        return _plain(self.path).split(" (")[0]


def add_parser(commands: Any) -> None:
    """Add the command to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    description = (
        "What a run.yaml may hold: the keys below KEY with types, defaults and meanings; without KEY the sections. "
        "`checks`: all checks. `recipe`: what a recipe file may hold."
    )
    parser = commands.add_parser("config", help="the keys of a run.yaml, explained", description=description)
    parser.add_argument("key", nargs="?", metavar="KEY", help="for example input.fields, engine, mix.components, checks.length, recipe")
    parser.add_argument("--schema", action="store_true", help="print a JSON schema of run.yaml, for editors")
    parser.set_defaults(action=_config)


def _config(options: argparse.Namespace) -> None:
    if options.schema:
        from rephrase.config.schema import run_schema

        print(json.dumps(run_schema(), indent=1, ensure_ascii=False))
        return
    keys = [*all_keys(), *recipe_keys()]
    asked = (options.key or "").strip(".")
    selected = keys_at(keys, asked) if asked else [key for key in keys if "." not in key.plain]
    if not selected:
        near = difflib.get_close_matches(_plain(asked), [key.plain for key in keys], n=1)
        raise UserError(
            f"there is no key `{options.key}`", where="config", cure=f"did you mean `{near[0]}`?" if near else "`rephrase config`"
        )
    for key in selected:
        print(filled(f"{key.path}  {key.takes}".rstrip(), below="        "))
        if key.meaning:
            print(filled(key.meaning, "    "))


def keys_at(keys: Sequence[Key], asked: str) -> list[Key]:
    """The key that is asked for, as users write it or as it is printed, and those below it."""
    path = _plain(asked).replace("filter.checks", _CHECKS).replace("screen.checks", _CHECKS)
    return [key for key in keys if key.path == asked or any(f"{name}.".startswith(f"{path}.") for name in (key.plain, key.long) if name)]


def _plain(path: str) -> str:
    return path.replace("[]", "").replace(".NAME", "")


def all_keys() -> Iterator[Key]:
    """The keys of a run, of all input formats and of all checks, in the order in which they are defined."""
    from classifiers.checks import checks
    from rephrase.config.run import Run
    from rephrase.readers.registry import readers

    for key in _keys_of(Run, ""):
        yield key
        if key.path == _FORMAT:
            for name, reader in readers.items():
                yield Key(f"{_FORMAT}.{name}", "", _sentence(reader))
                yield from _keys_of(reader.Settings, f"{_FORMAT}.{name}.")
    yield Key(_CHECKS, "the checks that `filter.checks` and `screen.checks` may list; `rephrase config checks`", "")
    for name, kind in checks.items():
        yield Key(f"{_CHECKS}.{name}", "", _sentence(kind))
        yield from _keys_of(kind.Settings, f"{_CHECKS}.{name}.")
        yield from _bounds_of(name)


def _bounds_of(check: str) -> Iterator[Key]:
    """What a default check holds against the texts of each recipe, and why."""
    from classifiers.bounds import bounds_of

    stated = bounds_of(check)
    for bounds in stated:
        recipes = bounds.pattern or ("all other recipes" if len(stated) > 1 else "all recipes")
        values = ", ".join(f"{key}: {json.dumps(value)}" for key, value in bounds.settings.items())
        yield Key(f"{_CHECKS}.{check} ({recipes})", f"by default {{{values}}}" if values else "", bounds.reason)


def recipe_keys() -> Iterator[Key]:
    """The keys of a recipe file below `recipe`, each at the outermost place that takes it, and the settings of parsers."""
    from rephrase.recipes.parsers import PARSERS
    from rephrase.recipes.sections import FamilyFile, Shared, StepFields

    yield Key(_RECIPE, "a recipe file of your own; `rephrase config recipe`", "")
    inner = {"styles": Shared.model_fields, "steps": StepFields.model_fields}
    for key in _keys_of(FamilyFile, f"{_RECIPE}.", inner):
        yield key
        if key.path == f"{_RECIPE}.parser":
            for name, (settings, make) in PARSERS.items():
                yield Key(f"{key.path}.{name}", "", _sentence(make))
                yield from _keys_of(settings, f"{key.path}.{name}.")


def _keys_of(section: type[Section], prefix: str, without: Mapping[str, Collection[str]] | None = None) -> Iterator[Key]:
    """The keys of a section and of those below it. `without`: keys that sections below a key leave out, as they are told elsewhere."""
    about_keys, without = explanations(section), without or {}
    for name, field in section.model_fields.items():
        by_kind = _by_kind(field.metadata) or _of_values(section, field.annotation)
        origin, below = get_origin(field.annotation), [] if by_kind else sections_of(field.annotation)
        path = prefix + name + ("[]" if list in (origin, *map(get_origin, get_args(field.annotation))) and below else "")
        path += ".NAME" if origin is dict and (below or by_kind) else ""
        about = about_keys.get(name) or (_sentence(below[0]) if below else "")
        yield Key(path, _takes(field, sub=bool(below)), about)
        for sub in below:
            elsewhere = without.get(name, ())
            yield from (
                key for key in _keys_of(sub, f"{path}.", without) if key.path.removeprefix(f"{path}.").split(".")[0] not in elsewhere
            )
        for kind, settings in by_kind.kinds.items() if by_kind else ():
            chosen_by = by_kind.key if by_kind else ""
            yield Key(f"{path}.{chosen_by}", kind, _sentence(settings), f"{_plain(path)}.{kind}")
            for key in _keys_of(settings, ""):
                if key.path != chosen_by:
                    yield Key(f"{path}.{key.path} ({kind})", key.takes, key.meaning, f"{_plain(path)}.{kind}.{key.plain}")


def _by_kind(metadata: Iterable[Any]) -> ByKind | None:
    return next((mark for mark in metadata if isinstance(mark, ByKind)), None)


def _of_values(section: type[Section], annotation: Any) -> ByKind | None:
    """Of a mapping whose values are each of a kind; None where another key of the section tells of these kinds."""
    inner = get_args(annotation)[1] if get_origin(annotation) is dict else None
    mark = _by_kind(getattr(inner, "__metadata__", ()))
    others = [one for field in section.model_fields.values() if (one := _by_kind(field.metadata))]
    return None if mark is None or any(one.kinds is mark.kinds for one in others) else mark


def _takes(field: Any, *, sub: bool) -> str:
    if field.is_required():
        return f"{_type(field.annotation)}, required"
    default = field.get_default(call_default_factory=True)
    if default is None or (sub and not isinstance(default, str)) or isinstance(default, Section):
        return _type(field.annotation)
    return f"{_type(field.annotation)}, default {json.dumps(default, ensure_ascii=False, default=str)}"


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    from classifiers.configured import ConfiguredCheck

    if annotation is ConfiguredCheck:
        return "name | mapping"
    if origin is None:
        return "section" if issubclass(annotation, Section) else str(annotation.__name__)
    if origin is Literal:
        return " | ".join(str(value) for value in arguments)
    if origin in (list, tuple):
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return "mapping"
    kinds = arguments[:1] if origin is Annotated else [kind for kind in arguments if kind is not type(None)]
    return " | ".join(dict.fromkeys(_type(kind) for kind in kinds))


def _sentence(thing: Any) -> str:
    return " ".join((thing.__doc__ or "").split("\n\n")[0].split())
