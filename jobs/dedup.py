"""`spark-submit jobs/dedup.py run.yaml`: near duplicates among kept generations and documents. The same as `rephrase dedup`."""

from rephrase.cli.main import job

if __name__ == "__main__":
    job("dedup")
