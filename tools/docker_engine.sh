#!/usr/bin/env bash
# A Docker engine for the tests, and the packages that they need besides.
#   docker_engine.sh start        nothing, when one answers; else installs and starts one (as root)
#   docker_engine.sh stop         ends the one that `start` began, by its recorded pid, and no other
#   docker_engine.sh with CMD...  start, CMD, and stop if it was started here; the exit code is CMD's
set -euo pipefail

state=${BREAKFIX_TEST_ENGINE:-/tmp/breakfix-test-engine.$(id -u)}
started_pid=$state/dockerd.pid
log=$state/dockerd.log
wait_s=60
began_here=

answers() {
    timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

comm_of() {
    cat "/proc/${1:-none}/comm" 2>/dev/null || true
}

install() {
    local wanted=()
    [ -x /bin/busybox ] || wanted+=(busybox-static)
    compgen -G "/usr/lib/*/faketime/libfaketime.so.1" >/dev/null || wanted+=(libfaketime)
    { command -v dockerd && command -v docker; } >/dev/null || wanted+=(docker.io iptables)
    [ -x /usr/sbin/sshd ] || wanted+=(openssh-server)
    { command -v sudo && command -v ssh; } >/dev/null || wanted+=(sudo openssh-client)
    compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || wanted+=(postgresql)
    [ ${#wanted[@]} -eq 0 ] && return
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "These tests need ${wanted[*]}: install them, or run this as root on Debian." >&2
        exit 1
    fi
    echo "Installing ${wanted[*]}"
    # A package that starts its daemon would leave one that nobody here may end.
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    { apt-get update -qq && apt-get install -y -qq "${wanted[@]}"; } </dev/null >"$state/apt.log" 2>&1 \
        || { tail -n 30 "$state/apt.log" >&2; exit 1; }
}

start() {
    mkdir -p "$state"
    install
    if answers; then
        echo "A Docker engine answers: $(docker version --format '{{.Server.Version}}')"
        return
    fi
    if [ "$(id -u)" != 0 ]; then
        echo "No Docker engine answers, and only root can start one." >&2
        exit 1
    fi
    # A daemon that was killed leaves its pid file, and another process may have that pid by now.
    [ "$(comm_of "$(cat /var/run/docker.pid 2>/dev/null)")" = dockerd ] || rm -f /var/run/docker.pid
    setsid dockerd >"$log" 2>&1 </dev/null &
    echo $! >"$started_pid"
    began_here=yes
    local end=$((SECONDS + wait_s))
    until answers; do
        if [ $SECONDS -ge $end ] || ! kill -0 "$(cat "$started_pid")" 2>/dev/null; then
            echo "dockerd does not answer. Its log:" >&2
            tail -n 40 "$log" >&2
            stop
            exit 1
        fi
        sleep 0.2
    done
    echo "Started a Docker engine: $(docker version --format '{{.Server.Version}}')"
}

stop() {
    [ -f "$started_pid" ] || return 0
    local pid
    pid=$(cat "$started_pid")
    rm -f "$started_pid"
    [ "$(comm_of "$pid")" = dockerd ] || return 0
    kill "$pid"
    local end=$((SECONDS + wait_s))
    while [ "$(comm_of "$pid")" = dockerd ] \
        && ! grep -q '^State:.*Z' "/proc/$pid/status" 2>/dev/null; do
        if [ $SECONDS -ge $end ]; then
            echo "dockerd ($pid) does not end; its log is $log" >&2
            return 1
        fi
        sleep 0.2
    done
    echo "Ended the Docker engine that was started for the tests"
}

case ${1:-} in
    start) start ;;
    stop) stop ;;
    with)
        shift
        trap '[ -z "$began_here" ] || stop' EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM HUP
        start
        "$@"
        ;;
    *) sed -n '2,5s/^# //p' "$0"; exit 2 ;;
esac
