"""The standard output, which may be a pipe that nobody reads any more, or a file on a full disk."""

from __future__ import annotations

import os
import sys


def fault_of_output() -> OSError | None:
    """After an `OSError`: why nothing can be printed; None where something can. After a fault all further output is dropped."""
    try:
        print(flush=True)  # a flush alone would not tell: what could not be written is dropped
    except OSError as error:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())  # Python writes the rest once more as it ends
        os.close(null)
        return error
    return None
