"""`spark-submit jobs/shard.py run.yaml`: raw web files to the documents table. The same as `rephrase shard`."""

from rephrase.cli.main import job

if __name__ == "__main__":
    job("shard")
