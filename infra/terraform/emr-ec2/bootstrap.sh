#!/usr/bin/env bash
# A bootstrap action of EMR: puts the GPU discovery script, of which it is given the s3:// URL, where infra/spark-defaults.conf names it, and
# gives YARN the control groups by which it parts the GPUs of a machine that has some, where gpu-configurations.json looks for them.
set -euo pipefail
sudo mkdir -p /opt/rephrase/infra
aws s3 cp "$1" /tmp/gpu-discovery.sh
sudo install -m 755 /tmp/gpu-discovery.sh /opt/rephrase/infra/gpu-discovery.sh
if lspci | grep -qi nvidia; then
  sudo mkdir -p /rephrase-cgroup/devices
  sudo mount -t cgroup -o devices cgroupv1-devices /rephrase-cgroup/devices
  sudo chmod -R a+rwx /rephrase-cgroup
fi
