"""WCT2 itself (Yoo et al. 2019) among the other methods; it is built in `photostyle.transfer.fitting`."""

from __future__ import annotations

from torch import Tensor

from photostyle.methods.base import Progress, ShouldStop, pair_of_images
from photostyle.network.wct2 import WCT2
from photostyle.options import FitOptions
from photostyle.regions.regions import WHOLE, Regions
from photostyle.regions.sources import Source, Sources
from photostyle.transfer.fitting import fit_and_apply


class Wct2:
    """One pass of whitening and colouring at every level, `fit` and `apply` at once."""

    def __init__(self, options: FitOptions, model: WCT2) -> None:
        self.options, self.model = options, model

    def run(
        self,
        content: Tensor,
        style: Tensor,
        content_regions: Regions | None = None,
        style_regions: Regions | None = None,
        progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Tensor:
        """See `photostyle.methods.base.Method.run`; there is one step, which cannot be stopped."""
        content, style = pair_of_images(content, style)
        sources: Sources | None = None
        if content_regions is not None:
            sources = {WHOLE: [Source(0, WHOLE)], **{name: [Source(0, name)] for name in content_regions.weights}}
        _, result = fit_and_apply(
            self.model,
            content,
            style,
            content_regions=content_regions,
            style_regions=style_regions,
            sources=sources,
            options=self.options,
        )
        return result.clamp(0, 1)
