"""The groups of options that several commands take, and what each makes of them: an option is declared here, once.

`photostyle.cli.grouping` says how they become options. What belongs to one command alone is declared with it.
"""

from photostyle.cli.groups.look import Kept, Look, SavedLook, StyleOrFile, StylePhotos, look_option, style_option
from photostyle.cli.groups.output import OUTPUT, Contents, Output, Results, Running, Shown, ShownOutput, out_option
from photostyle.cli.groups.regions import MaskRefine, Regions, segment_option
from photostyle.cli.groups.rendering import Engine, Large, Network, SavedNetwork, StyleNetwork

__all__ = [
    "OUTPUT",
    "Contents",
    "Engine",
    "Kept",
    "Large",
    "Look",
    "MaskRefine",
    "Network",
    "Output",
    "Regions",
    "Results",
    "Running",
    "SavedLook",
    "SavedNetwork",
    "Shown",
    "ShownOutput",
    "StyleNetwork",
    "StyleOrFile",
    "StylePhotos",
    "look_option",
    "out_option",
    "segment_option",
    "style_option",
]
