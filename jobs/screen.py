"""`spark-submit jobs/screen.py run.yaml`: a verdict on each document, and near duplicates among them. The same as `rephrase screen`."""

from rephrase.cli.main import job

if __name__ == "__main__":
    job("screen")
