"""The long mode: `python -m tests.fuzz --cases 100000 [--seed N] [--only parsers]`. The exit code is 1 where a case broke something."""

from __future__ import annotations

import argparse
import sys
import time

from tests.fuzz.run import run, shares
from tests.fuzz.targets import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", "--inputs", type=int, default=10_000, help="of all targets together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=sorted(TARGETS))
    options = parser.parse_args()
    broken = 0
    for name, cases in ({options.only: options.cases} if options.only else shares(options.cases)).items():
        began = time.monotonic()
        failures = run(name, cases, options.seed)
        broken += len(failures)
        print(f"{name}: {cases} cases in {time.monotonic() - began:.0f} s, {len(failures)} broke something", flush=True)
        for failure in failures[:20]:
            print(f"  {failure}", flush=True)
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
