"""`spark-submit jobs/mix.py run.yaml`: originals and kept generations to the mixture. The same as `rephrase mix`."""

from rephrase.cli.main import job

if __name__ == "__main__":
    job("mix")
