"""The command `rephrase`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rephrase import __version__
from rephrase.errors import UserError

if TYPE_CHECKING:
    from rephrase.config import EngineConfig, Run

_DESCRIPTION = """\
Turn a raw web corpus into a pretraining mixture: shard the documents, rewrite them with a language model,
keep what the checks call good, and mix it with the originals. All on Spark, resumable at any point."""

_EXAMPLES = """\
examples:
  rephrase run run.yaml                              all stages; run again to resume
  rephrase run run.yaml --model ./my-model           with a vLLM engine on this model
  rephrase rewrite run.yaml --master spark://head:7077
  rephrase filter run.yaml --set 'filter.checks=[finished, parsed]' --output out/other
  rephrase rewrite run.yaml --retry-errors           ask again for rows that ended in an error
  rephrase mix run.yaml --plan                       the mixture's table, before anything is written
  rephrase status run.yaml                           how far a run is, from any shell, also after it died
  rephrase tune run.yaml --write                     find the engine settings that are fastest here
  rephrase recipes                                   what can be named under `recipes:`
  rephrase recipes show mga/reformulate              prompts, options and source of one
  rephrase preview wrap/* --input page.jsonl --config run.yaml
  rephrase label crawl/*.warc.gz --rubric label/math --model my/model -o labels.jsonl
  rephrase export run.yaml --format megatron --to s3://bucket/tokens
  rephrase classifier train labels.jsonl -o models/quality
  rephrase contamination run.yaml                    which benchmarks stand in the texts, with examples
  rephrase diversity out/documents out/mixture       how varied the texts still are
  rephrase review export out/judged -o review.html   a page to mark a sample of verdicts by hand

Each stage also runs as `spark-submit jobs/STAGE.py run.yaml`. A run.yaml to start from: examples/run.yaml."""

_STAGES = {
    "shard": "raw web files to the documents table",
    "screen": "documents to verdicts, and near duplicates among them (sections `screen` and `dedup`)",
    "rewrite": "documents to generations, with a language model",
    "filter": "generations to verdicts and scores",
    "dedup": "near duplicates among kept generations and documents (section `dedup`)",
    "mix": "originals and kept generations to the mixture",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Exits with 0, with 2 after an error that the user can mend, or with 130 after Ctrl-C."""
    parser = _parser()
    options = parser.parse_args(arguments)
    action: Callable[[argparse.Namespace], None] = options.action
    try:
        action(options)
    except UserError as error:
        print(f"rephrase: {error.line()}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("rephrase: interrupted; run the same command again to resume", file=sys.stderr)
        sys.exit(130)


def stage_main(stage: str) -> None:
    """Entry point of `spark-submit jobs/STAGE.py run.yaml [options]`."""
    main([stage, *sys.argv[1:]])


def _parser() -> argparse.ArgumentParser:
    from classifiers import command, review_command

    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("rephrase", description=_DESCRIPTION, epilog=_EXAMPLES, formatter_class=style)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    whole = commands.add_parser("run", help="all stages: " + ", ".join(_STAGES), description="Run all stages and print a summary.")
    _add_run_options(whole)
    _add_show_option(whole)
    _add_retry_option(whole)
    whole.set_defaults(action=_run)
    for stage, words in _STAGES.items():
        one = commands.add_parser(stage, help=words, description=f"The {stage} stage: {words}.")
        _add_run_options(one)
        if stage == "rewrite":
            _add_retry_option(one)
        if stage == "filter":
            _add_dry_run_option(one)
        if stage == "mix":
            _add_mix_options(one)
        one.set_defaults(action=_stage, stage=stage)
    status = commands.add_parser("status", help="how far a run is, from any shell", description="Units, rates and the time left.")
    _add_run_options(status)
    status.add_argument("--units", metavar="FILE.parquet", help="also write the notes of all rewrite units as a table, a row a unit")
    status.set_defaults(action=_status)
    _add_tune(commands)
    summary = commands.add_parser("summary", help="print a run's summary again", description="Print the summary of a run so far.")
    _add_run_options(summary)
    _add_show_option(summary)
    summary.set_defaults(action=lambda options: _report(_load(options), options.show))
    words = "Which items of benchmarks stand in documents and generations, by the checks `contamination` of the run, with examples."
    met = commands.add_parser("contamination", help="what each benchmark has met in a run", description=words)
    _add_run_options(met)
    met.add_argument("--examples", type=int, default=3, metavar="N", help="texts shown of each benchmark (default: 3)")
    met.add_argument("--json", metavar="FILE", help="also write all of it there, local or s3://")
    met.set_defaults(action=_contamination)
    words = "All recipes that can stand under `recipes:`; with `show NAME` the prompts, options and source of one, or of a recipe file."
    recipes = commands.add_parser("recipes", help="list the recipes, or show one", description=words)
    recipes.add_argument("words", nargs="*", metavar="[FAMILY | show NAME]", help="only this family; or show NAME or FILE.yaml")
    recipes.set_defaults(action=_recipes)
    _add_preview(commands)
    _add_label(commands)
    _add_export(commands)
    _add_diversity(commands)
    command.add_parser(commands)
    review_command.add_parser(commands)
    return parser


def _add_tune(commands: Any) -> None:
    words = (
        "Try a handful of vLLM settings on a sample of this run's own requests, on the GPUs (or the CPU) of this machine, and say which "
        "is fastest, as a ratio to the engine as it is configured. The shard stage must have run."
    )
    parser = commands.add_parser("tune", help="find the engine settings that are fastest for a run", description=words)
    _add_run_options(parser)
    parser.add_argument("--minutes", type=float, default=20, help="bound on the whole; what is not tried by then is skipped (default: 20)")
    parser.add_argument("--sample", type=int, default=512, metavar="N", help="requests that each setting answers (default: 512)")
    parser.add_argument("--write", action="store_true", help="write the best into run.yaml, as engine.args")
    parser.add_argument("--allow-fp8", action="store_true", help="also try 8-bit weights, which change what the model writes")
    parser.set_defaults(action=_tune)


def _add_preview(commands: Any) -> None:
    words = "The exact prompts of a recipe for the first documents of a file, with token counts; with an engine also what it makes of them."
    parser = commands.add_parser("preview", help="see a recipe's prompts on your own documents", description=words)
    parser.add_argument("recipe", metavar="NAME", help="a recipe's name, a pattern such as wrap/*, or a recipe file")
    parser.add_argument(
        "--input", metavar="FILE", help="documents: WARC, WET, JSONL or Parquet; not needed where a recipe has rows of its own"
    )
    parser.add_argument("--text", default="text", metavar="FIELD", help="the field that holds the text (default: text)")
    parser.add_argument("--also", action="append", default=[], metavar="FIELD", help="a field that the recipe needs; repeatable")
    parser.add_argument("-n", "--number", type=int, default=3, metavar="N", help="documents (default: 3)")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="an option of the recipe; repeatable")
    _add_engine_options(parser)
    parser.set_defaults(action=_preview)


def _add_label(commands: Any) -> None:
    words = "Let a model grade a sample of documents by a rubric, as labels for `rephrase classifier train`. Resumes."
    parser = commands.add_parser("label", help="let a model label a sample, to train a classifier on", description=words)
    parser.add_argument("input", nargs="+", metavar="FILE", help="documents: WARC, WET, JSONL or Parquet; globs, folders, s3://")
    parser.add_argument("-o", "--to", required=True, metavar="labels.jsonl", help="where the labels go, local or s3://")
    parser.add_argument(
        "--rubric", default="label/educational", metavar="NAME", help="a label/… recipe or a recipe file (default: label/educational)"
    )
    parser.add_argument("-n", "--number", type=int, default=1000, metavar="N", help="documents, drawn by their ids (default: 1000)")
    parser.add_argument("--text", default="text", metavar="FIELD", help="the field that holds the text (default: text)")
    _add_engine_options(parser)
    parser.set_defaults(action=_label)


def _add_export(commands: Any) -> None:
    from rephrase.exports import FORMATS

    words = (
        "The mixture of a run, or any folder of Parquet with a column `text`, as files that training frameworks load as they are. Resumes."
    )
    parser = commands.add_parser("export", help="the mixture as files for a training framework", description=words)
    _add_run_options(parser, optional=True)
    parser.add_argument("--format", required=True, choices=FORMATS, help="what reads it")
    parser.add_argument("--from", dest="source", metavar="FOLDER", help="Parquet to export (default: the run's mixture)")
    parser.add_argument("--to", metavar="FOLDER", help="where it goes, local or s3:// (default: OUTPUT/exports/FORMAT)")
    parser.add_argument("--tokenizer", metavar="T", help="tokenizer.json, folder or hub id (default: the run's)")
    parser.add_argument("--eod", metavar="TOKEN", help="the token after each document (default: the tokenizer's end of sequence)")
    parser.add_argument("--compress", action="store_true", help="mds: compress the shards with zstd")
    parser.set_defaults(action=_export)


def _add_diversity(commands: Any) -> None:
    words = (
        "How varied the texts of tables are, side by side: distinct n-grams, compression, self-BLEU, lexical diversity, the rare words of "
        "the first TABLE that are left, and shares of tokens by origin and synthetic depth. All from samples of equal size."
    )
    parser = commands.add_parser("diversity", help="compare how varied tables are, to see a collapse coming", description=words)
    parser.add_argument("tables", nargs="+", metavar="TABLE", help="a folder or file of Parquet with a column `text`, local or s3://")
    parser.add_argument("--sample", type=int, default=2000, metavar="N", help="texts drawn from each, by their ids (default: 2000)")
    parser.add_argument("--model", metavar="FOLDER", help="a model2vec model, to measure how far the texts' meanings spread")
    parser.add_argument("--json", metavar="FILE", help="also write the figures there, local or s3://")
    parser.set_defaults(action=_diversity)


def _add_engine_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tokenizer", help="tokenizer.json, folder or hub id (default: the config's or the model's)")
    parser.add_argument("--model", help="answer the prompts with a vLLM engine on this model")
    parser.add_argument("--config", metavar="run.yaml", help="answer the prompts with the engine of this run")


def _add_run_options(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    parser.add_argument("config", metavar="run.yaml", nargs="?" if optional else None, help="the run's config")
    parser.add_argument("--master", help="Spark master, e.g. local[4], spark://host:7077, k8s://… (default: the config's, or local[*])")
    parser.add_argument("--output", help="write there instead of the config's `output`")
    parser.add_argument("--model", help="rewrite with a vLLM engine on this model: a folder or a hub id")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="replace a key of the config, e.g. mix.seed=7; repeatable",
    )


def _add_show_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--show", type=int, default=0, metavar="N", help="end with N passages of the mixture beside their rewrites")


def _add_retry_option(parser: argparse.ArgumentParser) -> None:
    words = "ask again for all rows that ended in an error; verdicts of those units and the mixture are made again"
    parser.add_argument("--retry-errors", action="store_true", help=words)


def _add_dry_run_option(parser: argparse.ArgumentParser) -> None:
    words = "judge nothing: show what the checks of this config would keep, from the scores of the last run, in seconds"
    parser.add_argument("--dry-run", action="store_true", help=words)


def _add_mix_options(parser: argparse.ArgumentParser) -> None:
    words = "write nothing: show what each component would give, with the rows and tokens that are there, in seconds"
    parser.add_argument("--plan", action="store_true", help=words)
    parser.add_argument(
        "--presets", action=_ShowPresets, nargs=0, help="list the mixtures that `mix: {preset: NAME}` takes, with their papers"
    )


class _ShowPresets(argparse.Action):
    """Prints the presets and exits: the list needs no config."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from jobs.mix_tables import print_presets

        print_presets()
        parser.exit()


def _load(options: argparse.Namespace) -> Run:
    from rephrase.config_file import load_run
    from rephrase.validation import parse_yaml

    overrides: dict[str, Any] = {}
    if options.model:
        model = os.path.abspath(options.model) if os.path.exists(options.model) else options.model
        overrides["engine"] = {"kind": "vllm", "model": model}
    for setting in options.settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise UserError(f"`{setting}` is not KEY=VALUE", where="--set", cure="for example --set mix.seed=7")
        overrides[key.strip()] = parse_yaml(value, f"--set {key}")
    if options.output:
        overrides["output"] = options.output if "://" in options.output else os.path.abspath(options.output)
    return load_run(options.config, overrides)


def _run(options: argparse.Namespace) -> None:
    from jobs.run import run_all

    run = _load(options)
    _with_spark(run, options.master, lambda spark: run_all(run, spark, retry_errors=options.retry_errors))
    _report(run, options.show)


def _stage(options: argparse.Namespace) -> None:
    from jobs.run import run_stage

    run = _load(options)
    if getattr(options, "dry_run", False):
        from jobs.dry_run import dry_run

        dry_run(run)
        return
    if getattr(options, "plan", False):
        from jobs.mix import show_plan

        _with_spark(run, options.master, lambda spark: show_plan(run, spark))
        return
    again = getattr(options, "retry_errors", False)
    _with_spark(run, options.master, lambda spark: run_stage(options.stage, run, spark, retry_errors=again))


def _tune(options: argparse.Namespace) -> None:
    from jobs.tune import tune

    run = _load(options)
    tune(run, options.config, minutes=options.minutes, sample=options.sample, write=options.write, allow_fp8=options.allow_fp8)


def _status(options: argparse.Namespace) -> None:
    from jobs.stats import write_units
    from jobs.status import print_status

    run = _load(options)
    print_status(run)
    if options.units:
        write_units(run, options.units)


def _with_spark(run: Run, master: str | None, action: Callable[[Any], None]) -> None:
    from jobs.run import fasttext_models
    from jobs.session import LazySession

    spark = LazySession(run.spark, master, models=fasttext_models(run))
    try:
        action(spark)
    finally:
        spark.stop()


def _report(run: Run, show: int) -> None:
    from jobs.show import show_pairs
    from jobs.summary import print_summary

    print_summary(run)
    if show:
        show_pairs(run, show)


def _recipes(options: argparse.Namespace) -> None:
    from jobs.recipes import print_list, show

    if options.words[:1] == ["show"]:
        if len(options.words) != 2:
            raise UserError("which recipe?", where="recipes show", cure="for example `rephrase recipes show wrap/easy`")
        show(options.words[1])
    elif len(options.words) > 1:
        raise UserError(
            f"`{' '.join(options.words)}` is not known", where="recipes", cure="`rephrase recipes`, `recipes FAMILY`, `recipes show NAME`"
        )
    else:
        print_list(options.words[0] if options.words else None)


def _engine_and_tokenizer(options: argparse.Namespace) -> tuple[EngineConfig | None, str]:
    """What --config, --model and --tokenizer say, for commands that take no whole run."""
    from rephrase.config import VllmEngine
    from rephrase.config_file import load_run

    run = load_run(options.config) if options.config else None
    engine = VllmEngine(kind="vllm", model=options.model) if options.model else run.engine if run else None
    tokenizer = options.tokenizer or options.model or (run.tokenizer if run else None)
    if not tokenizer:
        raise UserError("no tokenizer to cut and count with", where="tokenizer", cure="give --tokenizer, --model or --config")
    return engine, tokenizer


def _label(options: argparse.Namespace) -> None:
    from jobs.label import label, sample

    engine, tokenizer = _engine_and_tokenizer(options)
    if engine is None:
        raise UserError("no engine to label with", where="label", cure="give --model or --config")
    number = label(sample(options.input, options.number, options.text), options.rubric, engine, tokenizer, options.to)
    print(f"{number} labels in {options.to}")


def _export(options: argparse.Namespace) -> None:
    from jobs.export import Request, export
    from jobs.session import LazySession
    from rephrase import storage
    from rephrase.config import Spark
    from rephrase.exports import TEXT_FORMATS
    from rephrase.exports.catalogue import find_vocabulary

    run = _load(options) if options.config else None
    source = options.source or (storage.join(run.output, "mixture") if run else None)
    to = options.to or (storage.join(run.output, "exports", options.format) if run else None)
    if not source or not to:
        raise UserError("what shall be exported where?", where="export", cure="give a run.yaml, or --from and --to")
    tokenizer = options.tokenizer or (run.tokenizer if run and options.format not in TEXT_FORMATS else None)
    vocabulary = find_vocabulary(tokenizer, options.eod) if tokenizer else None
    source, to = (path if storage.is_s3(path) else os.path.abspath(path) for path in (source, to))  # tasks may run elsewhere
    request = Request(source, to, options.format, vocabulary, options.compress)
    spark = LazySession(run.spark if run else Spark(), options.master)
    try:
        export(request, spark)
    finally:
        spark.stop()


def _contamination(options: argparse.Namespace) -> None:
    from jobs.contamination import contamination

    contamination(_load(options), options.examples, options.json)


def _diversity(options: argparse.Namespace) -> None:
    from jobs.diversity import diversity

    diversity(options.tables, sample=options.sample, model=options.model, json=options.json)


def _preview(options: argparse.Namespace) -> None:
    from jobs.recipes import preview, read_input
    from rephrase.config import RecipeUse
    from rephrase.validation import parse_yaml, validate

    use: dict[str, Any] = {"use": options.recipe, "options": {}}
    for setting in options.option:
        key, equals, value = setting.partition("=")
        if not equals:
            raise UserError(f"`{setting}` is not KEY=VALUE", where="--option", cure="for example --option n=3")
        use["options"][key] = parse_yaml(value, "--option")
    engine, tokenizer = _engine_and_tokenizer(options)
    documents = read_input(options.input, options.text, options.also) if options.input else []
    checked: RecipeUse = validate(RecipeUse, use, f"recipe `{options.recipe}`")
    preview(checked, documents=documents, tokenizer=tokenizer, engine=engine, number=options.number)


if __name__ == "__main__":
    main()
