#!/usr/bin/env bash
# A cluster-scoped init script of Databricks: rephrase with vLLM in the Python of notebooks and jobs, before Spark starts its Python daemon,
# which is ours. REPHRASE_WHEEL is a variable of the cluster: /Volumes/CATALOG/SCHEMA/VOLUME/rephrase-VERSION-py3-none-any.whl.
set -euo pipefail
extras=''
if command -v nvidia-smi > /dev/null; then
  extras='[gpu]'
  mkdir -p /opt/rephrase/infra
fi
/databricks/python/bin/pip install --quiet "${REPHRASE_WHEEL}${extras}"
if [ -n "$extras" ]; then
  install -m 755 /databricks/python/share/rephrase/infra/gpu-discovery.sh /opt/rephrase/infra/gpu-discovery.sh
fi
