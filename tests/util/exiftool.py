"""ExifTool as an independent reader."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")


def tags(path: Path) -> dict[str, Any]:
    """All tags with their groups (``IFD0:Make``), values as stored."""
    done = subprocess.run(["exiftool", "-j", "-G1", "-s", "-n", path], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)[0]
    return found
