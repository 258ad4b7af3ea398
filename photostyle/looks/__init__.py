"""The embedded looks: names, what each is, and the `.style` file beside this one, made by ``scripts/looks/looks.py``.

They are targets, fitted to each photo that they are given. Not to be confused with the looks that the feed-forward
network was trained for (`photostyle.weights.looks`, ``weights/looks.safetensors``), which are one network's own.
"""

from photostyle.looks.table import LOOKS as LOOKS
from photostyle.looks.table import look_file as look_file
from photostyle.looks.table import look_folder as look_folder
from photostyle.looks.table import look_names as look_names
