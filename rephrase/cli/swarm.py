"""The command `rephrase swarm`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from rephrase.cli.help import Lines
from rephrase.cli.options import add_overrides, load, number_above, with_spark
from rephrase.errors import UserError

if TYPE_CHECKING:
    from rephrase.config.run import Run

_DESCRIPTION = """\
Find the shares of a mixture by experiment. `rephrase swarm run.yaml` draws small mixtures of the run's components with other shares, and
writes the texts that they have in common once, packed for training. `rephrase proxy` trains a small model on each; with a trainer
of your own, add a column for each of your measures to swarm.csv. `rephrase swarm fit results.csv` fits the measures as functions of
the shares, says how well that predicts mixtures held out, and proposes the best shares, with their uncertainty."""

_EXAMPLES = """\
examples:
  rephrase swarm run.yaml -n 64 --tokens 10_000_000      out/swarm, from the run's documents and kept rewrites
  rephrase swarm run.yaml -n 32 --bound original=0.3:0.9 --strength 1 20
  rephrase proxy out/swarm --held-out web=held/web.jsonl --held-out code=held/code.jsonl --seeds 2
  rephrase swarm fit out/swarm/results.csv               prints `components:` for run.yaml
  rephrase swarm fit out/swarm/results.csv --weight code=2 --stay 0.1
  rephrase swarm fit mine.csv --swarm out/swarm --measure arc_error --measure hellaswag_error

A swarm wants a few mixtures for each component: three times as many as there are components at least, and more where a fit is
no better than the mean of all. A share cannot exceed what its component gives at its max_epochs, for the tokens of the real mixture."""


def add_parser(commands: Any) -> None:
    """Add the command to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    about = "small mixtures with other shares, and the shares that their figures propose"
    parser = commands.add_parser("swarm", help=about, description=_DESCRIPTION, epilog=_EXAMPLES, formatter_class=Lines)
    parser.add_argument(
        "config", nargs="+", action=_RunOrFit, metavar="run.yaml | fit results.csv", help="draw a swarm, or fit its figures"
    )
    parser.set_defaults(action=_swarm, fit=None)
    whole, positive = number_above(0, whole=True), number_above(0)
    drawing = parser.add_argument_group("to draw a swarm")
    drawing.add_argument(
        "-n", type=number_above(1, whole=True), default=64, metavar="N", help="mixtures; the first is the present one (default: 64)"
    )
    drawing.add_argument("--tokens", type=whole, default=10_000_000, metavar="N", help="of each mixture (default: 10,000,000)")
    text = "the folder of the swarm, local or s3:// (default: OUTPUT/swarm); with `fit`, a file for the proposed components as well"
    drawing.add_argument("--to", metavar="PATH", help=text)
    text = "range of the strength of the Dirichlet distributions: low ones give mixtures of few components (default: 0.1 5, RegMix's)"
    drawing.add_argument("--strength", nargs=2, type=positive, default=[0.1, 5.0], metavar=("FROM", "TO"), help=text)
    text = "power of the present shares around which is drawn: 0 is the same for all components (default: 0.5, RegMix's)"
    drawing.add_argument("--temperature", type=float, default=0.5, metavar="X", help=text)
    text = "smaller shares become 0 (default: 0.002, Olmix's)"
    drawing.add_argument("--minimum", type=float, default=0.002, metavar="X", help=text)
    text = "bounds of a component's share, in the swarm and in what is proposed; repeatable"
    drawing.add_argument("--bound", action="append", default=[], metavar="NAME=FROM:TO", help=text)
    text = "the real mixture's tokens, which bound shares (default: mix.budget_tokens, or the largest mixture that there is)"
    drawing.add_argument("--for-tokens", type=whole, metavar="N", help=text)
    drawing.add_argument("--tokenizer", metavar="T", help="of the proxy model; one with few tokens keeps it small (default: the run's)")
    drawing.add_argument("--eod", metavar="TOKEN", help="the token after each document (default: the tokenizer's end of sequence)")
    drawing.add_argument("--sequence-length", type=number_above(1, whole=True), default=512, metavar="N", help="tokens (default: 512)")
    add_overrides(parser)
    fitting = parser.add_argument_group("to fit its figures")
    text = "the form that is fitted (default: that with the smaller error on mixtures held out)"
    fitting.add_argument("--form", choices=["linear", "log-linear"], help=text)
    text = "a column of results.csv in which lower is better; repeatable (default: all that begin with bits_per_byte:)"
    fitting.add_argument("--measure", action="append", default=[], metavar="COLUMN", help=text)
    fitting.add_argument("--weight", action="append", default=[], metavar="NAME=X", help="of a measure (default: 1 each); repeatable")
    text = "cost of leaving the present shares, times the divergence from them; Olmix has 0.1 (default: 0)"
    fitting.add_argument("--stay", type=number_above(-1), default=0.0, metavar="X", help=text)
    fitting.add_argument("--resamples", type=whole, default=200, metavar="N", help="of the mixtures, for the uncertainty (default: 200)")
    fitting.add_argument("--swarm", metavar="FOLDER", help="of the mixtures (default: the folder of results.csv)")
    parser.add_argument("--seed", type=number_above(-1, whole=True), default=1, metavar="N", help="of what is drawn (default: 1)")


