#!/usr/bin/env bash
# tools/make_venv.sh PYTHON FOLDER: a virtual environment with pip in it.
# On Debian, where Python's venv is a package of its own, it is installed (as root).
set -euo pipefail
python=$1 folder=$2

if ! command -v "$python" >/dev/null; then
    echo "There is no $python here. Install Python 3.11 or newer, or say make PYTHON=/path/to/python3." >&2
    exit 2
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "breakfix needs Python 3.11 or newer; $python is $("$python" --version 2>&1). Say make PYTHON=python3.11." >&2
    exit 2
fi
if "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
    exit 0
fi
rm -rf "$folder"
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "$python has no venv: apt-get install python3-venv (as root), or its like." >&2
        exit 2
    fi
    echo "Installing python3-venv"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq </dev/null
    apt-get install -y -qq python3-venv </dev/null >/dev/null
fi
"$python" -m venv "$folder"
