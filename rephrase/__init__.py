"""Rewrite a web corpus into pretraining data. The library: no Spark, no heavy imports; see `jobs` for the cluster side."""

__version__ = "0.2.0"
