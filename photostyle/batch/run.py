"""Folders of photos: what is planned is done by an engine's workers, and told photo by photo."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from photostyle import __version__
from photostyle.batch.plan import Item, Plan
from photostyle.batch.work import BatchOptions, BatchSetup, Done, Task
from photostyle.engines.local import Engine, Outcome
from photostyle.errors import OutputError, PhotostyleError
from photostyle.io import atomic_write, check_output
from photostyle.io.opening import check_file

if TYPE_CHECKING:
    from photostyle.regions.labels import Decision

Status = Literal["done", "skipped", "failed", "waiting"]
_REPORT = "photostyle-batch-report"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """What became of a photo.

    Attributes:
        item: the photo.
        status: ``skipped``: its result was there already. ``waiting``: nothing has been done yet.
        seconds: that it took.
        error: why it failed.
        decisions: what was decided on its regions.
    """

    item: Item
    status: Status
    seconds: float = 0.0
    error: PhotostyleError | None = None
    decisions: tuple[Decision, ...] = ()


def settings(options: BatchOptions) -> dict[str, Any]:
    """What results depend on, to be compared and kept as JSON: files by their SHA-256.

    Raises:
        ImageReadError: a style is not there.
    """
    for path in [path for _, path in options.styles] + ([options.style_file] if options.style_file else []):
        check_file(path)
    rendering = options.rendering
    made: dict[str, Any] = {
        "style": [[region, _sha256(path)] for region, path in options.styles],
        "style file": _sha256(options.style_file) if options.style_file else None,
        **asdict(options.fit),
        "applied strength": [options.strength, options.strengths],
        "segment": _named(options.segment),
        "map": options.mapping,
        "keep": options.keep,
        "model": [_named(options.model or ""), options.unpool],
        "size": options.side,
        "render": [rendering.mode, rendering.fit_pixels] if rendering else None,
        "bits": options.bits,
        "shared fit": options.shared,
        # Named only where they are not what they were before there were such options.
        **({"raw brightness": options.raw_brightness} if options.raw_brightness != "shot" else {}),
        **({"weights": options.weights} if len(set(options.weights)) > 1 else {}),
        **({"kept": [options.colour, options.brightness]} if (options.colour, options.brightness) != (1, 1) else {}),
    }
    normal: dict[str, Any] = json.loads(json.dumps(made))
    return normal


def settled(plan: Plan) -> Iterator[Result]:
    """What is known of a plan before anything is done."""
    for item in plan.items:
        if item.problem:
            yield Result(item, "failed", error=item.problem)
        elif item.finished:
            yield Result(item, "skipped")


def run(
    plan: Plan,
    options: BatchOptions,
    engine: Engine,
    *,
    look: Path | None = None,
    sharing: int = 1,
    level: int = logging.WARNING,
) -> Iterator[Result]:
    """Do what waits, each photo by itself; whatever becomes of one, the others go on.

    Args:
        plan: the folder.
        options: how photos are done.
        engine: where.
        look: the look that they share (`photostyle.batch.look`).
        sharing: how many workers share this machine.
        level: of what the library logs in workers, this and what is above is logged here.

    Raises:
        PhotostyleError: workers cannot do anything at all: without a model, a style, a cluster.
    """
    waiting = plan.waiting
    if not waiting:
        return
    tasks = [Task(item.content, item.output, item.replace) for item in waiting]
    with closing(engine.run(BatchSetup(options, look, sharing, level), tasks)) as outcomes:
        for outcome in outcomes:
            yield _result(waiting[outcome.index], outcome)


def _result(item: Item, outcome: Outcome[Done]) -> Result:
    done = outcome.answer
    if done is None:
        return Result(item, "failed", error=outcome.error)
    for level, message in done.messages:
        # Several workers speak: each line says of which photo it is.
        known = any(str(path) in message for path in (item.content, item.output))
        logger.log(level, "%s", message if known else f"{item.content}: {message}")
    # A worker that died after it had written the result could not say so any more.
    status: Status = "failed" if done.error else "skipped" if done.existed and outcome.tries == 1 else "done"
    return Result(item, status, done.seconds, done.error, done.decisions)


def check_report(path: Path, *, overwrite: bool) -> None:
    """Raise OutputError unless a report can be written; one of an earlier run is replaced."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        known = isinstance(record, dict) and record.get("format") == _REPORT
    except (OSError, ValueError, RecursionError):
        known = False
    check_output(path, overwrite=overwrite or known, extensions=(".json",))


def write_report(path: Path, results: Mapping[Path, Result], plan: Plan, seconds: float) -> None:
    """Write what became of every photo of the plan, as JSON.

    Raises:
        OutputError: it cannot be written.
    """
    told = [results.get(item.content, Result(item, "waiting")) for item in plan.items]
    photos = [
        {
            "content": str(result.item.content),
            "output": str(result.item.output),
            "status": result.status,
            "seconds": round(result.seconds, 3),
            "error": None if result.error is None else str(result.error),
            "outdated": result.item.outdated,
            "regions": [asdict(decision) for decision in result.decisions],
        }
        for result in told
    ]
    counts = {status: sum(result.status == status for result in told) for status in Status.__args__}  # type: ignore[attr-defined]
    record = {
        "format": _REPORT, "version": __version__, "seconds": round(seconds, 3), **counts, "other files": plan.others,
        "links not followed": plan.links, "photos": photos,
    }  # fmt: skip
    with atomic_write(path, overwrite=True) as partial:
        partial.write_text(json.dumps(record, indent=1), encoding="utf-8")


def _named(name: str) -> str:
    """A name, or what stands for the file of that name."""
    return _sha256(Path(name)) if os.path.isfile(name) else name


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise OutputError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
