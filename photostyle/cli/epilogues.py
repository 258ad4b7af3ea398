"""What stands at the end of help: how the usual tasks are done, a line each, as README has them too."""

from __future__ import annotations


def _lines(*tasks: tuple[str, str]) -> str:
    wide = max(len(task) for task, _ in tasks)
    # The mark keeps lines apart, of which help would make one.
    return "\b\n" + "\n".join(f"{task:<{wide}}  {command}" for task, command in tasks)


ROOT = _lines(
    ("a first result", "photostyle photo IN.jpg --look golden-hour"),
    ("like another photo", "photostyle photo IN.jpg --style REF.jpg -o OUT.jpg"),
    ("choose a reference", "photostyle try IN.jpg REFS/*.jpg -o sheet.png"),
    ("weaker", "photostyle photo IN.jpg --look snow --strength 50%"),
    ("folder, one look", "photostyle batch IN --style REF.jpg --shared-fit -o OUT"),
    ("a clip", "photostyle video CLIP.mp4 --style REF.jpg -o OUT.mp4"),
    ("a LUT", "photostyle lut IN.jpg --style REF.jpg -o look.cube"),
    ("undo", "your files are never changed: delete the result"),
)
PHOTO = _lines(
    ("only the sky", "photostyle photo IN.jpg --style REF.jpg --strength 0,sky=1"),
    ("weaker", "photostyle photo IN.jpg --style REF.jpg --strength 50%"),
    ("colour, not light", "photostyle photo IN.jpg --style REF.jpg --brightness 0"),
    ("several references", "photostyle photo IN.jpg --style A.jpg:2 --style B.jpg"),
    ("keep skin", "photostyle photo IN.jpg --style REF.jpg --keep person"),
    ("no reference", "photostyle photo IN.jpg --look golden-hour"),
    ("a folder", "photostyle photo FOLDER --style REF.jpg -o OUT"),
    ("in a pipe", "photostyle photo - --look snow -o - < IN.jpg > OUT.jpg"),
    ("undo", "your files are never changed: delete the result"),
)
