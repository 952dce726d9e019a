#!/usr/bin/env bash
# A cluster-scoped init script of Databricks: rephrase in the Python of jobs, with vLLM where there are GPUs. REPHRASE_WHEEL is a variable of the
# cluster: /Volumes/CATALOG/SCHEMA/VOLUME/rephrase-VERSION-py3-none-any.whl.
set -euo pipefail
extras=''
if command -v nvidia-smi > /dev/null; then extras='[gpu]'; fi
/databricks/python/bin/pip install --quiet "${REPHRASE_WHEEL}${extras}"
