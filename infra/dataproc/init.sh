#!/usr/bin/env bash
# An initialization action of Dataproc: puts the GPU discovery script where infra/spark-defaults.conf names it. It lies beside this script in
# the bucket, whose folder is the cluster's metadata `rephrase-staging`. The driver of GPUs is there before: see docs/clouds.md.
set -euo pipefail
staging=$(/usr/share/google/get_metadata_value attributes/rephrase-staging)
mkdir -p /opt/rephrase/infra
gcloud storage cp "$staging/gpu-discovery.sh" /opt/rephrase/infra/gpu-discovery.sh
chmod 755 /opt/rephrase/infra/gpu-discovery.sh
