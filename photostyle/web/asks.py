"""What the page asks for: its settings as it sends them, checked, as the jobs take them.

The page keeps its settings itself (`assets/settings.js`), so that it can go back and forth in them, and sends them
whole with whatever it asks. Nothing of what arrives is taken on trust.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from photostyle.errors import ParameterError
from photostyle.io import CLASS_COLOURS, UNSURE
from photostyle.options import FitOptions, check_strength
from photostyle.regions.regions import WHOLE
from photostyle.web.wishes import MOST_STYLES, Wishes

NAMES = (*CLASS_COLOURS, UNSURE)
_KEY = re.compile(r"[\w:-]{1,64}")


@dataclass(frozen=True)
class Ask:
    """What the page wants to see.

    Attributes:
        wishes: how the style is fitted, with the strengths and what becomes of regions.
        weights: each reference of the mix, by its key, with its weight; in the order of the strip.
        alone: the one reference, saved style or look that is taken by itself; None takes the mix.
        mask: which correction of the regions counts; None takes what was found.
    """

    wishes: Wishes = field(default_factory=Wishes)
    weights: tuple[tuple[str, float], ...] = ()
    alone: str | None = None
    mask: str | None = None


def message(text: str | None) -> Mapping[str, Any]:
    """What the page sent. Raises ParameterError if it is no JSON object."""
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError) as error:
        raise ParameterError("this is not what the page sends: load it again") from error
    return _table(found)


def asked(settings: Any) -> Ask:
    """Settings of the page. Raises ParameterError if they are none."""
    table = _table(settings)
    regions = _table(table.get("regions", {}))
    chosen = {name: _table(row) for name, row in regions.items() if name in NAMES}
    segment = table.get("segment", True) is True
    own = {name: _number(row["strength"]) for name, row in chosen.items() if row.get("strength") is not None}
    takes = {name: str(row["takes"]) for name, row in chosen.items() if row.get("takes")}
    keep = tuple(name for name, row in chosen.items() if row.get("keep") is True)
    defaults = FitOptions()
    options = FitOptions(
        tuple(_strings(table.get("at", list(defaults.at)))),  # type: ignore[arg-type]
        str(table.get("matching", defaults.matching)),  # type: ignore[arg-type]
        check_strength(_number(table.get("strength", defaults.strength))),
        strengths={name: check_strength(amount) for name, amount in own.items() if name not in keep} if segment else {},
        finish=str(table.get("finish", defaults.finish)),  # type: ignore[arg-type]
    )
    if unknown := [taken for taken in takes.values() if taken not in (*NAMES, WHOLE)]:
        raise ParameterError(f"{unknown[0]!r} is no region")
    mapping = tuple((name, taken) for name, taken in takes.items() if name not in keep)
    wishes = Wishes(options, True, mapping, keep) if segment else Wishes(options, segment=False)
    weights = [(_key(row.get("key")), _number(row.get("weight"))) for row in map(_table, table.get("styles") or ())]
    if len(weights) > MOST_STYLES:
        raise ParameterError(f"{len(weights)} references are too many: take {MOST_STYLES} at most")
    alone, mask = (None if table.get(name) is None else _key(table[name]) for name in ("alone", "mask"))
    return Ask(wishes, tuple(weights), alone, mask)


def numbered(message: Mapping[str, Any], name: str) -> int:
    """The number of a message, which one of its fields gives; 0 where it gives none."""
    found = message.get(name)
    return found if isinstance(found, int) else 0


def _table(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ParameterError("this is not what the page sends: load it again")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ParameterError(f"{str(value)[:20]!r} is no strength and no weight")
    return float(value)


def _strings(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise ParameterError("this is not what the page sends: load it again")
    return value


def _key(value: Any) -> str:
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise ParameterError("this is not what the page sends: load it again")
    return value
