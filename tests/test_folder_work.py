"""One image from beginning to end."""

import io
import os
import weakref
from dataclasses import replace
from importlib import import_module
from pathlib import Path, PurePath

import numpy as np
import pytest
from PIL import Image

from stnwarp.conventions import Interpolation, PaddingMode
from stnwarp.errors import ImageError, OutputError, ParameterError, SizeLimitError
from stnwarp.folder import Job, OneForAll, Outcome, Settings, Source, Status, process
from stnwarp.folder.gate import Stopped, WriteGate
from stnwarp.images.palette import ALL_OR_NOTHING
from stnwarp.resources import share_cores, usable_cores
from stnwarp.transforms import GridSpec, MatrixTransform, SamplingGrid, SizeMode, SizeRequest, ThetaSpec
from tests.folder_images import TURNED, save_image

WARP = import_module("stnwarp.sampling.fused")
IDENTITY = Settings(OneForAll(ThetaSpec(MatrixTransform(np.eye(3)))))
HALF_RIGHT = Settings(OneForAll(ThetaSpec(MatrixTransform(np.array([[1, 0, -1], [0, 1, 0]])))))  # by half the width
NEAREST = {"interpolation": Interpolation.NEAREST}


def _job(path: Path, target: Path | None, format: str | None = None) -> Job:
    return Job(Source(path, path.parent, PurePath(path.name)), target, format)


def _pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def _failure(outcome: Outcome) -> str:
    assert outcome.status is Status.FAILED
    assert outcome.error is not None
    assert "\n" not in outcome.error
    return outcome.error


def test_an_image_is_warped_and_written_with_its_theta(tmp_path: Path) -> None:
    path = save_image(tmp_path / "a.png", size=(9, 9))
    outcome = process(_job(path, tmp_path / "new/deep/b.png"), TURNED)
    assert (outcome.status, outcome.error, outcome.warnings, outcome.cause) == (Status.OK, None, (), None)
    assert outcome.seconds > 0
    np.testing.assert_allclose(outcome.theta, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-15)
    np.testing.assert_array_equal(_pixels(tmp_path / "new/deep/b.png"), np.rot90(_pixels(path)))


def test_a_sampling_grid_has_no_theta(tmp_path: Path) -> None:
    path = save_image(tmp_path / "a.png")
    grid = SamplingGrid(np.zeros((3, 5, 2)), align_corners=False)
    outcome = process(_job(path, tmp_path / "b.png"), Settings(OneForAll(GridSpec(grid))))
    assert (outcome.status, outcome.theta) == (Status.OK, None)
    assert _pixels(tmp_path / "b.png").shape == (3, 5, 3)


def test_the_suffix_of_the_target_or_the_format_asked_for_decide(tmp_path: Path) -> None:
    path = save_image(tmp_path / "a.png")
    process(_job(path, tmp_path / "b.jpg"), IDENTITY)
    process(_job(path, tmp_path / "no-suffix"), IDENTITY)
    process(_job(path, tmp_path / "other", "GIF"), IDENTITY)
    for name, format in (("b.jpg", "JPEG"), ("no-suffix", "PNG"), ("other", "GIF")):
        with Image.open(tmp_path / name) as image:
            assert image.format == format


def test_a_file_with_the_name_of_another_format_is_written_as_it_is_named(tmp_path: Path) -> None:
    save_image(tmp_path / "a.tif").rename(tmp_path / "a.png")
    outcome = process(_job(tmp_path / "a.png", tmp_path / "b.png"), IDENTITY)
    assert outcome.status is Status.OK
    assert any("TIFF" in warning for warning in outcome.warnings)
    assert any("written as PNG" in warning for warning in outcome.warnings)
    with Image.open(tmp_path / "b.png") as image:
        assert image.format == "PNG"
    plain = process(_job(save_image(tmp_path / "c.png"), tmp_path / "c.jpg"), IDENTITY)
    assert plain.warnings == ()


