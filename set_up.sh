#!/bin/sh
# Make the virtual environment: sh set_up.sh PYTHON FOLDER
# torch comes first, as a build without CUDA: from TORCH_INDEX_URL if set, else from PyTorch's index of CPU builds if
# that answers, else from the default index.
set -eu
python=$1 venv=$2
command -v "$python" >/dev/null || python=python3
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || {
    echo "error: $python is not Python 3.11; set PYTHON=/path/to/python3.11" >&2
    exit 1
}
cpu_index=https://download.pytorch.org/whl/cpu
torch=$(grep '^torch==' constraints.txt)

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check -q "$@"; }

if ! "$venv/bin/python" -c 'import torch' 2>/dev/null; then
    index=${TORCH_INDEX_URL:-}
    if [ -z "$index" ] && "$venv/bin/python" -c \
        "import urllib.request as u; u.urlopen('$cpu_index/torch/', timeout=5)" 2>/dev/null; then
        index=$cpu_index
    fi
    pip install ${index:+--index-url "$index"} "$torch"
fi
pip install -e '.[dev]' -c constraints.txt
"$venv/bin/python" - <<'EOF'
import sys
import torch
if torch.version.cuda:
    sys.exit("error: a CUDA build of torch came along; set TORCH_INDEX_URL to an index of CPU builds and run again")
EOF
