"""Files that training frameworks load as they are: a module for each format, free of Spark."""

FORMATS = ("megatron", "mds", "datatrove", "numpy", "litdata", "jsonl")
TEXT_FORMATS = ("mds", "jsonl")  # which need no tokenizer
