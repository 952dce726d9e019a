"""`spark-submit jobs/rewrite.py run.yaml`: documents to generations, with a language model. The same as `rephrase rewrite`."""

from rephrase.cli.main import job

if __name__ == "__main__":
    job("rewrite")