class _RunOrFit(argparse.Action):
    """`run.yaml`, or `fit results.csv`."""

    @override
    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        if len(values) == 2 and values[0] == "fit":
            namespace.config, namespace.fit = None, values[1]
        elif len(values) == 1 and values[0] != "fit":
            namespace.config = values[0]
        else:
            parser.error(f"`{' '.join(values)}`: give a run.yaml, or `fit` and the file of results")


def _swarm(options: argparse.Namespace) -> None:
    if options.fit:
        _fit(options)
    else:
        run = load(options)
        with_spark(run, options.master, lambda spark: _draw(run, spark, options))


def _draw(run: Run, spark: Any, options: argparse.Namespace) -> None:
    from rephrase import storage
    from rephrase.cli.swarm_tables import print_swarm
    from rephrase.evidence.drawing import Dirichlet
    from rephrase.evidence.pool import Asked, make_swarm

    folder = options.to or storage.join(run.output, "swarm")
    for name, most in (("temperature", 1.0), ("minimum", 0.5)):
        if not 0 <= getattr(options, name) <= most:
            raise UserError(f"{getattr(options, name):g} is not from 0 to {most:g}", where=f"--{name}", cure="leave it out for the default")
    weakest, strongest = sorted(options.strength)
    how = Dirichlet(weakest, strongest, options.temperature, options.minimum)
    bounds = dict(_bound(word) for word in options.bound)
    asked = Asked(
        options.n,
        options.tokens,
        options.seed,
        how,
        options.for_tokens,
        bounds,
        options.tokenizer or run.tokenizer,
        options.eod,
        options.sequence_length,
    )
    swarm, moved = make_swarm(run, spark, folder, asked)
    print_swarm(swarm, folder, moved)


def _bound(word: str) -> tuple[str, tuple[float, float]]:
    name, equals, ends = word.rpartition("=")
    low, _, high = ends.partition(":")
    try:
        lowest, highest = float(low or 0), float(high or 1)
    except ValueError:
        lowest, highest = 1.0, 0.0
    if not equals or not 0 <= lowest <= highest <= 1:
        raise UserError(f"`{word}` is not NAME=FROM:TO", where="--bound", cure="shares from 0 to 1, for example --bound original=0.3:0.9")
    return name, (lowest, highest)


def _fit(options: argparse.Namespace) -> None:
    from rephrase import storage
    from rephrase.cli.swarm_tables import components_yaml, print_fit
    from rephrase.evidence.fitting import fit_results
    from rephrase.evidence.swarm import load_swarm

    path = options.fit
    if not storage.exists(path):
        raise UserError("there is no such file", where=path, cure="`rephrase proxy` writes results.csv, in the folder of the swarm")
    if options.stay < 0:
        raise UserError("a cost below 0 would drive shares away from the present ones", where="--stay", cure="0 or more")
    if options.to:
        _check_proposal(options.to)
    folder = options.swarm or path.rpartition("/")[0] or "."
    weights = dict(_weight(word) for word in options.weight)
    swarm = load_swarm(folder)
    fitted = fit_results(swarm, path, options.measure, weights, options.form, options.stay, options.resamples, options.seed)
    print_fit(fitted)
    if options.to:
        storage.put(options.to, f"{components_yaml(fitted)}\n".encode())


def _check_proposal(path: str) -> None:
    """Raise a `UserError` for a file that is there and holds anything but an earlier proposal."""
    from rephrase import storage

    try:
        before = storage.read(path)
    except FileNotFoundError:
        return
    if not before.startswith(b"components:\n"):
        raise UserError("something else is there, which a proposal would replace", where=path, cure="give --to the path of a new file")


def _weight(word: str) -> tuple[str, float]:
    name, _, value = word.rpartition("=")
    try:
        weight = float(value)
    except ValueError:
        weight = -1.0
    if not name or not 0 <= weight < float("inf"):
        raise UserError(f"`{word}` is not NAME=X", where="--weight", cure="for example --weight code=2")
    return name, weight
