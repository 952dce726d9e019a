"""The rooms of the house: imports go down, never in a circle, and nothing stands in it that nobody reaches."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# From the ground up. A file may import what stands below its room, and its own room.
ROOMS = [
    ["rephrase.errors", "rephrase.lazy"],
    ["rephrase.records"],
    ["rephrase.labels", "rephrase.notes", "rephrase.settings"],
    ["rephrase.storage"],
    ["rephrase.live"],
    ["rephrase.names", "rephrase.text", "rephrase.verifiers"],
    ["rephrase.problems"],
    ["rephrase.readers", "rephrase.engines"],
    ["rephrase.recipes"],
    ["rephrase.generation", "rephrase.mixing", "rephrase.exports", "rephrase.lakehouse"],
    ["classifiers", "rephrase.loading"],
    ["rephrase.config"],
    ["rephrase.documents"],
    ["rephrase.spark.runtime"],
    ["rephrase.spark.stages.meaning"],
    ["rephrase.spark.stages.base"],
    ["rephrase.spark.stages"],
    ["rephrase.spark.stages.declarations"],
    ["rephrase.spark.stages.pipeline"],
    ["rephrase.spark"],
    ["rephrase.planning"],
    ["rephrase.doctor", "rephrase.evidence", "rephrase.init"],
    ["rephrase.report"],
    ["rephrase.submit"],
    ["rephrase.cli"],
    ["jobs", "bench", "examples"],
]
# What nothing imports: it is run, or found by its name.
ENTRANCES = {
    "rephrase.problems.gym_child": "a process of its own",
    "rephrase.problems.sql_child": "a process of its own",
    "rephrase.verifiers.algebra_child": "a process of its own",
    "rephrase.verifiers.sandbox_child": "a process of its own",
    "rephrase.text.code.syntax_child": "a process of its own",
}
# Packages that name what stands in the rooms, and import it when it is asked for: they reach it, and load nothing (test_front_door.py).
DOORS = {"rephrase", "classifiers", "rephrase.loading", "rephrase.spark"}


def modules() -> dict[str, Path]:
    """All files of the product and its scripts, by module name."""
    files = [path for top in ("rephrase", "classifiers", "jobs", "bench", "examples") for path in sorted((ROOT / top).rglob("*.py"))]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


@cache
def imports() -> dict[str, set[str]]:
    """The modules that each one imports, anywhere in it."""
    known = modules()
    siblings = {path.stem: name for name, path in known.items() if name.startswith("bench.")}  # scripts import what stands beside them
    graph = {}
    for name, path in known.items():
        targets: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                targets |= {
                    f"{node.module}.{alias.name}" if f"{node.module}.{alias.name}" in known else node.module for alias in node.names
                }
        if name.startswith("bench."):
            targets = {siblings.get(target, target) for target in targets}
        graph[name] = {target for target in targets if target in known} - {name}
    return graph


def loaded() -> dict[str, set[str]]:
    """The same graph without what doors only name."""
    return {name: set() if name in DOORS else targets for name, targets in imports().items()}


def level(module: str) -> int:
    """How high a module's room is: that with the longest name that it begins with. Packages of rooms stand as high as their highest."""
    rooms = {room: number for number, several in enumerate(ROOMS) for room in several}
    fitting = [room for room in rooms if module == room or module.startswith(f"{room}.")]
    assert fitting or module == "rephrase", f"{module} stands in no room: give it one in ROOMS"
    return rooms[max(fitting, key=len)] if fitting else 0


def test_imports_go_down():
    upward = [(name, target) for name, targets in loaded().items() for target in targets if level(target) > level(name)]
    assert upward == []


def test_rooms_of_one_level_do_not_know_each_other():
    def room(module: str) -> str:
        return max((r for several in ROOMS for r in several if module == r or module.startswith(f"{r}.")), key=len, default=module)

    across = [
        (name, target)
        for name, targets in loaded().items()
        for target in targets
        if level(target) == level(name) and room(target) != room(name) and target != "rephrase"
    ]
    assert across == []


def test_no_circle():
    graph, done, path = loaded(), set(), []

    def visit(module: str) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return []
        path.append(module)
        circle = next((found for target in sorted(graph[module]) if (found := visit(target))), [])
        path.pop()
        done.add(module)
        return circle

    assert [circle for module in graph if (circle := visit(module))] == []


def named() -> set[str]:
    """The modules whose names stand as strings somewhere: kinds are found by them, and processes started."""
    trees = (ast.parse(path.read_text()) for path in modules().values())
    return {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_nothing_stands_unreached():
    reached = {target for targets in imports().values() for target in targets} | named()
    packages = {name for name, path in modules().items() if path.name == "__init__.py"}
    scripts = {name for name in modules() if name.split(".")[0] in ("jobs", "bench", "examples")}
    assert modules().keys() - reached - packages - scripts == ENTRANCES.keys()


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("rephrase", {"vllm", "fasttext", "jobs"}),
        ("classifiers", {"pyspark", "vllm", "boto3", "jobs"}),
    ],
)
def test_heavy_packages_stay_in_their_rooms(package: str, forbidden: set[str]):
    allowed = {
        "pyspark": "rephrase.spark",
        "boto3": "rephrase.storage.s3",
        "fasttext": "classifiers.fasttext",
        "onnxruntime": "classifiers.encoder",
        "gliner": "classifiers.entities.by_gliner",
        "presidio_analyzer": "classifiers.entities.by_presidio",
    }
    found = []
    for name, path in modules().items():
        if name.split(".")[0] != package:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            tops = {one.split(".")[0] for one in names}
            found += [(name, top) for top in tops & (forbidden | allowed.keys()) if not (top in allowed and name.startswith(allowed[top]))]
    assert found == []
