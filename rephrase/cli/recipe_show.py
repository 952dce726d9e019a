"""What `rephrase recipes show` prints: what a recipe writes and where its numbers come from, its options, and what its steps ask."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.panel import Panel
from rich.text import Text

from rephrase.cli.console import harmless, shortened
from rephrase.cli.recipe_tables import load_of, without_repeats
from rephrase.live.plain_console import PlainConsole
from rephrase.recipes.base import Recipe, Step
from rephrase.recipes.catalogue import by_default, entries_named
from rephrase.recipes.registry import Entry
from rephrase.recipes.template import TemplateStep
from rephrase.settings.explanations import explanations

_CHARACTERS = 4000  # of a prompt or a text on the screen
_IN_A_LINE = 60  # characters of a value that stands behind its name
_FRAME = 4  # columns of a panel that are no text
_DIGEST = re.compile(r"[0-9a-f]{16,64}")
_ELSEWHERE = ("paper", "options", "sampling", "is_last", "number")  # told by other parts of the page, or nothing that a prompt depends on


def show(name: str) -> None:
    """Print the recipes of a name of the catalogue, a pattern or a recipe file. Raises `UserError`."""
    console = PlainConsole()
    width = console.width - _FRAME
    for entry in entries_named(name):
        recipe = by_default(entry)
        console.print(_panel(_head(entry, recipe, width), recipe.name))
        steps = without_repeats(recipe.steps)
        for label, step in steps.items():
            told = "\n".join(_step(recipe, step, [other for other in steps.values() if other is not step], entry, width))
            console.print(_panel(told, f"{recipe.name}, step {label}", border_style="blue"))


def _panel(text: str, title: str, **style: str) -> Panel:
    return Panel(Text(harmless(text)), title=title, title_align="left", **style)  # type: ignore[arg-type]  # styles by name


def _head(entry: Entry, recipe: Recipe, width: int) -> str:
    blocks = [_wrapped(recipe.summary, width)]
    if recipe.paper.title:
        blocks.append([*_wrapped(recipe.paper.title, width), recipe.paper.url])
    if recipe.rows is not None:
        blocks.append(_wrapped("It has rows of its own: no documents are needed.", width))
    if entry.facts:
        blocks.append([line for paragraph in entry.facts.splitlines() for line in _wrapped(paragraph, width, "  ")])
    blocks.append(list(_options(entry, recipe, width)))
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _options(entry: Entry, recipe: Recipe, width: int) -> Iterator[str]:
    meanings = explanations(entry.options)
    defaults = entry.defaults
    if defaults:
        yield "options, with their defaults:"
    for name, value in defaults.items():
        required = entry.options.model_fields[name].is_required()
        told = "must be given" if required else _short(value) or "none"
        yield from _wrapped(f"{name}: {shortened(told, _CHARACTERS)}", width, "  ", "    ")
        yield from _wrapped(meanings.get(name) or _use_of(name, recipe), width, "    ", "    ")


def _use_of(option: str, recipe: Recipe) -> str:
    """What an option is for that a recipe file does not explain: where it stands."""
    steps = [step for step in recipe.steps if isinstance(step, TemplateStep)]
    drawn = [f"`{{{name}}}` is drawn from it" for step in steps for name, source in step.choose if source == option]
    filled = [step.name for step in steps if f"{{{option}}}" in "".join(filter(None, (step.system, step.prompt, step.text)))]
    if filled:
        drawn.append(f"it stands for `{{{option}}}` in {' and '.join(f'`{name}`' for name in dict.fromkeys(filled))}")
    text = "; ".join(dict.fromkeys(drawn)) or "the rows of the recipe are made of it"
    return f"{text[0].upper()}{text[1:]}."


def _step(recipe: Recipe, step: Step, others: Sequence[Step], entry: Entry, width: int) -> Iterator[str]:
    asked = f"prompts: {load_of(recipe, step)}"
    sampling = getattr(step, "sampling", None)
    if step.output_tokens > 1 and sampling is not None:
        asked += f"; at most {step.output_tokens:,} tokens each"
        asked += f" ({step.needed_tokens:,} where a context has no room for them)" if step.needed_tokens < step.output_tokens else ""
        settings = {name: value for name, value in sampling.fields().items() if name != "max_tokens" and value is not None}
        asked += f", {_pairs(settings)}" if settings else ""
    if step.retries:
        asked += f"; an answer that does not parse is asked for again, {'once' if step.retries == 1 else f'up to {step.retries} times'}"
    yield from _wrapped(f"{asked}.", width)
    elsewhere = {str(getattr(other, "prompt", "")).strip() for other in others} - {""}
    options = entry.defaults
    is_text = True
    for name, value in _flat(step.shown()):
        if name in _ELSEWHERE or (name in options and options[name] == value) or (isinstance(value, str) and value.strip() in elsewhere):
            continue
        if lines := list(_told(name, value, width, "")):
            if is_text or len(lines) > 1:
                yield ""
            yield from lines
            is_text = len(lines) > 1


def _flat(shown: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a step tells, with the texts of its file beside its settings."""
    for name, value in shown.items():
        yield from value.items() if name in ("texts", "templates", "prompts") and isinstance(value, Mapping) else [(name, value)]


def _told(name: str, value: Any, width: int, indent: str) -> Iterator[str]:
    """A value under its name. Nothing for one that is empty or a digest."""
    below = f"{indent}  "
    if _is_nothing(value):
        return
    if _is_short(value):
        yield from _wrapped(f"{name}: {_short(value)}", width, indent, below)
    elif isinstance(value, str):
        yield f"{indent}{name}:"
        for line in shortened(value.strip("\n"), _CHARACTERS).splitlines():
            yield from _wrapped(line, width, below) or [""]
    elif isinstance(value, Mapping):
        yield f"{indent}{name}:"
        for inner, part in value.items():
            yield from _told(str(inner), part, width, below)
    elif all(map(_is_word, value)):
        yield from _wrapped(f"{name}: {_short(value)}", width, indent, below)
    else:
        yield f"{indent}{name}:"
        for part in value:
            texts = [part] if isinstance(part, str) else [_short(inner) for inner in part] if isinstance(part, Sequence) else [_short(part)]
            yield from _wrapped(f"- {' → '.join(texts)}", width, below, f"{below}  ")


def _is_nothing(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip() or _DIGEST.fullmatch(value) is not None
    return value is None or value is False or (isinstance(value, Sequence | Mapping) and not value)


def _is_short(value: Any) -> bool:
    """Whether a value can stand behind its name."""
    if isinstance(value, str):
        return "\n" not in value.strip("\n") and len(value) <= _IN_A_LINE
    if isinstance(value, Mapping):
        value = value.values()
    parts = list(value) if isinstance(value, Iterable) else []
    return all(map(_is_word, parts)) and sum(len(str(part)) + 2 for part in parts) <= _IN_A_LINE


def _is_word(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= _IN_A_LINE // 2)


def _short(value: Any) -> str:
    """A value in the words of a page: numbers without idle digits, lists with commas."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.3g}" if math.isfinite(value) else str(value)
        case Mapping():
            return _pairs(value)
        case list() | tuple():
            return ", ".join(_short(part) or "empty" for part in value)
    return str(value)


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_short(value)}" for name, value in values.items() if not _is_nothing(value))


def _wrapped(text: str, width: int, indent: str = "", below: str | None = None) -> list[str]:
    following = indent if below is None else below
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=following, break_on_hyphens=False, replace_whitespace=False)
