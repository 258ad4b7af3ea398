#!/usr/bin/env bash
# A look by photostyle in ffmpeg, on photos and clips: as a .cube by lut3d, as a Hald image by haldclut.
#   [MATRIX=bt709] examples/ffmpeg.sh PHOTO_OR_CLIP LOOK.cube HALD.png BY_CUBE BY_HALD
# The tables are made by: photostyle lut PHOTO --style REF -o LOOK.cube, and once more with -o HALD.png.
# MATRIX is a clip's own, from Y'CbCr to RGB: bt709 in HD, smpte170m in SD.
set -euo pipefail
input=$1 cube=$2 hald=$3 by_cube=$4 by_hald=$5
# A filter's arguments do not take every path, so the table goes in by a plain one.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp "$cube" "$folder/look.cube"
# Tables are of RGB values, so the filters are given RGB. What the output's format needs comes after: 8 bits here.
# Left to itself ffmpeg makes a clip 4:4:4 in the matrix of SD and does not say so, which HD players show in other colours.
case $by_cube in
    *.png | *.jpg | *.jpeg | *.tif | *.tiff | *.webp) before=null after=format=rgb24 options=(-n) ;;
    *)
        matrix=${MATRIX:-bt709}
        before=scale=in_color_matrix=$matrix after=scale=out_color_matrix=$matrix:out_range=tv,format=yuv420p
        options=(-n -colorspace "$matrix" -color_range tv -c:a copy)
        ;;
esac
ffmpeg -v error -i "$input" -vf "$before,format=gbrp,lut3d=file=$folder/look.cube:interp=tetrahedral,$after" \
    "${options[@]}" "$by_cube"
# haldclut mixes channels up in planar formats (seen in ffmpeg 5.1), so both sides are packed.
ffmpeg -v error -i "$input" -i "$hald" -filter_complex \
    "[0:v]$before,format=rgb48[photo];[1:v]format=rgb48[table];[photo][table]haldclut,$after" "${options[@]}" "$by_hald"
