"""Who owns what on the page, and that it goes when they go."""

import pytest

from photostyle.errors import MemoryLimitError, ParameterError
from photostyle.web.sessions import KEPT_PICTURES, KEPT_UPLOADS, Limits, Picture, Sessions


@pytest.fixture
def sessions(tmp_path):
    return Sessions(tmp_path / "root", Limits(visitors=2), lambda folder: {"folder": folder})


def file_of(visitor, name="a.txt"):
    path = visitor.new_folder() / name
    path.write_text(name)
    return path


def test_a_session_is_kept_from_one_wish_to_the_next(sessions):
    with sessions.session("anna", "1") as (visitor, state):
        state["seen"] = True
    with sessions.session("anna", "1") as (again, same):
        assert again is visitor
        assert same["seen"]
        assert state["folder"].is_relative_to(visitor.folder)
    with sessions.session("anna", "2") as (again, other):
        assert again is visitor
        assert "seen" not in other
        assert other["folder"] != state["folder"]


def test_nobody_names_what_is_not_theirs(sessions, tmp_path):
    anna, ben = sessions.visit("anna"), sessions.visit("ben")
    mine = file_of(anna)
    assert anna.owned(mine) == mine
    outside = tmp_path / "outside.txt"
    outside.write_text("secret")
    link = mine.parent / "link.txt"
    link.symlink_to(outside)
    for path in (outside, link, mine.parent / ".." / ".." / ".." / "outside.txt", mine.parent, "http://host/a.txt", ""):
        with pytest.raises(ParameterError, match="not uploaded here"):
            anna.owned(path)
    with pytest.raises(ParameterError):
        ben.owned(mine)


def test_files_go_with_the_last_page(sessions):
    with sessions.session("anna", "1") as (visitor, _):
        pass
    with sessions.session("anna", "2"):
        pass
    path = file_of(visitor)
    assert sessions.leave("1")
    assert path.exists()
    assert sessions.leave("2")
    assert not visitor.folder.exists()
    assert sessions.leave("2") == []
    assert len(sessions) == 0


def test_files_stay_while_they_are_needed(sessions):
    with sessions.session("anna", "1") as (visitor, _):
        path = file_of(visitor)
        sessions.leave("1")
        sessions.forget_idle()
        assert path.exists()
    assert not visitor.folder.exists()
    assert sessions.find("anna") is None


def test_who_does_nothing_is_forgotten(tmp_path):
    sessions = Sessions(tmp_path, Limits(idle=1e-9), lambda folder: {})
    with sessions.session("anna", "1") as (visitor, _):
        pass
    sessions.forget_idle()
    assert sessions.find("anna") is None
    assert not visitor.folder.exists()


def test_there_are_only_so_many(sessions):
    sessions.visit("anna")
    sessions.visit("ben")
    with pytest.raises(MemoryLimitError, match="too many people"):
        sessions.visit("carl")
    assert sessions.visit("anna")


def test_pictures_and_uploads_do_not_pile_up(sessions):
    visitor = sessions.visit("anna")
    tokens = [visitor.show(Picture(b"", "image/jpeg")) for _ in range(KEPT_PICTURES + 3)]
    assert list(visitor.pictures) == tokens[3:]
    folders = [visitor.upload_folder() for _ in range(KEPT_UPLOADS + 2)]
    assert [folder.exists() for folder in folders] == [False, False, *[True] * KEPT_UPLOADS]


def test_everything_is_removed_at_the_end(sessions):
    file_of(sessions.visit("anna"))
    sessions.close()
    assert not sessions.root.exists()


@pytest.mark.parametrize("wrong", [{"upload": 0}, {"pixels": -1}, {"visitors": 0}, {"idle": 0}])
def test_limits_must_be_positive(wrong):
    with pytest.raises(ParameterError):
        Limits(**wrong)
