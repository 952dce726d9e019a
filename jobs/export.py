"""`spark-submit jobs/export.py run.yaml --format megatron`: the mixture for a training framework. The same as `rephrase export`."""

from rephrase.cli.main import job

if __name__ == "__main__":
    job("export")
