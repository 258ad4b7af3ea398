"""Damaged and strange files: 500 cases of ``scripts/check/fuzz.py``, and what hypothesis makes of our own formats."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import load, save

from photostyle.batch.state import read_state
from photostyle.errors import OutputError, TransferMismatchError, WeightsError
from photostyle.io import read_mask
from photostyle.io.masks import NAMES_KEY
from photostyle.transfer.fitting import fit
from photostyle.transfer.presets import load_style, read_metadata, save_transfer
from photostyle.transfer.transfer import Transfer
from photostyle.video.plan import Parts, Plan
from tests.util import picture, tiny_model
from tests.util.cli import ROOT
from tests.util.waiting import PATIENCE

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked and watched through /proc")

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["*", "sky", "wct"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
"""What JSON can hold."""


@needs_linux
def test_500_damaged_files(tmp_path):
    command = [sys.executable, str(ROOT / "scripts" / "check" / "fuzz.py"), "--cases", "500", "--seed", "1"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=2 * PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "500 cases in" in done.stdout
    assert not (tmp_path / "fuzz-findings").exists()


WATCHED = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, {scripts!r})
import _fuzz_run
from _fuzz_corpus import Seed
from photostyle.errors import ParameterError
_fuzz_run.PATIENCE, _fuzz_run.SECONDS, _fuzz_run.MEMORY = 10.0, 1.0, 100 << 20
began = time.process_time()
def misbehave(seed, scene, folder, random):
    what = ["fine", "crash", "slow", "hang", "memory", "bug", "exit", "fine"][int(random.seed_index)]
    if what == "crash": os.abort()
    if what == "hang": time.sleep(3600)
    while what == "slow" and time.process_time() < 1.5 + began: pass
    if what == "memory": bytearray(200 << 20)
    if what == "bug": 1 / 0
    if what == "exit": os._exit(3)
    return "output", ""
_fuzz_run.try_case = misbehave
def case(seeds, number, index):
    random = type("R", (), {{"seed_index": index}})()
    return seeds[0], random
_fuzz_run.case = case
for result in _fuzz_run.run_cases([Seed("preset", "a.toml", b"a")], Path(sys.argv[1]), Path(sys.argv[1]), 0, range(8)):
    print(result.what)
"""


@needs_linux
def test_the_harness_sees_what_must_not_be(tmp_path):
    script = WATCHED.format(scripts=str(ROOT / "scripts" / "check"))
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, timeout=PATIENCE, check=False
    )
    seen = done.stdout.decode().split()
    assert seen == ["output", "crash", "hang", "hang", "memory", "finding", "crash", "output"], done.stderr


def attempt(call, kind):
    """What a call returns, or what its error of this kind says."""
    try:
        return call(), ""
    except kind as error:
        return None, str(error)


@pytest.fixture(scope="module")
def style(tmp_path_factory):
    path = tmp_path_factory.mktemp("style") / "look.style"
    save_transfer(fit(tiny_model(), picture(40, 56, 1), picture(48, 32, 2)), path)
    return path


@settings(max_examples=60, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(["at", "strength", "strengths", "finish", "shrinkage", "new"]), values))
def test_any_options_in_a_style(style, changes):
    path = style.with_name("changed.style")
    metadata = read_metadata(style)
    del metadata["sha256"]
    metadata["options"] = json.dumps({**json.loads(metadata["options"]), **changes})
    path.write_bytes(save(load(style.read_bytes()), metadata))
    loaded, error = attempt(lambda: load_style(path, tiny_model()), WeightsError)
    assert isinstance(loaded, Transfer) or (str(path) in error and "\n" not in error)


