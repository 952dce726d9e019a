#!/usr/bin/env bash
# Prints the JAVA_HOME of a Java that Spark can use: 17 or newer, with the vector module that Spark asks for.
# Looks in JAVA_HOME, on the PATH and in the usual folders; else installs one where that needs no question;
# else prints the command that cures it and exits with 2. Only the folder goes to stdout.
set -euo pipefail
shopt -s nullglob

# The home of the given java command, if it is good enough. One start tells all: it fails without the module.
good_home() {
  local told version
  told=$("$1" --add-modules=jdk.incubator.vector -XshowSettings:properties -version 2>&1) || return 1
  version=$(sed -n 's/^ *java\.specification\.version = \([0-9]*\).*/\1/p' <<<"$told")
  [ "${version:-0}" -ge 17 ] || return 1
  sed -n 's/^ *java\.home = //p' <<<"$told"
}

find_java() {
  local java
  for java in ${JAVA_HOME:+"$JAVA_HOME/bin/java"} java \
    /usr/lib/jvm/*/bin/java /opt/*{jdk,jre,java}*/bin/java \
    {/opt/homebrew,/usr/local}/opt/openjdk*/bin/java /Library/Java/JavaVirtualMachines/*/Contents/Home/bin/java \
    "${HOME:-/}"/.sdkman/candidates/java/*/bin/java "${HOME:-/}"/.jdks/*/bin/java; do
    if good_home "$java"; then return 0; fi
  done
  return 1
}

has() { command -v "$1" >/dev/null 2>&1; }

if find_java; then exit 0; fi

# Distributions carry different versions, the oldest that serves is taken.
first_of() {
  local shows=$1 package
  shift
  for package in "$@"; do
    if $shows "$package" >/dev/null 2>&1; then echo "$package" && return; fi
  done
  echo "$1"
}

asks=yes # whether the command would stop for a password
if [ "$(id -u)" = 0 ]; then
  sudo='' asks=no
else
  sudo='sudo '
  if has sudo && sudo -n true 2>/dev/null; then asks=no; fi
fi

if has apt-get; then
  if [ $asks = no ]; then ${sudo}apt-get -qq update >&2 || true; fi
  package=$(first_of 'apt-cache show' openjdk-{17,21,25}-jre-headless)
  command="${sudo}apt-get install -y --no-install-recommends $package"
  if [ $asks = yes ]; then command="${sudo}apt-get update && $command"; fi
elif has dnf; then
  command="${sudo}dnf install -y $(first_of 'dnf -q list' java-{17,21,25}-openjdk-headless)"
elif has apk; then
  command="${sudo}apk add openjdk17-jre-headless"
elif has brew; then
  asks=no command='brew install openjdk@17'
else
  asks=yes command=''
fi

if [ $asks = no ]; then
  echo "No Java 17 or newer found; installing one: $command" >&2
  if DEBIAN_FRONTEND=noninteractive $command >&2 </dev/null && find_java; then exit 0; fi
fi

echo "rephrase: Spark needs a Java 17 or newer, and none was found in JAVA_HOME, on the PATH or in the usual folders" >&2
if [ -n "$command" ]; then
  echo "cure: $command" >&2
else
  echo "cure: export JAVA_HOME=/folder/of/a/jdk-17   # any JDK or JRE from 17 on, for instance from https://adoptium.net" >&2
fi
exit 2
