"""How many threads compute and how they wait, before torch is loaded: in the command, its workers, and from Python."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from photostyle import threads
from photostyle.engines.local import LocalEngine
from photostyle.threads import available, settle
from tests.util.cli import ROOT
from tests.util.engines import Setup
from tests.util.waiting import PATIENCE

NAMES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@pytest.fixture
def eight(monkeypatch):
    """A machine of eight processors without quotas."""
    monkeypatch.setattr(threads, "_allowed", lambda: 8)
    monkeypatch.setattr(threads, "_quotas", lambda proc: iter(()))


@pytest.mark.usefixtures("eight")
def test_threads_sleep_while_they_wait():
    environment = {"HOME": "/root"}
    settle(environment)
    assert environment == {"HOME": "/root", "OMP_WAIT_POLICY": "passive", "KMP_BLOCKTIME": "0"}


@pytest.mark.usefixtures("eight")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OMP_WAIT_POLICY", "active"),
        ("GOMP_SPINCOUNT", "1000"),
        ("KMP_BLOCKTIME", "200"),
        ("KMP_LIBRARY", "turnaround"),
    ],
)
def test_what_a_user_says_of_waiting_is_left_alone(name, value):
    environment = {name: value}
    settle(environment)
    assert environment == {name: value}


@pytest.mark.parametrize(("quotas", "count"), [([1.5], "2"), ([0.2], "1"), ([6.0, 3.0, 12.0], "3")])
def test_no_more_threads_than_a_quota_runs(monkeypatch, quotas, count):
    monkeypatch.setattr(threads, "_allowed", lambda: 8)
    monkeypatch.setattr(threads, "_quotas", lambda proc: iter(quotas))
    environment = {}
    settle(environment)
    assert environment["OMP_NUM_THREADS"] == count
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        environment = {name: "5"}
        settle(environment)
        assert {key: environment.get(key) for key in NAMES[4:]} == {**dict.fromkeys(NAMES[4:]), name: "5"}


def test_without_files_of_the_system_the_affinity_counts(tmp_path):
    assert available(tmp_path) == threads._allowed() >= 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_the_affinity_is_asked():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n" \
           "from photostyle.threads import available; print(available())"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, timeout=PATIENCE)
    assert done.stdout == b"1\n"


def test_where_the_system_has_no_affinity(monkeypatch, tmp_path):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert available(tmp_path) == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available(tmp_path) == 1


def system(folder, *, version, place, root="/", limits, mount="cgroup"):
    """Files of the system for a process in the group `place`, as ``/proc/self`` has them, and the groups' own.

    Args:
        folder: where they are made.
        version: 1 or 2.
        place: of the process's group.
        root: which group is mounted.
        limits: folder of a group, from the mounted one on, and what is in its file or files.
        mount: the name of the folder that it is mounted at.
    """
    proc, mounted = folder / "proc", folder / mount
    proc.mkdir()
    at = str(mounted).replace(" ", "\\040")
    kind, options = ("cgroup2", "rw,nsdelegate") if version == 2 else ("cgroup", "rw,cpu,cpuacct")
    (proc / "mountinfo").write_text(
        "22 1 0:20 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "30 22 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755\n"
        f"31 30 0:27 {root} {at} rw,relatime shared:9 - {kind} cgroup {options}\n"
        "32 30 0:28 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory\n"
    )
    other = "5:memory:/elsewhere\n1:name=systemd:/init\n"
    (proc / "cgroup").write_text(f"0::{place}\n" if version == 2 else f"{other}4:cpu,cpuacct:{place}\n0::/\n")
    for name, limit in limits.items():
        group = mounted / name
        group.mkdir(parents=True, exist_ok=True)
        if version == 2:
            (group / "cpu.max").write_text(f"{limit}\n")
        else:
            quota, period = limit.split()
            (group / "cpu.cfs_quota_us").write_text(f"{quota}\n")
            (group / "cpu.cfs_period_us").write_text(f"{period}\n")
    return proc


@pytest.mark.parametrize(
    ("version", "arguments", "count"),
    [
        (2, {"place": "/", "limits": {"": "300000 100000"}}, 3),
        (2, {"place": "/", "limits": {"": "max 100000"}}, 8),
        (2, {"place": "/", "limits": {}}, 8),
        (2, {"place": "/a/b", "limits": {"": "max 100000", "a": "250000 100000", "a/b": "max 100000"}}, 3),
        (2, {"place": "/a/b", "limits": {"a": "800000 100000", "a/b": "50000 100000", "c": "10000 100000"}}, 1),
        (2, {"place": "/a", "limits": {"a": "200000 50000"}, "mount": "c groups"}, 4),
        (2, {"place": "/../..", "limits": {"": "200000 100000"}}, 2),
        (2, {"place": "/", "limits": {"": "nonsense"}}, 8),
        (2, {"place": "/", "limits": {"": "100000 0"}}, 8),
        (2, {"place": "/", "limits": {"": "1600000 100000"}}, 8),
        (1, {"place": "/", "limits": {"": "-1 100000"}}, 8),
        (1, {"place": "/a", "limits": {"": "-1 100000", "a": "150000 100000"}}, 2),
        # A container without a namespace of its own: the place is the host's, the mount is the container's.
        (1, {"place": "/docker/1f", "root": "/docker/1f", "limits": {"": "400000 100000"}}, 4),
        (1, {"place": "/docker/1f/x", "root": "/docker/1f", "limits": {"x": "400000 200000"}}, 2),
    ],
)
def test_quotas(tmp_path, monkeypatch, version, arguments, count):
    monkeypatch.setattr(threads, "_allowed", lambda: 8)
    assert available(system(tmp_path, version=version, **arguments)) == count


def seen(program, *arguments, **environment):
    """What a Python process started so has in its environment when torch is first imported."""
    watch = (
        "import json, os, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch':\n"
        f"            print(json.dumps({{k: os.environ[k] for k in {NAMES} if k in os.environ}}), flush=True)\n"
        "            os._exit(0)\n"
        "sys.meta_path.insert(0, Watch())\n"
    )
    clean = {name: value for name, value in os.environ.items() if name not in NAMES}
    done = subprocess.run(
        [sys.executable, "-c", watch + program, *arguments],
        cwd=ROOT,
        env={**clean, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=True,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


COMMAND = "sys.argv[0] = 'photostyle'\nfrom photostyle.cli import main\nmain()"
MODULE = "import runpy\nrunpy.run_module('photostyle', run_name='__main__')"
PHOTO = ("photo", "docs/samples/day.jpg", "--style", "docs/samples/dusk.jpg", "-o", "never.png", "--segment", "off")


@pytest.mark.parametrize("program", [COMMAND, MODULE], ids=["command", "module"])
def test_the_command_settles_it_before_torch(program):
    assert {"OMP_WAIT_POLICY": "passive", "KMP_BLOCKTIME": "0"}.items() <= seen(program, *PHOTO).items()


@pytest.mark.skipif(find_spec("gradio") is None, reason="there is no Gradio")
def test_the_page_settles_it_too():
    assert seen(COMMAND, "web", "--port", "0").items() >= {"OMP_WAIT_POLICY": "passive"}.items()


def test_a_user_s_own_setting_reaches_torch():
    asked = {"OMP_WAIT_POLICY": "ACTIVE", "OMP_NUM_THREADS": "3"}
    assert seen(COMMAND, *PHOTO, **asked) == asked


def test_workers_settle_it_for_themselves(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    (outcome,) = LocalEngine().run(Setup(), [("environment", NAMES)])
    assert outcome.answer["OMP_WAIT_POLICY"] == "passive"
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    (outcome,) = LocalEngine().run(Setup(), [("environment", NAMES)])
    assert outcome.answer["OMP_WAIT_POLICY"] == "active"
    assert "KMP_BLOCKTIME" not in outcome.answer
