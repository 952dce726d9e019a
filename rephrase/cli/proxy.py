"""The command `rephrase proxy`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rephrase.cli.help import Lines
from rephrase.cli.options import number_above
from rephrase.errors import UserError

if TYPE_CHECKING:
    from rephrase.evidence.held_out import HeldOut
    from rephrase.evidence.sweep import Sweep

_DESCRIPTION = """\
Train a small language model on each mixture and tell its bits per byte on held-out documents of each domain: what a recipe or a
share is worth, at equal tokens. FOLDERS are packed exports, or one swarm of `rephrase swarm`. Each training adds a row to the results:
a command that was stopped goes on where it was, inside a training too. Needs torch and transformers, which come with an engine."""

_EXAMPLES = """\
examples:
  rephrase export run.yaml --format packed --sequence-length 512
  rephrase proxy out/exports/packed --held-out web=held/web.jsonl --held-out code=held/code.jsonl --size 3m --tokens 2_000_000
  rephrase proxy out/plain/exports/packed out/rewritten/exports/packed --held-out web=held/web.jsonl --seeds 3
  rephrase proxy out/swarm --held-out web=held/web.jsonl --size 30m     results.csv in the swarm's folder; then `rephrase swarm fit`

A document of a held-out set that is also trained on would make a mixture look better than it is. All that is trained on is searched for the
held-out documents, by runs of 32 tokens; what to do about those found is said by --overlap."""


def add_parser(commands: Any) -> None:
    """Add the command to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    from rephrase.evidence.sizes import sizes

    parser = commands.add_parser(
        "proxy",
        help="train small models on mixtures, and tell their bits per byte",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=Lines,
    )
    whole = number_above(0, whole=True)
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="packed exports, or a swarm; local or s3://")
    text = "held-out documents of a domain, in any format that a run reads; repeatable"
    parser.add_argument("--held-out", action="append", required=True, metavar="NAME=PATH", help=text)
    parser.add_argument("--text", default="text", metavar="FIELD", help="the field of the held-out texts (default: text)")
    parser.add_argument("--held-out-tokens", type=whole, default=100_000, metavar="N", help="at most, of each set (default: 100,000)")
    parser.add_argument(
        "--overlap",
        choices=["refuse", "drop", "keep"],
        default="refuse",
        help="held-out documents that are trained on: refuse to begin (default), leave them out of the held-out sets, or keep them",
    )
    known = ", ".join(f"{name} {size.parameters / 1e6:.1f} M" for name, size in sizes().items())
    parser.add_argument("--size", default="3m", metavar="SIZE", help=f"of the model, without embeddings: {known} (default: 3m)")
    parser.add_argument("--tokens", type=whole, metavar="N", help="trained on (default: those of the swarm, or of the smallest export)")
    parser.add_argument("--seeds", type=whole, default=1, metavar="N", help="trainings of each mixture; tells their spread (default: 1)")
    parser.add_argument("--batch", type=whole, metavar="TOKENS", help="of a step (default: by size, with 100 steps or more)")
    parser.add_argument("--learning-rate", type=number_above(0), metavar="X", help="the peak (default: by size and batch)")
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1 … (default: a GPU, if there is one)")
    parser.add_argument("--results", metavar="FILE", help="CSV, local or s3:// (default: results.csv, in the swarm's folder if it is one)")
    parser.add_argument("--checkpoints", metavar="FOLDER", help="local (default: beside the results; none where these are on s3://)")
    parser.set_defaults(action=_proxy)


def _proxy(options: argparse.Namespace) -> None:
    from rephrase.cli.proxy_progress import Told
    from rephrase.evidence.sweep import run_sweep

    sweep = _sweep(options)
    told = Told(sweep)
    with told:
        for done in run_sweep(sweep, told.training):
            told.done(done)
    told.summary()


def _sweep(options: argparse.Namespace) -> Sweep:
    """What is to be trained, with all that can be wrong found before anything is."""
    from rephrase import storage
    from rephrase.evidence.sizes import schedule_of, size_named
    from rephrase.evidence.swarm import is_swarm
    from rephrase.evidence.sweep import Sweep, candidates_in
    from rephrase.evidence.training import device_named

    size = size_named(options.size)
    device = device_named(options.device)
    candidates = candidates_in(options.folders)
    tokens = options.tokens or min(candidate.tokens for candidate in candidates)
    held_out = _held_out(options, candidates)
    default = storage.join(options.folders[0], "results.csv") if is_swarm(options.folders[0]) else "results.csv"
    results = options.results or default
    local = f"{results.removesuffix('.csv')}.checkpoints" if storage.is_local(results) else None
    schedule = schedule_of(size, tokens, options.batch, options.learning_rate)
    checkpoints = options.checkpoints or local
    return Sweep(candidates, range(options.seeds), size, tokens, schedule, held_out, results, checkpoints, device)


def _held_out(options: argparse.Namespace, candidates: Sequence[Any]) -> list[HeldOut]:
    """The held-out sets, without what is trained on too, or refused for it."""
    from rephrase.evidence.held_out import overlaps, read_held_out
    from rephrase.evidence.packed_sequences import streams
    from rephrase.live.words import counted
    from rephrase.spark.runtime.progress import console
    from rephrase.text.tokenizer import Tokenizer

    tokenizer = Tokenizer.load(candidates[0].export.tokenizer)
    sets = []
    for word in options.held_out:
        name, equals, path = word.partition("=")
        if not equals or not name or not path:
            raise UserError(f"`{word}` is not NAME=PATH", where="--held-out", cure="for example --held-out web=held/web.jsonl")
        sets.append(read_held_out(name, path, tokenizer, options.held_out_tokens, options.text))
    if len({held.name for held in sets}) < len(sets):
        raise UserError("two sets have one name", where="--held-out", cure="name each of them once; a glob takes several files")
    for held in sets:
        tokens = sum(len(document) for document in held.tokens)
        console.print(f"proxy: {held.name}: {counted(len(held.tokens), 'document')}, {tokens:,} tokens held out", soft_wrap=True)
    if options.overlap == "keep":
        return sets
    exports = {candidate.export.folder: candidate.export for candidate in candidates}
    inside = overlaps(sets, (stream for export in exports.values() for stream in streams(export.shards)))
    for number, (held, documents) in enumerate(zip(sets, inside, strict=True)):
        if not documents:
            continue
        what = f"{counted(len(documents), 'document')} of the held-out set `{held.name}` stand in what is trained on"
        where = ", ".join(held.places[document] for document in documents[:3]) + (" …" if len(documents) > 3 else "")
        if options.overlap == "refuse" or len(documents) == len(held.tokens):
            cure = "hold other documents out; or --overlap drop measures without these, where others are left"
            raise UserError(what, where=where, cure=cure)
        console.print(f"proxy: {what} and are left out: {where}", soft_wrap=True)
        sets[number] = held.without(documents)
    return sets
