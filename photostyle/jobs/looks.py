"""The embedded looks as targets, alone or mixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from photostyle.errors import ParameterError, TransferMismatchError
from photostyle.looks import look_file
from photostyle.network.wct2 import WCT2
from photostyle.options import FitOptions
from photostyle.transfer.mixing import mix_targets
from photostyle.transfer.presets import load_style
from photostyle.transfer.targets import Target
from photostyle.transfer.transfer import site_groups


def load_look(name: str, model: WCT2) -> Target:
    """An embedded look, to be fitted to any photo: ``fit(model, photo, load_look("golden-hour", model))``.

    Args:
        name: one of `photostyle.look_names`.
        model: the embedded network, which measured it.

    Raises:
        ParameterError: there is no look of that name.
        TransferMismatchError: it is another network.
        WeightsError: the file is missing or damaged.
    """
    try:
        style = load_style(look_file(name), model)
    except TransferMismatchError as error:
        raise TransferMismatchError(
            f"the look {name!r} was measured by the embedded network small, not by {model.config.name!r}: leave the "
            "model out, or take a style photo"
        ) from error
    if not isinstance(style, Target):
        raise TransferMismatchError(f"the look {name!r} is fitted already: install photostyle again")
    return style


def chosen_look(looks: Sequence[tuple[str, float]], model: WCT2, options: FitOptions) -> Target:
    """Looks with their weights as one target that is fitted with `options`. Raises as `load_look` and `mix_targets`."""
    targets = [load_look(name, model) for name, _ in looks]
    one = targets[0] if len(targets) == 1 else mix_targets(targets, [weight for _, weight in looks])
    wanted = {site for group in site_groups(options.at) for site in group}
    missing = sorted(wanted - set(one.styles[0].sites))
    if missing:
        raise ParameterError(
            f"the embedded looks do not know {missing[0]}: with a look, --at is encoder, or encoder,decoder"
        )
    return replace(one, options=options)
