#!/usr/bin/env bash
# A GPU in figures on a machine with torch and little else: bash scripts/bench/gpu.sh [arguments of gpu.py]
# What is missing of the package's dependencies is installed where that can be; then scripts/bench/gpu.py runs, for at
# most eight minutes.
set -euo pipefail
if [ "${1:-}" = --help ]; then
    sed -n '2,4s/^# //p' "$0"
    exit 0
fi
cd "$(dirname "$0")/../.."
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
python3 -c 'import photostyle.jobs.photo, photostyle.weights' 2> /dev/null || python3 -m pip install -q -e '.[train]'
exec timeout 480 python3 scripts/bench/gpu.py "$@"
