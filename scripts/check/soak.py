"""Many visitors on the page for a while: errors, answering times and the server's memory.

    python scripts/check/soak.py --minutes 10 --clients 8

Serves the page on this machine, lets every client come, try the sample pair, move the strength, render and download,
and leave again, over and over. Fails if anything was refused or broken, if a visitor's files stayed, or if memory at
the end is more than `FLAT` above what it was after the first quarter.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import requests

FLAT = 1.1
_API = "gradio_api"


class Client:
    """A visitor without a browser, who asks as the page's own script does."""

    def __init__(self, address: str) -> None:
        self.address, self.http = address, requests.Session()
        self.key = "".join(random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=11))
        self.http.get(address, timeout=120).raise_for_status()
        config = self.http.get(address + "config", timeout=120).json()
        self._values = {part["id"]: part["props"].get("value") for part in config["components"]}
        self._ids = {part["props"].get("elem_id"): part["id"] for part in config["components"]}
        self._wishes = config["dependencies"]

    @contextmanager
    def present(self) -> Iterator[None]:
        """Hold the connection by which the server sees that the page is open."""
        alive = self.http.get(f"{self.address}{_API}/heartbeat/{self.key}", stream=True, timeout=600)
        try:
            yield
        finally:
            alive.close()

    def do(self, control: str, event: str, value: Any = None) -> list[Any]:
        """Use a control, and wait for it and for all that follows from it; returns what the first wish gave."""
        if value is not None:
            self._values[self._ids[control]] = value
        wish = next(w for w in self._wishes if [self._ids[control], event] in w["targets"])
        given = self._ask(wish)
        while True:
            following = [w for w in self._wishes if w["trigger_after"] == wish["id"]]
            if not following:
                return given
            wish = following[0]
            self._ask(wish)

    def _ask(self, wish: dict[str, Any]) -> list[Any]:
        body = {"data": [self._values[number] for number in wish["inputs"]], "fn_index": wish["id"],
                "session_hash": self.key, "event_data": None, "trigger_id": None}  # fmt: skip
        answer = self.http.post(f"{self.address}{_API}/queue/join", json=body, timeout=120)
        answer.raise_for_status()
        event = answer.json()["event_id"]
        with self.http.get(
            f"{self.address}{_API}/queue/data", params={"session_hash": self.key}, stream=True, timeout=600
        ) as stream:
            for line in stream.iter_lines():
                message = json.loads(line[5:]) if line.startswith(b"data:") else {}
                if message.get("event_id") != event or message["msg"] != "process_completed":
                    continue
                if not message["success"]:
                    raise RuntimeError(str(message["output"]))
                data: list[Any] = message["output"]["data"]
                for number, value in zip(wish["outputs"], data, strict=True):
                    if not (isinstance(value, dict) and value.get("__type__") == "update"):
                        self._values[number] = value
                return data
        raise RuntimeError("the answer broke off")

    def fetch(self, address: str) -> bytes:
        """A picture or file."""
        answer = self.http.get(self.address + address, timeout=120)
        answer.raise_for_status()
        return answer.content


class Soak:
    """What all clients did."""

    def __init__(self, address: str, end: float) -> None:
        self.address, self.end = address, end
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.errors: list[str] = []

    def run(self) -> None:
        """One client's time."""
        while time.monotonic() < self.end:
            try:
                self._visit()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
                self.errors.append(f"{type(error).__name__}: {error}")

    def _visit(self) -> None:
        client = self._timed("arrive", lambda: Client(self.address))
        with client.present():
            self._timed("sample pair", lambda: client.do("ps-samples", "click"))
            for _ in range(6):
                strength = round(random.random(), 2)
                view = self._timed("strength", lambda s=strength: client.do("ps-strength", "input", s))[0]
                client.fetch(json.loads(view)["after"])
            link = self._timed("render", lambda: client.do("ps-render", "click"))[1]
            found = re.search(r"file/[\w-]+", link)
            if not found or not client.fetch(found[0]).startswith(b"\xff\xd8"):
                raise RuntimeError(f"no JPEG to download: {link[:200]}")

    def _timed(self, what: str, work: Any) -> Any:
        started = time.monotonic()
        result = work()
        self.seconds[what].append(time.monotonic() - started)
        return result


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """The page in a process of its own; its address, and the process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "photostyle", "web", "--port", "0"],
        env={**os.environ, "TMPDIR": str(folder)}, stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    try:
        line = process.stderr.readline() if process.stderr else ""
        found = re.search(r"http://\S+/", line)
        if not found:
            raise SystemExit(f"the page did not start: {line}")
        yield found[0], psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=300)


def main() -> None:
    """Soak, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=8)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as (address, process):
        started = time.monotonic()
        soak = Soak(address, started + 60 * chosen.minutes)
        threads = [threading.Thread(target=soak.run) for _ in range(chosen.clients)]
        memory: list[tuple[float, int]] = []
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            memory.append((time.monotonic() - started, process.memory_info().rss))
            time.sleep(2)
        time.sleep(20)  # for the server to notice that the last ones left
        left = [path for path in Path(name).rglob("*") if path.is_file() and "photostyle-web-" in str(path)]
    last = 60 * chosen.minutes
    early = statistics.mean(rss for at, rss in memory if last / 4 <= at < last / 2)
    late = statistics.mean(rss for at, rss in memory if 3 * last / 4 <= at)
    for what, seconds in soak.seconds.items():
        ordered = sorted(seconds)
        print(f"{what}: {len(seconds)} times, median {statistics.median(seconds):.2f} s, "
              f"19 of 20 within {ordered[int(0.95 * (len(ordered) - 1))]:.2f} s")  # fmt: skip
    print(f"memory: {early / 2**20:.0f} MiB in the second quarter, {late / 2**20:.0f} MiB in the last, "
          f"{max(rss for _, rss in memory) / 2**20:.0f} MiB at most")  # fmt: skip
    print(f"errors: {len(soak.errors)}; files left: {len(left)}")
    for error in soak.errors[:20]:
        print("  " + error)
    if soak.errors or left or late > FLAT * early:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
