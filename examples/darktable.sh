#!/usr/bin/env bash
# A camera's raw photo developed by darktable, then graded by photostyle in 16 bits.
#   examples/darktable.sh RAW OUT.tif [further options of photostyle photo; --look golden-hour without any]
# darktable keeps its own settings out of it: whatever lies in RAW.xmp beside the photo is used, nothing else.
set -euo pipefail
raw=$1 out=$2
shift 2
[ $# -gt 0 ] || set -- --look golden-hour
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
darktable-cli "$raw" "$folder/developed.tif" --core --configdir "$folder/config" --library :memory: \
    --conf plugins/imageio/format/tiff/bpp=16 > "$folder/darktable.log" 2>&1 || { cat "$folder/darktable.log" >&2; exit 1; }
photostyle photo "$folder/developed.tif" "$@" -o "$out"
