"""What bench/catalogue.py tells of each step: counts, reasons of failures with examples, and the page that shows them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from rephrase.recipes.base import Recipe, Row

SHOWN = 700  # characters of a completion in an example


def steps_of(recipe: Recipe, rows: Sequence[Row], tables: Sequence[pa.Table], *, examples: int) -> Iterator[dict[str, Any]]:
    """For each step of a recipe: its counts, and examples of what failed, by reason.

    `rows` counts what the step made of its completions, `parsed` those of the form that was asked for, whatever a grade
    or a verdict in it said, `judged` those with training text, and `kept` what
    the default checks keep of these.
    """
    for step, table in zip(recipe.steps, tables, strict=True):
        generations = table.to_pylist()
        verdicts = _verdicts(recipe, rows, table)
        reasons: Counter[str] = Counter()
        shown: dict[str, list[dict[str, str]]] = defaultdict(list)
        for generation, verdict in zip(generations, verdicts, strict=True):
            reason = generation["error"] or (f"check:{verdict}" if verdict not in ("keep", "intermediate") else None)
            if reason is None:
                continue
            reasons[reason] += 1
            if len(shown[reason]) < examples:
                text = generation["text"] if reason.startswith("check:") else generation["completion"]
                shown[reason].append({"document": generation["document_id"], "completion": (text or "")[:SHOWN]})
        asked = {generation["request_digest"]: generation for generation in generations}.values()
        yield {
            "recipe": recipe.name,
            "step": step.name,
            "requests": len(asked),
            "finished": sum(generation["finish_reason"] == "stop" for generation in asked),
            "rows": len(generations),
            "parsed": sum(not (generation["error"] or "").startswith(("parse:", "engine:")) for generation in generations),
            "judged": sum(verdict != "intermediate" for verdict in verdicts),
            "kept": verdicts.count("keep"),
            "tokens": sum(generation["completion_tokens"] or 0 for generation in asked),
            "reasons": dict(reasons.most_common()),
            "examples": dict(shown),
        }


def _verdicts(recipe: Recipe, rows: Sequence[Row], table: pa.Table) -> list[str]:
    import pyarrow as pa

    from classifiers import judge

    if not table.num_rows:
        return []
    documents = [row.document for row in rows]
    known = pa.table(
        {
            "id": [document.id for document in documents],
            "text": [document.text for document in documents],
            "language": pa.array([document.language for document in documents], pa.string()),
        }
    )
    verdicts: list[str] = judge(table, known, id="id", recipes=[recipe]).column("verdict").to_pylist()
    return verdicts


def falls(report: dict[str, Any], earlier: dict[str, Any]) -> list[str]:
    """A line for each step of which less parses, or is kept, than in an earlier report; steps that only one of them has are left out."""
    before = {(step["recipe"], step["step"]): step for step in earlier["steps"]}
    lines = []
    for step in report["steps"]:
        then = before.get((step["recipe"], step["step"]))
        for count, of in (("parsed", "rows"), ("kept", "judged")):
            if then and then[of] and step[of] and step[count] / step[of] < then[count] / then[of]:
                figures = f"{step[count]} of {step[of]}, {then[count]} of {then[of]} before"
                lines.append(f"{step['recipe']}, {step['step']}: fewer {count}: {figures}")
    return lines


def markdown(report: dict[str, Any]) -> str:
    """The report as a page: a table with a line for each step, and below it the examples."""
    lines = [
        f"# The catalogue on {report['model']}, {report['date']}",
        "",
        f"{report['documents']} passages for each recipe, completions of at most {report['tokens']} tokens.",
        "",
        "| recipe | step | requests | finished | parsed | kept | tokens each | what failed |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    lines += [_line(step) for step in report["steps"]]
    for step in report["steps"]:
        for reason, several in step["examples"].items():
            lines += ["", f"## {step['recipe']}, {step['step']}: {reason}"]
            for example in several:
                lines += ["", f"On {example['document']}:", "", *(f"> {text}" for text in example["completion"].splitlines() or [""])]
    return "\n".join(lines) + "\n"


def _line(step: dict[str, Any]) -> str:
    why = ", ".join(f"{reason} {count}" for reason, count in step["reasons"].items())
    kept = f"{step['kept']} of {step['judged']}" if step["judged"] else "-"
    each = f"{step['tokens'] / step['requests']:.0f}" if step["requests"] else "-"
    counts = f"{step['requests']} | {step['finished']} | {step['parsed']} of {step['rows']} | {kept} | {each}"
    return f"| {step['recipe']} | {step['step']} | {counts} | {why} |"
