"""The command `rephrase submit`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from rephrase.cli.help import Lines
from rephrase.cli.options import add_run_options, load, replacing_words
from rephrase.errors import UserError
from rephrase.live.plain_console import harmless

_DESCRIPTION = """\
Print the commands that give a run, or a stage of it, to a cluster: with the archive of `make package`, the settings of
infra/spark-defaults.conf and the variables that the executors need; keys stand there by name only. With --yes they are run. What of the
archive or of this Python would fail on the cluster is told first, and ends the command with 2."""

_EXAMPLES = """\
examples:
  make package && infra/standalone/up
  rephrase submit run.yaml --to standalone --master spark://host:7077 --archive dist/rephrase-….tar.gz --yes
  rephrase submit run.yaml --to yarn --stage rewrite --archive dist/rephrase-….tar.gz
  rephrase submit run.yaml --to k8s --master k8s://https://host:443 --image registry.example.org/rephrase:0.2.0
  rephrase submit run.yaml --to emr --cluster j-… --staging s3://bucket/rephrase --archive dist/rephrase-….tar.gz
  rephrase submit run.yaml --to databricks --cluster ID --staging /Volumes/main/default/rephrase --archive dist/rephrase-….whl"""

_STAGES = ("run", "shard", "screen", "rewrite", "filter", "dedup", "mix", "export", "doctor")


def add_parser(commands: Any) -> None:
    """Add the command to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    parser = commands.add_parser(
        "submit",
        help="give a run to a cluster, or print how",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=Lines,
    )
    add_run_options(parser)
    parser.add_argument("--to", required=True, choices=["standalone", "k8s", "yarn", "emr", "databricks"], help="the kind of cluster")
    parser.add_argument("--stage", default="run", choices=_STAGES, help="a stage instead of all, or the doctor (default: run)")
    text = "the environment, as `make package` makes it; for databricks the wheel"
    parser.add_argument("--archive", default="", metavar="FILE", help=text)
    parser.add_argument("--image", default="", help="of a container with the environment, for k8s: see infra/Dockerfile")
    modes = ["client", "cluster"]
    parser.add_argument("--deploy-mode", default="client", choices=modes, help="where yarn runs the driver: here (client), or there")
    text = "what takes the files that emr (s3://…) or databricks (/Volumes/…) read"
    parser.add_argument("--staging", default="", metavar="PLACE", help=text)
    parser.add_argument("--cluster", default="", metavar="ID", help="a running cluster of emr or databricks")
    text = "where k8s or databricks keep the keys, each by the name of its variable (default: rephrase)"
    parser.add_argument("--secret", default="rephrase", metavar="NAME", help=text)
    text = "a setting of Spark, which wins over those printed; repeatable"
    parser.add_argument("--conf", action="append", default=[], metavar="KEY=VALUE", help=text)
    parser.add_argument("--yes", action="store_true", help="run the commands instead of printing them")
    parser.set_defaults(action=_submit)


def _submit(options: argparse.Namespace) -> None:
    from rephrase.submit.command import script
    from rephrase.submit.everywhere import TARGETS
    from rephrase.submit.fitting import findings
    from rephrase.submit.order import Order

    run = load(options)
    order = Order(
        run,
        options.config,
        options.stage,
        tuple(replacing_words(options)),
        options.master or run.spark.master or "",
        options.archive,
        options.image,
        options.deploy_mode == "cluster",
        options.staging,
        options.cluster,
        options.secret,
        dict(_setting(word) for word in options.conf),
    )
    text = script(TARGETS[options.to](order))
    failed = False
    for finding in findings(order, options.to):
        failed |= finding.status == "fail"
        cure = f" (cure: {finding.cure})" if finding.cure and finding.status != "ok" else ""
        print(f"{finding.status:<4}  {finding.check:<7}  {harmless(finding.text + cure)}", file=sys.stderr)
    if failed:
        sys.exit(2)
    if not options.yes:
        print(text)
        return
    sys.stderr.flush()
    os.execvp("bash", ["bash", "-euo", "pipefail", "-c", text])  # noqa: S606, S607  # what was asked for, and whichever bash there is


def _setting(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not name.startswith("spark."):
        raise UserError(f"`{word}` is no setting of Spark", where="--conf", cure="for example --conf spark.executor.memory=8g")
    return name, value
