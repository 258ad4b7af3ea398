"""The command line. The only part of the package that prints, shows progress and exits."""

from __future__ import annotations


def main() -> None:
    """Entry point of the ``photostyle`` command."""
    import os
    import sys

    # Fresh memory for every layer's features, page by page, would cost a third of the time. Read at torch's first
    # allocation, and handed on to workers; where it means nothing, it does nothing.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

    try:
        from photostyle.threads import settle

        settle()  # before torch, here and in workers
        from photostyle.cli.app import run

        run()
    except KeyboardInterrupt:  # while modules are imported; what comes later answers by itself
        sys.stderr.write("photostyle: interrupted\n")
        sys.exit(130)
