"""`spark-submit jobs/doctor.py run.yaml`: what a run needs and lacks, on this cluster. The same as `rephrase doctor`."""

from rephrase.cli.main import job

if __name__ == "__main__":
    job("doctor")
