"""The embedded looks on the visitor's own photo: as small as the strip shows them, and as a sketch of the whole.

A click on one shows its sketch at once, while the network works on what is shown in its place.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping

from photostyle.errors import PhotostyleError
from photostyle.jobs.regions import RegionSettings
from photostyle.transfer.presets import load_style
from photostyle.web import looks
from photostyle.web.fits import of_saved
from photostyle.web.studio import Studio
from photostyle.web.views import thumb

PIXELS = 24_000
Enough = Callable[[], bool]


def look_at(studio: Studio, known: MutableMapping[str, str], enough: Enough) -> None:
    """Add the looks' pictures to those that are `known`, by key, until all are there or it is `enough`."""
    content = studio.content
    if content is None:
        return
    small = content.seen.reduced(PIXELS)
    for look in looks.embedded():
        if enough() or studio.content is not content:
            return
        if look.key in known:
            continue
        try:
            style = load_style(look.path, studio.engine.model)
            source = type(content)(content.path, small, small)
            preview = of_saved(style, source, RegionSettings(), None)[1]
            known[look.key] = thumb(preview.at(1.0))
            studio.sketches[look.key] = preview.over(content.shown.image)
        except PhotostyleError:
            known[look.key] = ""  # made for another network: it has its name alone, and why is said on a click
