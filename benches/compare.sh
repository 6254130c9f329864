#!/usr/bin/env bash
# Beside ngircd, nats-server, mosquitto and ejabberd from Debian, in one table; --help lists ARGS.
set -euo pipefail
cd "$(dirname "$0")/.."
exec ./build.sh bench-compare "$@"
