#!/usr/bin/env bash
# Spark's GPU discovery script: prints the GPUs of this executor or worker as Spark wants them. A scheduler that hands out
# single GPUs of a shared machine says so in CUDA_VISIBLE_DEVICES; otherwise all GPUs that the driver shows are ours.
set -euo pipefail
if [ -n "${CUDA_VISIBLE_DEVICES-}" ]; then
  gpus=$CUDA_VISIBLE_DEVICES
else
  gpus=$(nvidia-smi --query-gpu=index --format=csv,noheader | paste -sd, -)
fi
gpus=${gpus// /}
[ -z "$gpus" ] || gpus="\"${gpus//,/\",\"}\""
echo "{\"name\": \"gpu\", \"addresses\": [$gpus]}"
