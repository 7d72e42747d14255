#!/usr/bin/env bash
# tools/docker_engine.sh COMMAND...: run a command with a Docker engine at hand.
# An engine that answers is used as it is. Else one is installed (Debian, as root), started for the
# time of the command, and ended afterwards: only the one that was started here.
set -euo pipefail

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    missing=()
    [ -x /bin/busybox ] || missing+=(busybox-static)
    docker info >/dev/null 2>&1 || command -v dockerd >/dev/null || missing+=(docker.io iptables)
    if [ ${#missing[@]} -gt 0 ]; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    fi
fi

if docker info >/dev/null 2>&1; then
    exec "$@"
fi

state=$(mktemp -d)
dockerd --pidfile "$state/dockerd.pid" >"$state/dockerd.log" 2>&1 &
engine=$!
finish() {
    kill "$engine" 2>/dev/null || true
    wait "$engine" 2>/dev/null || true
    rm -rf "$state"
}
trap finish EXIT
for _ in $(seq 120); do
    docker info >/dev/null 2>&1 && break
    if ! kill -0 "$engine" 2>/dev/null; then
        tail -20 "$state/dockerd.log"
        echo "the Docker engine did not start"
        exit 1
    fi
    sleep 0.5
done
"$@"
