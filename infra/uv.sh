#!/usr/bin/env bash
# Runs uv with the settings that this machine's pip has, since uv does not read pip's configuration: a wheel or an
# index that pip would find is found by uv too. Where uv is missing, pip puts one into .uv/; the system is left alone.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

if uv --version >/dev/null 2>&1; then
  uv=uv
else
  uv=$root/.uv/bin/uv
  if [ ! -x "$uv" ]; then
    echo "uv is not on the PATH; putting one into .uv/" >&2
    if ! python3 -m pip install -qq --target "$root/.uv" uv >&2; then
      echo "uv could not be installed by pip; install it by hand: https://docs.astral.sh/uv/" >&2
      exit 2
    fi
  fi
fi

settings=$(python3 -m pip config list 2>/dev/null || true)

# One setting of pip's, several values separated by spaces. The order of sections is pip's own.
pip_setting() {
  local section value
  for section in :env: install global; do
    value=$(printf '%s\n' "$settings" | sed -n "s/^$section\.$1='\(.*\)'\$/\1/p")
    if [ -n "$value" ]; then
      # shellcheck disable=SC2086  # the split is wanted: it makes line breaks and runs of spaces one space
      echo ${value//\\n/ }
      return
    fi
  done
}

# Sets a variable that uv reads, unless the user has set it or pip has no such setting.
hand_over() {
  if [ -z "${!1-}" ] && [ -n "$2" ]; then export "$1=$2"; fi
}

if [ -z "${UV_INDEX-}" ] && [ -z "${UV_INDEX_STRATEGY-}" ] && [ -n "$(pip_setting extra-index-url)" ]; then
  export UV_INDEX_STRATEGY=unsafe-best-match # pip takes the best version of all indexes, uv by default the first index
fi
links=$(pip_setting find-links)
hand_over UV_FIND_LINKS "${links// /,}"
hand_over UV_INDEX "$(pip_setting extra-index-url)"
hand_over UV_DEFAULT_INDEX "$(pip_setting index-url)"
hand_over UV_INSECURE_HOST "$(pip_setting trusted-host)"
hand_over SSL_CERT_FILE "$(pip_setting cert)"

exec "$uv" "$@"