def test_standard_streams_stand_in_for_files(tmp_path: Path) -> None:
    data = save_image(tmp_path / "a.png").read_bytes()
    written = io.BytesIO()
    job = Job(Source(None, Path(), PurePath("stdin")), None)
    assert process(job, IDENTITY, stdin=io.BytesIO(data), stdout=written).status is Status.OK
    written.seek(0)
    with Image.open(written) as image:
        assert image.format == "PNG"
        np.testing.assert_array_equal(np.array(image), _pixels(tmp_path / "a.png"))
    assert "standard input" in _failure(process(job, IDENTITY))
    with pytest.raises(OutputError, match="standard output"):
        process(job, IDENTITY, stdin=io.BytesIO(data))


def test_colours_are_weighted_by_their_alpha(tmp_path: Path) -> None:
    pixels = np.zeros((4, 8, 4), np.uint8)
    pixels[:, :4] = (200, 100, 50, 255)  # beside transparent black: no dark fringe may come of it
    Image.fromarray(pixels).save(tmp_path / "a.png")
    quarter = Settings(OneForAll(ThetaSpec(MatrixTransform(np.array([[1, 0, 0.125], [0, 1, 0]])))))  # half a pixel
    assert process(_job(tmp_path / "a.png", tmp_path / "b.png"), quarter).status is Status.OK
    result = _pixels(tmp_path / "b.png")
    visible = result[..., 3] > 0
    assert (result[visible][:, :3] == (200, 100, 50)).all()
    assert set(result[..., 3].ravel().tolist()) == {0, 128, 255}


def test_nearest_keeps_the_colours_below_transparent_pixels(tmp_path: Path) -> None:
    path = save_image(tmp_path / "a.png", "RGBA", seed=3)
    process(_job(path, tmp_path / "b.png"), replace(IDENTITY, **NEAREST))
    np.testing.assert_array_equal(_pixels(tmp_path / "b.png"), _pixels(path))


@pytest.mark.parametrize(
    ("mode", "fill", "expected"),
    [
        ("RGB", None, (0, 0, 0)),
        ("RGB", "red", (255, 0, 0)),
        ("L", "white", 255),
        ("LA", None, (0, 0)),
        ("RGBA", None, (0, 0, 0, 0)),
        ("RGBA", "#0f08", (0, 255, 0, 136)),
    ],
)
def test_outside_the_image_is_the_fill(
    tmp_path: Path, mode: str, fill: str | None, expected: tuple[int, ...] | int
) -> None:
    path = save_image(tmp_path / "a.png", mode)
    outcome = process(_job(path, tmp_path / "b.png"), replace(HALF_RIGHT, fill=fill))
    assert outcome.status is Status.OK
    np.testing.assert_array_equal(
        _pixels(tmp_path / "b.png")[:, :7], np.broadcast_to(expected, (12, 7, *np.shape(expected)))
    )


def test_a_fill_that_a_mode_cannot_have_fails_that_image(tmp_path: Path) -> None:
    path = save_image(tmp_path / "a.png", "L")
    outcome = process(_job(path, tmp_path / "b.png"), replace(IDENTITY, fill="40000"))
    assert "'40000'" in _failure(outcome)
    assert isinstance(outcome.cause, ParameterError)


def _save_palette_image(path: Path, colours: int = 4, transparent: int | None = None) -> Path:
    indices = (np.arange(16 * 16) % colours).astype(np.uint8).reshape(16, 16)
    image = Image.fromarray(indices)
    image.putpalette(bytes(value for n in range(colours) for value in (n, 255 - n, 7)))
    image.save(path, **({} if transparent is None else {"transparency": transparent}))
    return path


def test_palettes_are_kept_for_nearest_only(tmp_path: Path) -> None:
    path = _save_palette_image(tmp_path / "a.png")
    own = process(_job(path, tmp_path / "own.png"), replace(HALF_RIGHT, fill="1,254,7", **NEAREST))
    assert own.status is Status.OK
    with Image.open(tmp_path / "own.png") as image:
        assert np.array(image)[0, 0] == 1
    process(_job(path, tmp_path / "n.png"), replace(HALF_RIGHT, fill="red", **NEAREST))
    process(_job(path, tmp_path / "b.png"), replace(HALF_RIGHT, fill="red"))
    with Image.open(tmp_path / "n.png") as nearest, Image.open(tmp_path / "b.png") as bilinear:
        assert (nearest.mode, bilinear.mode) == ("P", "RGB")
        np.testing.assert_array_equal(np.array(nearest.convert("RGB")), np.array(bilinear))
        assert nearest.convert("RGB").getpixel((0, 0)) == (255, 0, 0)


