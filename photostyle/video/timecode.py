"""SMPTE timecode, hours:minutes:seconds:frames, moved on by frames (SMPTE ST 12-1).

Drop-frame timecode (written with ``;`` or ``.``) counts 30 or 60 frames a second where there are 29.97 or 59.94: it
leaves out the numbers of the first two (four) frames of every minute, but not of every tenth.
"""

from __future__ import annotations

import re
from fractions import Fraction

_TIMECODE = re.compile(r"(-?)(\d\d):(\d\d):(\d\d)([:;.])(\d\d+)")


def later(timecode: str, frames: int, rate: Fraction) -> str | None:
    """The timecode some frames later, going round at 24 hours; None if it is not one of that many frames a second.

    Args:
        timecode: of the first frame.
        frames: how many frames to move on.
        rate: frames a second.
    """
    found = _TIMECODE.fullmatch(timecode.strip())
    nominal = round(rate)
    if found is None or found[1] or nominal < 1:
        return None
    hours, minutes, seconds, frame = (int(found[i]) for i in (2, 3, 4, 6))
    if frame >= nominal or minutes > 59 or seconds > 59:
        return None
    drops = found[5] != ":"
    if drops and nominal % 30:
        return None
    dropped = nominal // 15 if drops else 0
    minute, ten = 60 * nominal - dropped, 600 * nominal - 9 * dropped
    past = 60 * hours + minutes
    number = (past * 60 + seconds) * nominal + frame - dropped * (past - past // 10) + frames
    number %= 144 * ten
    tens, rest = divmod(number, ten)
    if rest >= 60 * nominal and drops:
        number += dropped * (9 * tens + 1 + (rest - 60 * nominal) // minute)
    else:
        number += dropped * 9 * tens
    seconds, frame = divmod(number, nominal)
    width = max(2, len(found[6]))
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{found[5]}{frame:0{width}d}"
