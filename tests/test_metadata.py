"""What a checkpoint says about itself, and what is wrong with it."""

import json
from typing import Any

import pytest

from stnwarp.conventions import Family
from stnwarp.errors import CheckpointError, ExitCode, ParameterError
from stnwarp.localisation import ColourMode, Fit, Layout, Metadata, Normalisation, parse_normalisation

PLAIN = {"family": "affine", "input_size": {"width": 30, "height": 28}}
FULL = Metadata(
    family=Family.THIN_PLATE_SPLINE,
    input_size=(28, 30),
    control_points=(4, 3),
    layout=Layout.NHWC,
    mode=ColourMode.RGB,
    value_range=(-1.0, 1.0),
    mean=(0.1, 0.2, 0.3),
    std=(0.5,),
    align_corners=True,
    fit=Fit.PAD,
    background=0.25,
    output_size=(32, 100),
    constraints="points within 0.2 of their places",
    description="lines of text",
    trained={"seed": 7, "images": ["a", "b"], "rate": 1e-3, "nested": {"on": True}},
)


def _read(fields: Any) -> Metadata:
    return Metadata.from_json(json.dumps(fields))


@pytest.mark.parametrize("metadata", [FULL, Metadata(family=Family.AFFINE, input_size=(28, 30))])
def test_what_is_written_is_read(metadata: Metadata) -> None:
    assert Metadata.from_json(metadata.to_json()) == metadata


def test_the_text_says_what_its_numbers_mean() -> None:
    text = json.loads(Metadata(family=Family.AFFINE, input_size=(28, 30), output_size=(5, 6)).to_json())
    assert text["parameters"] == ["a", "b", "tx", "c", "d", "ty"]
    assert text["units"] == "normalized"
    assert text["direction"] == "output to input"
    assert text["input_size"] == {"height": 28, "width": 30}
    assert text["output_size"] == {"height": 5, "width": 6}
    assert text["align_corners"] is False
    assert json.loads(FULL.to_json())["parameters"][:4] == ["x0", "y0", "x1", "y1"]
    assert len(json.loads(FULL.to_json())["parameters"]) == 24


def test_names_do_for_enums() -> None:
    metadata = Metadata(family="affine", input_size=[28, 30], layout="NHWC", mode="RGB", fit="pad")  # type: ignore[arg-type]
    assert metadata.family is Family.AFFINE
    assert metadata.layout is Layout.NHWC
    assert metadata.mode.channels == 3
    assert metadata.fit is Fit.PAD
    assert metadata.input_size == (28, 30)


def test_most_keys_may_be_missing() -> None:
    assert _read(PLAIN) == Metadata(family=Family.AFFINE, input_size=(28, 30))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"family": "afine"}, "did you mean 'affine'"),
        ({"family": None}, "family must be text"),
        ({"famly": "affine"}, "unknown key 'famly' (did you mean 'family'?)"),
        ({"version": 2}, "a newer stnwarp may read this file"),
        ({"version": True}, "version must be 1"),
        ({"input_size": [28, 30]}, 'must be an object such as {"height": 28'),
        ({"input_size": {"width": 0, "height": 5}}, "whole numbers from 1"),
        ({"input_size": {"width": 2.0, "height": 5}}, "whole numbers from 1"),
        ({"input_size": {"width": True, "height": 5}}, "whole numbers from 1"),
        ({"input_size": {"width": 5000, "height": 5}}, "from 1 to 4096"),
        ({"input_size": None}, "input_size must be"),
        ({"output_size": {"width": 2**31, "height": 5}}, "output_size must be"),
        ({"layout": "CHWN"}, "layout must be one of NCHW, NHWC"),
        ({"mode": "rgb"}, "mode must be one of L, RGB"),
        ({"value_range": [0]}, "value_range must be two different numbers"),
        ({"value_range": [1, 1]}, "value_range must be two different numbers"),
        ({"value_range": "0..1"}, "value_range must be a row of numbers"),
        ({"mean": [1, 2, 3]}, "mean has 3 numbers; mode L takes one"),
        ({"mean": []}, "mean must be a row"),
        ({"mean": [True]}, "mean must be numbers"),
        ({"mean": [10**400]}, "mean must be finite"),
        ({"std": [0.0]}, "std must not be 0"),
        ({"align_corners": 0}, "align_corners must be true or false"),
        ({"fit": "crop"}, "fit must be one of stretch, pad"),
        ({"background": 1.5}, "background must lie in 0..1"),
        ({"constraints": 5}, "constraints must be text"),
        ({"description": None}, "description must be text"),
        ({"trained": [1]}, "trained must be an object"),
        ({"control_points": {"rows": 3, "columns": 3}}, "family affine has no control_points"),
        ({"family": "tps"}, "family tps needs control_points"),
        ({"family": "tps", "control_points": {"rows": 1, "columns": 3}}, "at least 2"),
        ({"family": "tps", "control_points": {"rows": 100, "columns": 100}}, "at most"),
        ({"parameters": ["a", "b"]}, "parameters must be"),
        ({"units": "pixel"}, 'units must be "normalized"'),
        ({"direction": "input to output"}, 'direction must be "output to input"'),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        _read({**PLAIN, **changes})
    assert words in str(caught.value)
    assert str(caught.value).startswith("its metadata cannot be used: ")
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code is ExitCode.CANNOT_GO_ON


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("{", "line 1, column 2: not JSON"),
        ("[]", "must be a JSON object"),
        ('{"family": "affine", "family": "tps"}', "'family' stands there twice"),
        ('{"family": "affine"}', "it has no 'input_size'"),
        ('{"background": NaN}', "holds NaN"),
        ("[" * 100_000, "nested too deeply"),
        ('{"background": ' + "1" * 5000 + "}", "a number that cannot be read"),
        (" " * (2**22 + 1), "the limit is"),
    ],
)
def test_what_is_not_such_text(text: str, words: str) -> None:
    with pytest.raises(CheckpointError, match="its metadata cannot be used") as caught:
        Metadata.from_json(text)
    assert words in str(caught.value)


def test_a_version_is_looked_at_before_the_keys() -> None:
    with pytest.raises(CheckpointError, match="a newer stnwarp"):
        _read({**PLAIN, "version": 2, "something_new": 1})


@pytest.mark.parametrize("value", [float("nan"), {1, 2}])
def test_what_json_cannot_hold_is_a_wrong_parameter(value: Any) -> None:
    with pytest.raises(ParameterError, match="trained must be what JSON can hold"):
        Metadata(family=Family.AFFINE, input_size=(28, 28), trained={"value": value})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0..1", Normalisation((0, 1))),
        ("-1..1", Normalisation((-1, 1))),
        ("0..255", Normalisation((0, 255))),
        ("1..0", Normalisation((1, 0))),
        ("0.5/0.25", Normalisation((0, 1), (0.5,), (0.25,))),
        ("0.5,0.4,0.3/2", Normalisation((0, 1), (0.5, 0.4, 0.3), (2.0,))),
        ("imagenet", Normalisation((0, 1), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))),
    ],
)
def test_normalisations(text: str, expected: Normalisation) -> None:
    assert parse_normalisation(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("imagenett", "did you mean 'imagenet'"),
        ("", "normalize must be"),
        ("0..0", "two different ends"),
        ("0,1..2", "two different ends"),
        ("0..x", "normalize must be"),
        ("0.5/0", "not divide by 0"),
        ("0.5,0.5/1", "one or three numbers"),
        ("nan/1", "finite"),
        ("0..inf", "finite"),
    ],
)
def test_normalisations_that_cannot_be(text: str, words: str) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_normalisation(text)
    assert words in str(caught.value)
