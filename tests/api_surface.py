"""The public names of photostyle and their signatures, as ``tests/api_surface.json`` holds them.

After a change that is meant: ``python -m tests.api_surface`` writes the file anew; its difference is what users see.
"""

import enum
import inspect
import json
from pathlib import Path

import photostyle

FILE = Path(__file__).with_name("api_surface.json")


def signature(thing):
    """As written in the source, without the addresses of default objects."""
    return str(inspect.signature(thing))


def surface():
    """``{"name": signature, "Class.method": signature}`` of everything that ``photostyle.__all__`` names."""
    found = {}
    for name in sorted(photostyle.__all__):
        thing = getattr(photostyle, name)
        if not inspect.isclass(thing):
            found[name] = signature(thing)
            continue
        plain = issubclass(thing, (Exception, enum.Enum))
        found[name] = "class" if plain else f"class{signature(thing)}"
        for method, value in sorted(vars(thing).items()):
            if method.startswith("_") or plain:
                continue
            if isinstance(value, property):
                found[f"{name}.{method}"] = "property"
            elif isinstance(value, (classmethod, staticmethod)) or inspect.isfunction(value):
                found[f"{name}.{method}"] = signature(getattr(thing, method))
    return found


if __name__ == "__main__":
    FILE.write_text(json.dumps(surface(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