def test_the_fill_of_a_palette_is_its_clear_entry_or_black(tmp_path: Path) -> None:
    for name, transparent, expected in (("t.png", 2, (2, 253, 7, 0)), ("o.png", None, (0, 0, 0, 255))):
        path = _save_palette_image(tmp_path / name, transparent=transparent)
        process(_job(path, tmp_path / f"w{name}"), replace(HALF_RIGHT, **NEAREST))
        with Image.open(tmp_path / f"w{name}") as image:
            assert image.convert("RGBA").getpixel((0, 0)) == expected


def test_a_full_palette_gives_away_an_unused_entry_or_the_nearest_colour(tmp_path: Path) -> None:
    full = _save_palette_image(tmp_path / "full.png", 256)
    outcome = process(_job(full, tmp_path / "b.png"), replace(HALF_RIGHT, fill="255,0,9", **NEAREST))
    assert any("palette is full" in warning for warning in outcome.warnings)
    with Image.open(tmp_path / "b.png") as image:
        assert image.convert("RGB").getpixel((0, 0)) == (255, 0, 7)
    with Image.open(full) as image:
        indices = np.array(image)
        indices[indices == 5] = 6
        spare = Image.fromarray(indices)
        spare.putpalette(image.getpalette())
        spare.save(tmp_path / "spare.png")
    outcome = process(_job(tmp_path / "spare.png", tmp_path / "c.png"), replace(HALF_RIGHT, fill="255,0,9", **NEAREST))
    assert outcome.warnings == ()
    with Image.open(tmp_path / "c.png") as image:
        assert image.convert("RGB").getpixel((0, 0)) == (255, 0, 9)


def test_a_palette_is_resolved_where_the_format_has_none_and_laid_on_the_fill(tmp_path: Path) -> None:
    path = _save_palette_image(tmp_path / "a.png", transparent=2)
    settings = replace(IDENTITY, fill="white", **NEAREST)
    assert process(_job(path, tmp_path / "b.bmp"), settings).status is Status.OK
    with Image.open(tmp_path / "b.bmp") as image:
        assert image.getpixel((2, 0)) == (255, 255, 255)
        assert image.getpixel((3, 0)) == (3, 252, 7)


def _warnings(job: Job, settings: Settings) -> tuple[str, ...]:
    outcome = process(job, settings)
    assert outcome.status is Status.OK
    return outcome.warnings


@pytest.mark.parametrize("fill", ["transparent", "#ff000080", "1,2,3,0", "rgba(1, 2, 3, 4)"])
def test_a_fill_that_cannot_be_transparent_is_told(tmp_path: Path, fill: str) -> None:
    see_through = replace(HALF_RIGHT, fill=fill)
    plain, clear = save_image(tmp_path / "rgb.png", "RGB"), save_image(tmp_path / "rgba.png", "RGBA")
    (told,) = _warnings(_job(plain, tmp_path / "a.png"), see_through)
    assert told == f"the fill {fill!r} is opaque here: the picture has no transparency"
    (told,) = _warnings(_job(clear, tmp_path / "b.jpg"), see_through)
    assert told == f"the fill {fill!r} is opaque here: JPEG has no transparency"
    assert _warnings(_job(clear, tmp_path / "c.png"), see_through) == ()
    assert _warnings(_job(plain, tmp_path / "d.png"), replace(see_through, padding_mode=PaddingMode.BORDER)) == ()
    for number, opaque in enumerate((None, "red", "#ff0000ff", "7", "0,0,0")):
        assert _warnings(_job(plain, tmp_path / f"e{number}.png"), replace(see_through, fill=opaque)) == ()


def test_a_fill_that_cannot_be_transparent_is_told_of_palettes_too(tmp_path: Path) -> None:
    path = _save_palette_image(tmp_path / "a.png")
    for fill, name, told in (
        ("transparent", "a.png", []),
        ("transparent", "b.gif", []),
        ("transparent", "c.bmp", ["the fill 'transparent' is opaque here: BMP has no transparency"]),
        ("#ff000080", "d.gif", [ALL_OR_NOTHING]),
    ):
        settings = replace(HALF_RIGHT, fill=fill, **NEAREST)
        assert list(_warnings(_job(path, tmp_path / "out" / name), settings)) == told


