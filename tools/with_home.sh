#!/usr/bin/env bash
# tools/with_home.sh COMMAND...: run it, with a state folder that can be written even where HOME cannot.
set -euo pipefail
state=${XDG_STATE_HOME:-${HOME:-~}/.local/state}
if [ -z "${BREAKFIX_HOME:-}" ] && ! mkdir -p "$state/breakfix" 2>/dev/null; then
    BREAKFIX_HOME=$PWD/.breakfix
    export BREAKFIX_HOME
fi
exec "$@"