@settings(max_examples=60, deadline=None)
@given(
    name=st.integers(0, 100),
    shape=st.lists(st.integers(0, 13), max_size=3),
    kind=st.sampled_from([torch.float32, torch.float16, torch.int64, torch.bool, torch.complex64, torch.float8_e5m2]),
    key=st.none() | st.text(max_size=5),
)
@example(name=8, shape=[2, 0], kind=torch.float32, key=None)  # a range of two ends without a number
def test_any_tensor_in_a_style(style, name, shape, kind, key):
    path = style.with_name("changed.style")
    tensors = load(style.read_bytes())
    old = sorted(tensors)[name % len(tensors)]
    del tensors[old]
    tensors[old if key is None else f"{old}/{key}"] = torch.zeros(shape).to(kind)
    metadata = read_metadata(style)
    del metadata["sha256"]
    path.write_bytes(save(tensors, metadata))
    loaded, error = attempt(lambda: load_style(path, tiny_model()), WeightsError)
    assert "\n" not in error
    assert error or torch.isfinite(loaded.apply(picture(32, 32, 3))).all()


def test_a_changed_bit_in_a_style_is_noticed(style):
    """Also in the name of the very entry by which it is noticed."""
    path, whole = style.with_name("changed.style"), style.read_bytes()
    name = whole.index(b'"sha256"')
    for place in (*range(len(whole) - 40, 0, -len(whole) // 60), *range(name, name + 9)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises((WeightsError, TransferMismatchError)):
            load_style(path, tiny_model())


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(table=values | st.dictionaries(st.sampled_from(["#ff0000", "#-1", "ff", "#99999999999999999999"]), st.text()))
def test_any_table_of_names_in_a_mask(tmp_path, table):
    image = Image.linear_gradient("L").resize((32, 24)).convert("RGB").quantize(70)  # more colours than are exact
    chunks = PngInfo()
    chunks.add_text(NAMES_KEY, json.dumps(table))
    image.save(tmp_path / "m.png", pnginfo=chunks)
    found = read_mask(tmp_path / "m.png", size=(24, 32))
    assert set(found.labels.ravel().tolist()) <= set(found.names)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    plan=values
    | st.fixed_dictionaries(
        {"asked": st.just({}), "damaged": st.booleans() | values, "pts": st.lists(st.integers(0, 5)) | values},
        optional={
            "shots": values
            | st.lists(st.fixed_dictionaries(dict.fromkeys(["first", "count", "windows"], st.integers(-1, 4)))),
        },
    )
)
def test_any_plan_of_an_interrupted_run(tmp_path, plan):
    folder = tmp_path / "o.mp4.parts"
    folder.mkdir(exist_ok=True)
    (folder / "plan.json").write_text(json.dumps(plan))
    found, error = attempt(lambda: Parts(tmp_path / "o.mp4", {}, resume=True, overwrite=False).plan(), OutputError)
    assert isinstance(found, Plan) or "--overwrite" in error
    assert error or sum(shot.count for shot in found.shots) == len(found.pts)


@pytest.mark.parametrize("what", ["notes.txt", "segment-1.nut.bak"])
def test_a_folder_with_files_of_others_is_never_removed(tmp_path, what):
    folder = tmp_path / "o.mp4.parts"
    folder.mkdir()
    (folder / what).write_text("precious")
    for options in ({"resume": True, "overwrite": False}, {"resume": False, "overwrite": True}):
        with pytest.raises(OutputError, match="move it away"):
            Parts(tmp_path / "o.mp4", {}, **options)
    assert (folder / what).read_text() == "precious"


def test_a_link_in_place_of_the_folder_is_not_followed(tmp_path):
    elsewhere = Path(tmp_path / "elsewhere")
    elsewhere.mkdir()
    (tmp_path / "o.mp4.parts").symlink_to(elsewhere)
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="is a link"):
            Parts(tmp_path / "o.mp4", {}, resume=not overwrite, overwrite=overwrite)
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[]", "null", '{"format": 3}', "\0", "9" * 10_000])
def test_nested_and_odd_memories(tmp_path, text):
    """What Python's own parser fails on is damage like any other."""
    for name in ("out/.photostyle/batch.json", "o.mp4.parts/plan.json"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(OutputError, match=r"batch\.json"):
        read_state(tmp_path / "out")
    with pytest.raises(OutputError, match=r"plan\.json"):
        Parts(tmp_path / "o.mp4", {}, resume=True, overwrite=False).plan()