def test_four_numbers_for_inks_are_no_transparency(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", "RGB")
    with Image.open(tmp_path / "a.png") as image:
        image.convert("CMYK").save(tmp_path / "a.jpg")
    path = tmp_path / "a.jpg"
    assert _warnings(_job(path, tmp_path / "b.jpg"), replace(HALF_RIGHT, fill="0,0,0,9")) == ()
    assert len(_warnings(_job(path, tmp_path / "c.jpg"), replace(HALF_RIGHT, fill="#ff000080"))) == 1


def test_transparency_laid_on_the_fill_is_told_only_if_none_was_given(tmp_path: Path) -> None:
    path = save_image(tmp_path / "a.png", "RGBA")
    (told,) = _warnings(_job(path, tmp_path / "b.jpg"), IDENTITY)
    assert told == "transparency was laid on black, as JPEG has none; give --fill"
    assert _warnings(_job(path, tmp_path / "c.jpg"), replace(IDENTITY, fill="white")) == ()


def test_warnings_about_the_place_reach_the_outcome(tmp_path: Path) -> None:
    made_for_wide = Settings(OneForAll(ThetaSpec(MatrixTransform(np.eye(3)), reference_size=(640, 960))))
    square = save_image(tmp_path / "a.png", size=(40, 40))
    (told,) = _warnings(_job(square, tmp_path / "b.png"), made_for_wide)
    assert told == "made for 960x640, this image is 40x40: the picture is stretched differently"
    wide = save_image(tmp_path / "w.png", size=(64, 96))
    assert _warnings(_job(wide, tmp_path / "c.png"), made_for_wide) == ()


def test_border_padding_leaves_a_palette_as_it_is(tmp_path: Path) -> None:
    path = _save_palette_image(tmp_path / "a.png", 256)
    outcome = process(_job(path, tmp_path / "b.png"), replace(HALF_RIGHT, padding_mode=PaddingMode.BORDER, **NEAREST))
    assert (outcome.status, outcome.warnings) == (Status.OK, ())


def test_one_bit_images_are_kept_for_nearest_only(tmp_path: Path) -> None:
    Image.fromarray(np.eye(8, dtype=np.uint8) * 255).convert("1").save(tmp_path / "a.png")
    process(_job(tmp_path / "a.png", tmp_path / "n.png"), replace(IDENTITY, **NEAREST))
    process(_job(tmp_path / "a.png", tmp_path / "b.png"), IDENTITY)
    with Image.open(tmp_path / "n.png") as nearest, Image.open(tmp_path / "b.png") as bilinear:
        assert (nearest.mode, bilinear.mode) == ("1", "L")
        np.testing.assert_array_equal(np.array(nearest), np.eye(8, dtype=bool))


def test_sixteen_bits_stay_sixteen_bits_or_are_refused(tmp_path: Path) -> None:
    pixels = np.random.default_rng(4).integers(0, 65536, (6, 7), dtype=np.uint16)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert process(_job(tmp_path / "a.png", tmp_path / "b.png"), TURNED).status is Status.OK
    identity = process(_job(tmp_path / "a.png", tmp_path / "c.png"), IDENTITY)
    assert identity.status is Status.OK
    np.testing.assert_array_equal(_pixels(tmp_path / "c.png"), pixels)
    assert "JPEG" in _failure(process(_job(tmp_path / "a.png", tmp_path / "d.jpg"), IDENTITY))
    assert not (tmp_path / "d.jpg").exists()


def test_an_output_larger_than_the_limit_is_refused_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_image(tmp_path / "a.png", size=(20, 30))
    tilted = Settings(TURNED.guide, SizeRequest(SizeMode.FIT), max_pixels=600)
    assert process(_job(path, tmp_path / "b.png"), tilted).status is Status.OK
    halved = OneForAll(ThetaSpec(MatrixTransform(np.diag([0.5, 0.5, 1]))))
    shrinking = Settings(halved, SizeRequest(SizeMode.FIT), max_pixels=600)
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded"))
    outcome = process(_job(path, tmp_path / "c.png"), shrinking)
    assert "60x40" in _failure(outcome)
    assert "--max-pixels" in _failure(outcome)


def test_a_size_asked_for_beyond_the_limit_is_refused_at_once() -> None:
    with pytest.raises(SizeLimitError, match=r"1000000x1000000 .* 3 TB"):
        Settings(TURNED.guide, SizeRequest(SizeMode.EXACT, (1_000_000, 1_000_000)))
    with pytest.raises(ParameterError, match="at least 1"):
        Settings(TURNED.guide, threads=0)


@pytest.mark.parametrize("kind", ["missing", "broken", "loop", "pipe", "directory", "empty", "text", "cut", "socket"])
def test_whatever_is_no_image_fails_in_words_and_leaves_no_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.png"
    if kind == "broken":
        path.symlink_to("nowhere")
    elif kind == "loop":
        path.symlink_to("a.png")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind in {"empty", "text"}:
        path.write_text("" if kind == "empty" else "no image")
    elif kind == "cut":
        data = save_image(path, size=(50, 50)).read_bytes()
        path.write_bytes(data[: len(data) // 2])
    elif kind == "socket":
        os.mknod(path, 0o140644)
    outcome = process(_job(path, tmp_path / "out/b.png"), IDENTITY)
    assert _failure(outcome)
    assert isinstance(outcome.cause, ImageError)
    assert not (tmp_path / "out").exists()


def test_a_directory_that_cannot_be_searched_fails_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    outcome = process(_job(tmp_path, tmp_path / "b.png"), IDENTITY)
    assert _failure(outcome) == "a directory that cannot be searched: Permission denied"


def test_running_out_of_memory_fails_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(WARP, "warp", run_out)
    outcome = process(_job(save_image(tmp_path / "a.png"), tmp_path / "b.png"), IDENTITY)
    assert "not enough memory" in _failure(outcome)


def test_a_bug_fails_the_image_and_keeps_its_traceback_but_not_the_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[weakref.ref[np.ndarray]] = []

    def fail(image: np.ndarray, *_: object, **__: object) -> None:
        alive.append(weakref.ref(image))
        raise KeyError("first line\nsecond line")

    monkeypatch.setattr(WARP, "warp", fail)
    outcome = process(_job(save_image(tmp_path / "a.png"), tmp_path / "b.png"), IDENTITY)
    assert _failure(outcome).startswith("unexpected KeyError")
    assert isinstance(outcome.cause, KeyError)
    assert outcome.cause.__traceback__ is not None
    assert alive[0]() is None


def test_a_target_that_appeared_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = save_image(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"mine")
    assert "exists" in _failure(process(_job(path, tmp_path / "b.png"), IDENTITY))
    assert (tmp_path / "b.png").read_bytes() == b"mine"
    assert process(_job(path, tmp_path / "b.png"), replace(IDENTITY, overwrite=True)).status is Status.OK
    (tmp_path / "c.png").touch()
    assert process(replace(_job(path, tmp_path / "c.png"), replace=True), IDENTITY).status is Status.OK


def test_a_file_in_place_of_the_directory_ends_the_run(tmp_path: Path) -> None:
    path = save_image(tmp_path / "a.png")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot make the directory"):
        process(_job(path, tmp_path / "file/b.png"), IDENTITY)


def test_nothing_is_written_once_the_run_is_stopped(tmp_path: Path) -> None:
    gate = WriteGate()
    assert gate.close(patience=0)
    with pytest.raises(Stopped):
        process(_job(save_image(tmp_path / "a.png"), tmp_path / "out/b.png"), IDENTITY, gate=gate)
    assert not (tmp_path / "out").exists()


def test_closing_waits_for_a_write_under_way_but_not_for_ever() -> None:
    gate = WriteGate()
    with gate.writing():
        assert not gate.close(patience=0.01)
    assert gate.close(patience=0)
    with pytest.raises(Stopped), gate.writing():
        pytest.fail("the gate is closed")


def test_cores_are_shared_between_images_and_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stnwarp.resources.usable_cores", lambda: 8)
    assert share_cores(100) == (8, 1)
    assert share_cores(1) == (1, 8)
    assert share_cores(3) == (3, 2)
    assert share_cores(0) == (1, 8)
    assert share_cores(100, 2) == (2, 4)
    assert share_cores(100, 20) == (20, 1)
    with pytest.raises(ParameterError, match="at least 1"):
        share_cores(1, 0)


def test_the_cores_that_may_be_used_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1
