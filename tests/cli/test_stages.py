"""The stages of a photo and the time left, on a terminal from the start; what Ctrl-C says."""

import pytest

from photostyle.cli.running import Report, run_each
from photostyle.cli.stages import STAGES, Estimate, Stages, line
from tests.util.cli import save_picture


def walk(estimate, pace):
    """Each stage at `pace` times its usual seconds; yields (now, seconds that are left in truth)."""
    total = estimate.total * pace
    now = 0.0
    names = ["start", "network", "style", *["photo", "fit"] * estimate.photos]
    for number, name in enumerate(names):
        if number:
            estimate.next(name, now)
        for quarter in range(4):
            moment = now + STAGES[name][1] * pace * quarter / 4
            yield moment, total - moment
        now += STAGES[name][1] * pace


@pytest.mark.parametrize("photos", [1, 5])
@pytest.mark.parametrize("pace", [0.5, 1.0, 4.0])
def test_time_left_comes_near_the_truth(photos, pace):
    estimate = Estimate(photos)
    steps = [(estimate.left(now), left, estimate.share(now)) for now, left in walk(estimate, pace)]
    shares = [share for _, _, share in steps]
    assert shares == sorted(shares)
    assert all(0 <= share < 1 for share in shares)
    for guess, left, share in steps:
        if share > 0.5 and left > 1:
            assert left / 2 < guess < 2 * left


def test_there_is_a_guess_from_the_first_moment():
    assert "starting, about 7 s left" in line(Estimate(1), 0.0)
    estimate = Estimate(40)
    assert line(estimate, 0.5).startswith("photo 1 of 40: starting, about 2 min left")
    estimate.photo_done()
    assert line(estimate, 0.5).startswith("photo 2 of 40")


def test_parts_of_a_stage():
    estimate = Estimate(1)
    stages = Stages(estimate)
    stages.next("photo")
    stages.part(1, 4)
    assert (estimate.stage, estimate.part) == ("fit", 0.25)
    stages.next("fit")  # said again
    assert estimate.part == 0.25


@pytest.mark.parametrize(
    ("done", "count", "said"),
    [
        (0, 1, "nothing was written; the same command starts anew"),
        (0, 3, "0 of 3 photos are done and whole; the same command starts anew"),
        (2, 3, "2 of 3 photos are done and whole; to go on, give the same command from"),
    ],
)
def test_ctrl_c_says_how_to_go_on(tmp_path, capsys, done, count, said):
    photos = [save_picture(tmp_path / f"{i}.png", 20, 20, i) for i in range(count)]
    began = []

    def work(content, output):
        if len(began) == done:
            raise KeyboardInterrupt
        began.append(content)

    with pytest.raises(KeyboardInterrupt):
        run_each(photos, [tmp_path / f"o{i}.png" for i in range(count)], None, work, False, Report(None, {}, False))
    assert said in " ".join(capsys.readouterr().err.split())
