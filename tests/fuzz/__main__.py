"""The long mode: `python -m tests.fuzz --inputs 10000 [--seed N] [--only parsers]`. The exit code is 1 where an input broke something."""

from __future__ import annotations

import argparse
import sys

from tests.fuzz.run import run
from tests.fuzz.targets import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000, help="for all that is tried together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=sorted(TARGETS))
    options = parser.parse_args()
    names = [options.only] if options.only else list(TARGETS)
    broken = 0
    for name in names:
        failures = run(name, options.inputs // len(names), options.seed)
        broken += len(failures)
        print(f"{name}: {options.inputs // len(names)} inputs, {len(failures)} broke something", flush=True)
        for failure in failures[:20]:
            print(f"  {failure}")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
