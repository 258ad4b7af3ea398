"""Take the documents' pictures of the page, with the sample pair, in Chromium: python scripts/figures/screenshots.py

Wants `pip install -e '.[test]'` and Chromium (`apt-get install chromium`).
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

DOCS = Path(__file__).parents[2] / "docs"
SIZES = {"web-desktop": (1440, 900), "web-tablet": (1024, 768), "web-phone": (390, 844)}
PATIENCE = 600  # seconds for anything that is waited for
QUALITY = 88
# All embedded looks have their picture on the sample photo.
DRAWN = "() => document.querySelectorAll('#ps-looks img').length >= {}"


@contextmanager
def served(folder: str) -> Iterator[str]:
    """The page's address, while it is served."""
    process = subprocess.Popen(
        [sys.executable, "-m", "photostyle", "web", "--port", "0"],
        env={**os.environ, "TMPDIR": folder}, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, encoding="utf-8",
    )  # fmt: skip
    try:
        assert process.stderr is not None
        found = re.search(r"http://\S+/", process.stderr.readline())
        if found is None:
            raise SystemExit(f"the page does not start: {process.stderr.read()}")
        yield found[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)


def picture(browser: Any, address: str, size: tuple[int, int]) -> Image.Image:
    """The page in a window of `size`, a region of the picture under the pointer."""
    from photostyle.looks import LOOKS

    phone = size[0] < 600
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark", has_touch=phone, is_mobile=phone
    )
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(address)
    page.wait_for_selector("#ps-desk[data-ready]")
    page.click("#ps-samples")
    page.wait_for_selector('#ps-viewer[data-strength="1"]')
    page.wait_for_selector("#ps-rows > li", state="attached")  # in a drawer on a phone
    page.wait_for_function(DRAWN.format(len(LOOKS)))
    box = page.locator(".ps-frame").bounding_box()
    if not phone:
        page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.2 * box["height"])
    page.wait_for_timeout(1500)  # what fades has faded
    shot = page.screenshot()
    context.close()
    return Image.open(io.BytesIO(shot)).convert("RGB")


def main() -> None:
    """Write the pictures."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("Chromium is not installed: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder, served(folder) as address, sync_playwright() as playwright:
        # Chromium's sandbox does not work for root.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, size in SIZES.items():
            picture(browser, address, size).save(DOCS / f"{name}.jpg", quality=QUALITY)
            print(DOCS / f"{name}.jpg")
        browser.close()


if __name__ == "__main__":
    main()
