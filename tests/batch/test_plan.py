"""What is found in a folder, and where its results go."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photostyle.batch.plan import FORMATS, survey
from photostyle.errors import ImageReadError, OutputError, ParameterError
from photostyle.io import photo_extensions
from tests.util.cli import save_picture


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def named(plan, folder):
    """Content to output, both within their folders."""
    out = folder.parent / "out"
    return {str(i.content.relative_to(folder)): str(i.output.relative_to(out)) for i in plan.items if not i.problem}


def test_all_readable_formats_are_found_and_nothing_else(folder):
    make(folder, *(f"photo{n}{suffix}" for n, suffix in enumerate(sorted(photo_extensions()))), "UPPER.JPG")
    make(folder, "notes.txt", "clip.mp4", "photo", ".hidden.jpg", "._a.jpg", ".cache/b.jpg", "paper.pdf", "a.jpg.xmp")
    plan = survey(folder, folder.parent / "out")
    assert {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".heic", ".dng", ".cr2", ".avif"} <= photo_extensions()
    assert len(plan.items) == len(photo_extensions()) + 1
    assert plan.others == 7
    assert plan.links == 0
    assert not (folder.parent / "out").exists()


def test_names_and_subfolders_stay(folder):
    make(folder, "b.jpg", "a.JPEG", "x.y/c.tif", "x.y/deep/d.webp", "e.png", "f.heic", "g.CR2", "line\nbreak é.jpg")
    assert named(survey(folder, folder.parent / "out"), folder) == {
        "b.jpg": "b.jpg", "a.JPEG": "a.JPEG", "x.y/c.tif": "x.y/c.tif", "x.y/deep/d.webp": "x.y/deep/d.webp",
        "e.png": "e.png", "f.heic": "f.png", "g.CR2": "g.png", "line\nbreak é.jpg": "line\nbreak é.jpg",
    }  # fmt: skip
    assert named(survey(folder, folder.parent / "out", "jpg"), folder) == {
        "b.jpg": "b.jpg", "a.JPEG": "a.JPEG", "x.y/c.tif": "x.y/c.jpg", "x.y/deep/d.webp": "x.y/deep/d.jpg",
        "e.png": "e.jpg", "f.heic": "f.jpg", "g.CR2": "g.jpg", "line\nbreak é.jpg": "line\nbreak é.jpg",
    }  # fmt: skip
    tiff = named(survey(folder, folder.parent / "out", "tiff"), folder)
    assert (tiff["x.y/c.tif"], tiff["b.jpg"]) == ("x.y/c.tif", "b.tiff")


def test_one_name_is_not_given_twice(folder):
    make(folder, "a.jpg", "a.png", "a.CR2", "a.DNG", "s/a.png", "t/b.CR2", "t/b.NEF")
    out = folder.parent / "out"
    assert named(survey(folder, out, "jpg"), folder) == {
        "a.jpg": "a.jpg", "a.png": "a.png.jpg", "a.CR2": "a.CR2.jpg", "a.DNG": "a.DNG.jpg", "s/a.png": "s/a.jpg",
        "t/b.CR2": "t/b.jpg", "t/b.NEF": "t/b.NEF.jpg",
    }  # fmt: skip
    assert named(survey(folder, out), folder)["a.CR2"] == "a.CR2.png"
    assert named(survey(folder, out), folder)["a.png"] == "a.png"


def test_names_that_differ_by_case_alone(folder):
    make(folder, "a.jpg", "A.jpg")
    if len(list(folder.iterdir())) == 1:
        pytest.skip("this file system does not tell them apart either")
    plan = survey(folder, folder.parent / "out")
    names = named(plan, folder)
    assert len({name.casefold() for name in names.values()}) == len(names) == 2


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("aAbß"), st.sampled_from([".jpg", ".JPG", ".png", ".cr2", ".png.jpg"]))))
def test_outputs_never_coincide(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("in")
    make(folder, *{stem + suffix for stem, suffix in names})
    for form in FORMATS:
        plan = survey(folder, folder.parent / "out", form)
        outputs = [str(item.output).casefold() for item in plan.items if not item.problem]
        assert len(set(outputs)) == len(outputs)
        assert len(plan.items) == len(list(folder.iterdir()))
        assert all("same name" in str(item.problem) for item in plan.items if item.problem)


def test_the_results_folder_within_is_left_out(folder):
    make(folder, "a.jpg", "out/a.jpg", "s/out/b.jpg", "outer/c.jpg")
    plan = survey(folder, folder / "out")
    assert [str(i.content.relative_to(folder)) for i in plan.items] == ["a.jpg", "outer/c.jpg", "s/out/b.jpg"]
    assert plan.items[0].output == folder / "out" / "a.jpg"
    link = folder.parent / "link"
    link.symlink_to(folder / "out")
    assert len(survey(folder, link).items) == 3, "also by another name"


def test_results_do_not_lie_among_the_photos(folder):
    make(folder, "a.jpg", "in/b.jpg")
    for out in (folder, folder / "..", folder / "in" / ".."):
        with pytest.raises(OutputError, match="among the photos"):
            survey(folder, out)
    link = folder.parent / "link"
    link.symlink_to(folder)
    with pytest.raises(OutputError, match="among the photos"):
        survey(folder, link)


def test_links(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    make(elsewhere, "far.jpg", "sub/further.jpg")
    make(folder, "a.jpg")
    (folder / "loop").symlink_to(folder)
    (folder / "away").symlink_to(elsewhere)
    (folder / "linked.jpg").symlink_to(elsewhere / "far.jpg")
    (folder / "broken.jpg").symlink_to(elsewhere / "no.jpg")
    plan = survey(folder, tmp_path / "out")
    assert named(plan, folder) == {name: name for name in ("a.jpg", "linked.jpg", "broken.jpg")}
    assert plan.links == 2
    through = tmp_path / "through"
    through.symlink_to(folder)
    assert len(survey(through, tmp_path / "out").items) == 3, "the folder itself may be a link"


def test_finished_results(folder):
    make(folder, "a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg")
    out = folder.parent / "out"
    make(out, "a.jpg", "b.jpg", "c.jpg")
    (out / "e.jpg").mkdir()
    (out / "c.jpg").write_bytes(b"")  # a name that was claimed, and no more
    os.utime(out / "a.jpg", ns=(10**18, 10**18))
    os.utime(folder / "a.jpg", ns=(10**18, 2 * 10**18))
    found = {item.content.name: item for item in survey(folder, out).items}
    state = {n: (i.finished, i.outdated, i.replace) for n, i in found.items()}
    assert state["a.jpg"] == (True, True, False)
    assert state["b.jpg"] == (True, False, False)
    assert state["c.jpg"] == (False, False, True)
    assert state["d.jpg"] == (False, False, False)
    plan = survey(folder, out)
    assert "d.jpg" in [item.content.name for item in plan.waiting]
    again = {item.content.name: item for item in survey(folder, out, since=None).items}
    assert not any(item.finished for item in again.values())
    assert again["a.jpg"].replace
    assert not again["d.jpg"].replace
    since = {item.content.name: item for item in survey(folder, out, since=10**18 + 1).items}
    assert (since["a.jpg"].finished, since["b.jpg"].finished) == (False, True)


def test_a_style_among_the_results_is_safe(folder):
    make(folder, "a.jpg", "b.jpg")
    out = folder.parent / "out"
    make(out, "a.jpg")
    plan = survey(folder, out, since=None, keep=[out / "a.jpg"])
    assert "would replace a photo that is read" in str(plan.items[0].problem)
    assert [item.content.name for item in plan.waiting] == ["b.jpg"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to the superuser")
def test_a_folder_that_cannot_be_read_is_told(folder):
    make(folder, "a.jpg", "closed/b.jpg")
    (folder / "closed").chmod(0)
    try:
        plan = survey(folder, folder.parent / "out")
    finally:
        (folder / "closed").chmod(0o755)
    assert isinstance(plan.items[1].problem, ImageReadError)
    assert [item.content.name for item in plan.waiting] == ["a.jpg"]


def test_wrong_arguments(tmp_path):
    with pytest.raises(ParameterError, match="no such folder"):
        survey(tmp_path / "no", tmp_path / "out")
    with pytest.raises(ParameterError, match="photostyle photo"):
        survey(save_picture(tmp_path / "a.png", 16, 16), tmp_path / "out")
    with pytest.raises(ParameterError, match="format is 'gif'"):
        survey(tmp_path, tmp_path / "out", "gif")
