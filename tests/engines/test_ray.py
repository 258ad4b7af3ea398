"""Ray: every task once on a real cluster, whatever becomes of a worker; errors that say what to do."""

import os
import socket
import sys

import pytest
from PIL import Image

from photostyle.batch.plan import survey
from photostyle.batch.run import run
from photostyle.batch.work import BatchOptions
from photostyle.engines.ray import RayEngine
from photostyle.errors import EngineError, ImageReadError, ParameterError, WeightsError
from photostyle.options import FitOptions
from photostyle.video.options import VideoOptions
from photostyle.video.stylize import load_style, stylize_clip
from photostyle.video.workers import Recipe, Workers
from photostyle.weights import load_model
from tests.util.cli import ROOT, save_colourful_model, save_picture, size
from tests.util.engines import Setup, Telling, photo_stem, segment_number
from tests.util.video import make_clip, same_pictures

# Ray leaves sockets and processes to the end of the process, and warns of its own changes to come.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
]


@pytest.fixture(scope="module")
def cluster():
    """The address of a cluster of two workers, apart from this process."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(
            "PYTHONPATH", os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))
        )  # workers find `tests`
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("OMP_NUM_THREADS", "1")
        nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
        yield nodes.address
        nodes.shutdown()


def test_every_photo_is_written_once_though_a_worker_is_killed(cluster, tmp_path):
    folder, out, notes = (tmp_path / name for name in ("in", "out", "notes"))
    for path in (folder, folder / "sub", notes):
        path.mkdir()
    for n in range(6):
        save_picture((folder if n % 2 else folder / "sub") / f"{n}.png", 24 + n, 40, n)
    save_picture(tmp_path / "style.png", 32, 32, 9)
    model = save_colourful_model(tmp_path / "tiny.safetensors")
    options = BatchOptions(((None, tmp_path / "style.png"),), segment="off", model=str(model), device="cpu")
    plan = survey(folder, out)
    engine = Telling(RayEngine(cluster, jobs=2), notes, photo_stem, killed_before="1", killed_after="4")
    results = {r.item.content.stem: r for r in run(plan, options, engine)}
    assert sorted(results) == [str(n) for n in range(6)]
    assert {(r.status, r.error) for r in results.values()} == {("done", None)}
    assert engine.told("done") == [str(n) for n in range(6)], "each once"
    assert engine.told("begun") == ["0", "1", "1", "2", "3", "4", "4", "5"], "those of killed workers again"
    assert engine.told("existed") == ["4"], "what was written before its worker was killed is not made again"
    for n in range(6):
        assert size((out if n % 2 else out / "sub") / f"{n}.png") == (40, 24 + n)
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(files) == 6
    for path in files:
        with Image.open(path) as image:
            image.load()
    assert all(item.finished for item in survey(folder, out).items)


def test_a_clip_is_graded_though_a_worker_is_killed(cluster, tmp_path):
    clip, notes = make_clip(tmp_path / "in.mp4", (9, 8), audio="aac"), tmp_path / "notes"
    notes.mkdir()
    save_picture(tmp_path / "style.png", 32, 32, 9)
    recipe = Recipe(str(save_colourful_model(tmp_path / "tiny.safetensors")), "cpu")
    model, options = load_model(recipe.model), VideoOptions(segment=0.2, codec="ffv1")
    style = load_style(tmp_path / "style.png", model)
    engine = Telling(RayEngine(cluster, jobs=2), notes, segment_number, killed_before="1", killed_after="2")
    workers = Workers(engine, recipe)
    stylize_clip(model, clip, style, tmp_path / "o.mkv", FitOptions(), options, workers=workers)
    stylize_clip(model, clip, style, tmp_path / "whole.mkv", FitOptions(), options)
    assert same_pictures(tmp_path / "o.mkv", tmp_path / "whole.mkv")
    assert engine.told("begun") == ["0", "1", "1", "2", "2", "3"], "those of killed workers again"
    assert engine.told("done") == ["0", "1", "2", "2", "3"], "each once, but for the one that nobody had heard of"
    assert not (tmp_path / "o.mkv.parts").exists()


def test_tasks_and_their_errors(cluster, tmp_path):
    tasks = [("number", 0), ("bad", 1), ("odd", 2), ("killed", 3), ("number", 4)]
    outcomes = {outcome.index: outcome for outcome in RayEngine(cluster, jobs=2).run(Setup(), tasks)}
    assert sorted(outcomes) == list(range(5))
    assert [outcomes[n].answer[0] for n in (0, 4)] == [0, 4]
    assert isinstance(outcomes[1].error, ImageReadError)
    assert str(outcomes[2].error) == "failed unexpectedly (ValueError: 2 is odd)"
    assert isinstance(outcomes[3].error, EngineError)
    assert outcomes[3].tries == 3, "what kills its workers is given up"
    assert str(outcomes[3].error).startswith("3 workers died in it")
    with pytest.raises(WeightsError, match="no such model; get one"):
        list(RayEngine(cluster).run(Setup("error"), [("number", 0)]))


def test_without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EngineError, match=r"Ray is not installed; pip install 'photostyle\[ray\]'"):
        list(RayEngine().run(Setup(), [("number", 0)]))


def test_addresses():
    with socket.socket() as taken:  # by nobody who listens, so that no other process does
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(EngineError, match=rf"no Ray cluster can be reached at {address} \(.*; start one with: ray"):
            list(RayEngine(address).run(Setup(), [("number", 0)]))
    with pytest.raises(EngineError, match=r"no Ray cluster can be reached at nowhere.invalid:6379 "):
        list(RayEngine("nowhere.invalid:6379").run(Setup(), [("number", 0)]))
    for wrong in ("cluster", "host:", ":6379", "host:port"):
        with pytest.raises(ParameterError, match="is neither HOST:PORT nor auto"):
            list(RayEngine(wrong).run(Setup(), [("number", 0)]))
    with pytest.raises(ParameterError, match="jobs is 0"):
        RayEngine(jobs=0)
