"""The command line. The only part of the package that prints, shows progress and exits."""

from __future__ import annotations


def main() -> None:
    """Entry point of the ``photostyle`` command."""
    from photostyle.cli.app import run

    run()
