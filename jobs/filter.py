"""`spark-submit jobs/filter.py run.yaml`: generations to verdicts and scores. The same as `rephrase filter`."""

from rephrase.cli.main import job

if __name__ == "__main__":
    job("filter")
