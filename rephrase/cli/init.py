"""The command `rephrase init`."""

from __future__ import annotations

import argparse
import functools
import os
import shlex
import sys
from typing import TYPE_CHECKING, Any

from rephrase.cli.console import harmless
from rephrase.errors import UserError

if TYPE_CHECKING:
    from rephrase.init.beginning import Beginning

_WIDTH = 80  # columns of a common terminal

# What may come next, if there is such a command; `{path}` is the new file.
_NEXT = {
    "doctor": ("doctor {path}", "what it needs and lacks"),
    "preview": ("preview {recipe} --config {path}", "prompts and some answers"),
    "plan": ("plan {path}", "what it will cost"),
    "run": ("run {path}", "all stages; again to resume"),
    "report": ("report {path}", "a page on what came out"),
    "config": ("config SECTION", "its keys, explained"),
}


def add_parser(commands: Any) -> None:
    """Add the command to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    from rephrase.init.goal import GOALS

    about = (
        "Write a commented run.yaml for one of a few goals, filled from what is here: files, their format and fields, GPUs, memory and "
        "cores. In a terminal it asks where it must; without one, or with --yes, it takes what is likeliest and says so."
    )
    parser = commands.add_parser("init", help="a run.yaml to begin with, filled from your files", description=about)
    parser.add_argument(
        "files", nargs="*", metavar="FILES", help="the input: files, folders, globs or URLs (default: the files of this folder)"
    )
    parser.add_argument("--goal", choices=list(GOALS), help="what to make (default: what the files look like)")
    parser.add_argument("--output", default="run.yaml", metavar="run.yaml", help="the file to write (default: run.yaml)")
    parser.add_argument("--model", help="the model that writes, a folder or a hub id (default: one that fits the GPUs here)")
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    parser.set_defaults(action=functools.partial(_init, commands))


def _init(commands: Any, options: argparse.Namespace) -> None:
    from rephrase import storage
    from rephrase.init.beginning import begin

    path = options.output
    for name, what in (("output", "the file to write"), ("model", "a folder or a hub id")):
        if getattr(options, name) == "":  # a variable of the shell that is not set
            raise UserError(f"the {name} is empty", where=f"--{name}", cure=f"name {what}")
    if storage.exists(path) and not options.overwrite:
        raise UserError("there is such a file already", where=path, cure="--output names another, --overwrite replaces it")
    asks = not options.yes and sys.stdin.isatty() and sys.stdout.isatty()
    beginning = begin(options.files, options.goal, options.model, os.path.abspath(path), _ask if asks else None)
    _store(path, beginning.text, overwrite=options.overwrite)
    _tell(beginning, path, commands.choices)


def _store(path: str, text: str, *, overwrite: bool) -> None:
    from rephrase import storage

    if overwrite:
        storage.put(path, text.encode())
    elif not storage.create(path, text.encode()):
        raise UserError("there is such a file already", where=path, cure="--output names another, --overwrite replaces it")


def _ask(question: str, choices: list[tuple[str, str]], default: str) -> str:
    """One of the choices, each a name and what it means, by name or number; `default` for an empty answer or at the end of the input."""
    print(question)
    for number, (name, meaning) in enumerate(choices, 1):
        print(f"  {number}  {harmless(f'{name:<14}{meaning}').rstrip()}")
    names = [name for name, _ in choices]
    while True:
        try:
            answer = input(f"[{default}] ").strip()
        except EOFError:
            return default
        if not answer:
            return default
        if answer.isdecimal() and 1 <= int(answer) <= len(names):
            return names[int(answer) - 1]
        if answer in names:
            return answer
        print(f"one of 1 to {len(names)}, or a name")


def _tell(beginning: Beginning, path: str, known: Any) -> None:
    print(f"{path}: {harmless(beginning.summary)}")
    for note in beginning.notes:
        print(f"  {harmless(note)}")
    commands = {
        name: (f"rephrase {line.format(path=shlex.quote(path), recipe=beginning.recipe)}", why) for name, (line, why) in _NEXT.items()
    }
    there = [pair for name, pair in commands.items() if name in known]
    width = max(len(line) for line, _ in there)
    is_narrow = max(len(why) for _, why in there) + width + len("     # ") > _WIDTH
    print("Next:")
    for line, why in there:
        print(f"  # {why}\n  {line}" if is_narrow else f"  {line:<{width}}   # {why}")
