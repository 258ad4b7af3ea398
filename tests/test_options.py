import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photostyle.errors import ParameterError
from photostyle.options import MATCHINGS, STAGES, FitOptions, check_strength


def test_defaults():
    options = FitOptions()
    assert options == FitOptions(("encoder", "decoder"), "monge", 1.0, None, "whole", {}, 1.0, True)
    assert MATCHINGS == ("wct", "monge", "adain", "cholesky")
    assert STAGES == ("encoder", "decoder", "skip")


@given(st.lists(st.sampled_from(STAGES), min_size=1))
def test_stages_are_kept_once_and_in_order(stages):
    assert FitOptions(at=tuple(stages)).at == tuple(stage for stage in STAGES if stage in stages)
    assert FitOptions(at=stages) == FitOptions(at=tuple(set(stages)))  # the order asked for does not matter


@pytest.mark.parametrize("matching", MATCHINGS)
@pytest.mark.parametrize("unmatched", ["whole", "keep"])
def test_every_choice_is_accepted(matching, unmatched):
    options = FitOptions(matching=matching, unmatched=unmatched, regularization=0.0)
    assert (options.matching, options.unmatched, options.regularization) == (matching, unmatched, 0)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"at": ()}, ["at is ''", *STAGES]),
        ({"at": ("",)}, ["at is ''", *STAGES]),
        ({"at": ("encoder", "nose")}, ["'encoder,nose'", *STAGES]),
        ({"at": ("Encoder",)}, ["'Encoder'", *STAGES]),
        ({"matching": "best"}, ["'best'", *MATCHINGS]),
        ({"unmatched": "drop"}, ["'drop'", "whole", "keep"]),
        ({"regularization": -1e-9}, ["regularization is -1e-09"]),
        ({"regularization": float("nan")}, ["regularization is nan"]),
        ({"strength": 1.5}, ["strength is 1.5"]),
    ],
)
def test_what_is_wrong_is_told_in_one_line(wrong, told):
    with pytest.raises(ParameterError) as error:
        FitOptions(**wrong)
    text = str(error.value)
    assert "\n" not in text
    assert [part for part in told if part not in text] == []


@given(st.floats(0, 1))
def test_strengths(strength):
    assert check_strength(strength) == strength
    assert FitOptions(strength=strength).strength == strength


@given(st.floats().filter(lambda value: not 0 <= value <= 1))
def test_strengths_out_of_range(strength):
    with pytest.raises(ParameterError, match="between 0"):
        check_strength(strength)
    with pytest.raises(ValueError, match="between 0"):  # for callers who know nothing of this package's errors
        FitOptions(strength=strength)


def test_options_cannot_be_changed_and_can_be_compared():
    options = FitOptions()
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.strength = 0.5  # type: ignore[misc]
    assert dataclasses.replace(options, strength=0.5).strength == 0.5
    assert len({options, FitOptions(), FitOptions(strength=0.5)}) == 2
    with pytest.raises(ParameterError):
        dataclasses.replace(options, strength=7)


def test_infinite_regularization_and_a_bare_string_are_refused():
    with pytest.raises(ParameterError, match="finite"):
        FitOptions(regularization=float("inf"))
    with pytest.raises(ParameterError, match="tuple"):
        FitOptions(at="encoder")
