"""What Spark's exceptions mean: its own lines tell last, or not at all, what the user can mend."""

from __future__ import annotations

import re

from rephrase.errors import UserError, from_traceback

_LOG = "the executor's log has the whole traceback; run again to resume"
# What begins no Python worker: there is no such program, or it lacks our package. Patterns of Spark 4's PythonWorkerFactory.
_NO_WORKER = {
    re.compile(r'(Cannot run program "[^"]+"): [^\n]*'): "each executor needs that program: set PYSPARK_PYTHON, or spark.conf."
    "spark.pyspark.python, to the Python of an environment with rephrase",
    re.compile(r"Error from python worker:\s*\n\s*([^\n]+)"): "each executor's Python needs rephrase installed, and no other module or "
    "folder of a name that it imports",
}


def readable(error: BaseException) -> BaseException:
    """A task's `UserError` taken out of Spark's exception, or a short `UserError` that quotes what failed in the task."""
    if isinstance(error, UserError | KeyboardInterrupt):
        return error
    text = str(error)
    if user_error := from_traceback(text):
        return user_error
    for pattern, cure in _NO_WORKER.items():
        if match := pattern.search(text):
            return UserError(f"no Python worker starts: {match.group(0 if match.group(1).startswith('Cannot') else 1)}", cure=cure)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    python = [line for line in lines if _looks_like_python_error(line)]
    causes = [line for line in lines if line.startswith(("Caused by: ", ": ")) and not _is_bare(line)]
    java = [cause.removeprefix("Caused by").removeprefix(": ") for cause in causes]
    message = (python or java[-1:] or lines or [repr(error)])[0]
    return UserError(f"a Spark task failed: {message}", cure=_LOG)


def _looks_like_python_error(line: str) -> bool:
    head = line.split(":", 1)[0]
    return ":" in line and head.replace(".", "").replace("_", "").isalnum() and head.endswith(("Error", "Exception")) and "org." not in head


def _is_bare(line: str) -> bool:
    """Whether a line names a class of exceptions and says nothing more."""
    return re.fullmatch(r"(Caused by|): [\w.$]+:?", line) is not None
