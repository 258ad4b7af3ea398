"""Local processes: every task once, whatever becomes of a worker."""

import os
import signal
import subprocess
import sys

import pytest

from photostyle.engines.local import LocalEngine, attempt
from photostyle.errors import EngineError, ImageReadError, ParameterError, WeightsError
from tests.util.cli import ROOT
from tests.util.engines import Setup, pids
from tests.util.waiting import PATIENCE, alive, wait_for


def test_every_task_is_done_once_by_processes_that_stay():
    tasks = [("number", n) for n in range(7)]
    outcomes = list(LocalEngine(2).run(Setup(), tasks))
    assert sorted(outcome.index for outcome in outcomes) == list(range(7))
    assert all(outcome.answer[0] == outcome.index and outcome.error is None for outcome in outcomes)
    workers = {outcome.answer[1] for outcome in outcomes}
    assert len(workers) <= 2
    assert os.getpid() not in workers
    assert not any(map(alive, workers))


def test_no_more_processes_than_tasks():
    assert [outcome.answer[0] for outcome in LocalEngine(64).run(Setup(), [("number", 5)])] == [5]
    assert list(LocalEngine(2).run(Setup(), [])) == []


def test_what_a_task_raises_is_its_own():
    tasks = [("bad", 1), ("odd", 2), ("number", 3)]
    outcomes = {outcome.index: outcome for outcome in LocalEngine().run(Setup(), tasks)}
    assert isinstance(outcomes[0].error, ImageReadError)
    assert str(outcomes[0].error) == "1 is bad"
    assert isinstance(outcomes[1].error, EngineError)
    assert str(outcomes[1].error) == "failed unexpectedly (ValueError: 2 is odd)"
    assert outcomes[2].answer[0] == 3
    assert [outcomes[n].answer for n in (0, 1)] == [None, None]


def test_a_worker_that_dies_fails_its_task_alone():
    tasks = [("number", 0), ("killed", 1), ("number", 2), ("leave", 3), ("number", 4), ("killed", 5)]
    outcomes = {outcome.index: outcome for outcome in LocalEngine(2).run(Setup(), tasks)}
    assert sorted(outcomes) == list(range(6))
    for n in (0, 2, 4):
        assert outcomes[n].answer[0] == n
    for n in (1, 5):
        assert isinstance(outcomes[n].error, EngineError)
        assert str(outcomes[n].error) == "its worker process was killed (SIGKILL; most likely memory ran out)"
    assert str(outcomes[3].error) == "its worker process ended early (exit code 3)"


def test_a_setup_that_fails_ends_the_run():
    with pytest.raises(WeightsError, match="no such model; get one"):
        list(LocalEngine(2).run(Setup("error"), [("number", 1)] * 3))
    with pytest.raises(EngineError, match=r"ended early \(exit code 3\) while it started"):
        list(LocalEngine(2).run(Setup("death"), [("number", 1)] * 3))


def test_closing_ends_workers_and_they_clean_up(tmp_path):
    outcomes = LocalEngine(2).run(Setup(), [("number", 0), ("sleep", tmp_path), ("number", 2)])
    found = [next(outcomes), next(outcomes)]
    assert {outcome.index for outcome in found} == {0, 2}
    (sleeper,) = wait_for(lambda: pids(tmp_path))
    outcomes.close()
    assert not alive(sleeper)
    assert [path.name for path in tmp_path.iterdir()] == [f"{sleeper}.pid"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_parent(tmp_path, number):
    program = (
        "from photostyle.engines.local import LocalEngine; from tests.util.engines import Setup\n"
        f"if __name__ == '__main__': list(LocalEngine(1).run(Setup(), [('sleep', {str(tmp_path)!r})]))"
    )
    script = tmp_path / "run.py"
    script.write_text(program)
    parent = subprocess.Popen([sys.executable, script], env={**os.environ, "PYTHONPATH": str(ROOT)})
    (worker,) = wait_for(lambda: pids(tmp_path))
    parent.send_signal(number)
    parent.wait(PATIENCE)
    wait_for(lambda: not alive(worker))
    assert {path.name for path in tmp_path.iterdir()} == {"run.py", f"{worker}.pid"}


def test_attempt():
    assert attempt(Setup()(), ("number", 4), 9).answer[0] == 4
    with pytest.raises(KeyboardInterrupt):
        attempt(lambda task: signal.raise_signal(signal.SIGINT), None, 0)


def test_jobs():
    with pytest.raises(ParameterError, match="jobs is 0"):
        LocalEngine(0)
