#!/bin/sh
# Make the virtual environment: sh set_up.sh FOLDER [PYTHON]
# Without PYTHON: the first of python3 and python3.14 to python3.11 that is of a supported version and can make one.
# Needs sh, coreutils and Python alone. What was left half made by a killed set-up is made anew.
set -eu
venv=$1 wanted=${2:-}
supported="(3, 11) <= sys.version_info[:2] <= (3, 14)"

fail() {
    echo "error: $*" >&2
    exit 1
}

version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

usable() { "$1" -c "import sys, venv, ensurepip; sys.exit(not ($supported))" 2>/dev/null; }

if [ -n "$wanted" ]; then
    found=$(version "$wanted") || fail "PYTHON=$wanted is no Python that runs; set it to one of 3.11 to 3.14"
    usable "$wanted" || fail "PYTHON=$wanted is Python $found, or lacks venv and ensurepip; set it to one of 3.11 to 3.14" \
        "(Debian: python3-venv)"
    python=$wanted
else
    python=
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if usable "$candidate"; then
            python=$candidate
            break
        fi
    done
    [ -n "$python" ] || fail "no Python 3.11 to 3.14 with venv and ensurepip on PATH (python3 is" \
        "$(version python3 || echo absent)); install one (Debian: python3-venv), or set PYTHON=/path/to/python3"
fi
[ -w . ] || fail "$(pwd) is read-only; clone the project to a folder that you may write to"

# .ready is written at the end: a folder without it was left half made, and nobody knows which of its files are whole.
if [ -d "$venv" ] && { [ ! -e "$venv/.ready" ] || [ "$(version "$venv/bin/python")" != "$(version "$python")" ]; }; then
    echo "set-up: $venv is half made, or of another Python: making it anew"
    rm -rf "$venv"
fi
[ -d "$venv" ] || "$python" -m venv "$venv" || fail "$python cannot make a virtual environment (Debian: python3-venv)"
echo "set-up: $("$venv/bin/python" --version) in $venv; some minutes the first time"

# Install, or say in one line why not: pip's last word, and what to do.
install() {
    log="$venv/pip.log"
    "$venv/bin/python" -m pip --disable-pip-version-check -q install "$@" 2>"$log" && return
    reason=$("$venv/bin/python" - "$log" <<'EOF'
import sys
lines = [line.strip() for line in open(sys.argv[1], encoding="utf-8", errors="replace") if line.strip()]
print(([line for line in lines if line.startswith("ERROR:")] or lines or ["pip gave no reason"])[-1])
EOF
    )
    fail "pip install: $reason (all of it in $log); is there a network, and room on the disk? Then run the command again"
}

# torch comes first, as a build without CUDA where one can be had: from TORCH_INDEX_URL if set, else from PyTorch's
# index of CPU builds if that answers, else from the default index. A CUDA build works as well; it is some GB larger.
cpu_index=https://download.pytorch.org/whl/cpu
if ! "$venv/bin/python" -c 'import torch' 2>/dev/null; then
    index=${TORCH_INDEX_URL:-}
    if [ -z "$index" ] && "$venv/bin/python" -c \
        "import urllib.request as u; u.urlopen('$cpu_index/torch/', timeout=5)" 2>/dev/null; then
        index=$cpu_index
    fi
    while read -r line; do
        case $line in torch==*) install ${index:+--index-url "$index"} "$line" ;; esac
    done <constraints.txt
fi
install -e '.[dev]' -c constraints.txt
"$venv/bin/python" -c 'import torch; torch.version.cuda and print(
    "set-up: a CUDA build of torch came along, some GB larger than needed; set TORCH_INDEX_URL to an index of CPU builds")'
touch "$venv/.ready"
