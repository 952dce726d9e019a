"""`spark-submit jobs/run.py run.yaml`: all stages, and a summary. The same as `rephrase run`."""

from rephrase.cli.main import job

if __name__ == "__main__":
    job("run")
