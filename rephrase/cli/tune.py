"""The command `rephrase tune`."""

from __future__ import annotations

import argparse
from typing import Any

from rephrase.cli.options import add_run_options, load


def add_parser(commands: Any) -> None:
    """Add the command to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    text = (
        "Try vLLM settings on a sample of this run's own requests, on GPUs (or the CPU) of this machine, as many as an executor has where "
        "the config says it, and tell which is fastest, as a ratio to the engine as it is configured. Each is tried for a while under a "
        "full queue; the better half is combined and tried longer, and the best two longer again, beside the engine as it is. "
        "The shard stage must have run."
    )
    parser = commands.add_parser("tune", help="find the engine settings that are fastest for a run", description=text)
    add_run_options(parser)
    parser.add_argument("--minutes", type=float, default=20, help="bound on the whole; what is not tried by then is skipped (default: 20)")
    parser.add_argument("--sample", type=int, metavar="N", help="requests that go round (default: 512, on GPUs four times those in flight)")
    parser.add_argument("--seconds", type=float, default=20, help="length of a trial in the first round (default: 20)")
    parser.add_argument("--write", action="store_true", help="write the best into run.yaml, below `engine`")
    parser.add_argument("--engine", metavar="NAME", help="one of the run's `engines` (default: `writer`, or the first)")
    parser.set_defaults(allow=[])
    allow = {"action": "append_const", "dest": "allow"}
    parser.add_argument("--allow-fp8", **allow, const="fp8", help="also try 8-bit weights and cache, which change what the model writes")
    about = "also try passages in front of the instructions, which changes the prompts"
    parser.add_argument("--allow-document-first", **allow, const="document_first", help=about)
    parser.set_defaults(action=_tune)


def _tune(options: argparse.Namespace) -> None:
    from rephrase.cli.tuning import tune

    run = load(options)
    limits = {"minutes": options.minutes, "sample": options.sample, "seconds": options.seconds}
    tune(run, options.config, **limits, write=options.write, changes=options.allow, engine_name=options.engine)
