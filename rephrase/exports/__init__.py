"""Files that training frameworks load as they are: a module for each format, free of Spark."""

from typing import Literal, get_args

Strategy = Literal["concatenate", "best-fit"]

FORMATS = ("megatron", "mds", "datatrove", "numpy", "litdata", "packed", "jsonl")
TEXT_FORMATS = ("mds", "jsonl")  # which need no tokenizer
PACKINGS: tuple[Strategy, ...] = get_args(Strategy)
