"""JPEGs that are decoded smaller where they shrink: when, and how little it changes."""

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from stnwarp.conventions import Interpolation, PaddingMode
from stnwarp.folder import Guards, Job, OneForAll, Outcome, Settings, Source, Status, process
from stnwarp.folder.drafts import LEAST_BOXES
from stnwarp.images.formats import format_for_suffix
from stnwarp.kernels.geometry.footprints import FINEST
from stnwarp.rectangle import Rectangle
from stnwarp.transforms import (
    GridSpec,
    MatrixTransform,
    Move,
    MoveKind,
    MovesSpec,
    SamplingGrid,
    SizeMode,
    SizeRequest,
    ThetaSpec,
    ThinPlateSpline,
    TransformSpec,
    control_points,
)
from tests.cli_tools import pixels, run
from tests.onnx_files import TURN, affine, network, saved

HEIGHT, WIDTH = 768, 1024
IDENTITY = ThetaSpec(MatrixTransform(np.eye(3)))
SMALL = SizeRequest(SizeMode.EXACT, (24, 32))  # of which a pixel is one of 32 by 32
SHRINKING = Settings(OneForAll(IDENTITY), SMALL)
WARPS: Mapping[str, tuple[Any, Mapping[int, tuple[int, int]]]] = {
    "smaller": (np.eye(3), {2: (108, 144), 4: (54, 72), 8: (27, 36)}),
    "squeezed": (np.eye(3), {2: (108, 60), 4: (20, 72), 8: (27, 20)}),
    "turned": ([[0.9, -0.3, 0], [0.5, 0.8, 0.1], [0, 0, 1]], {2: (80, 110), 4: (40, 56), 8: (20, 28)}),
    "tilted": ([[1, 0.1, 0], [0, 1, 0], [0.1, 0.2, 1]], {2: (60, 80), 4: (30, 40), 8: (15, 20)}),
}


def photograph() -> np.ndarray:
    """Blobs of all sizes with some noise."""
    rng, picture = np.random.default_rng(0), np.zeros((HEIGHT, WIDTH, 3))
    for octave in range(1, 10):
        for channel in range(3):
            blobs = rng.normal(scale=60 * 2 ** (-0.9 * octave), size=(2**octave + 2,) * 2).astype(np.float32)
            picture[..., channel] += np.asarray(
                Image.fromarray(blobs).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
            )
    return np.clip(128 + picture + rng.normal(scale=4, size=picture.shape), 0, 255).astype(np.uint8)


def page() -> np.ndarray:
    """Lines of letters of several sizes, with margins."""
    image = Image.new("RGB", (WIDTH, HEIGHT), (250, 250, 245))
    draw, rng, y = ImageDraw.Draw(image), np.random.default_rng(1), 40
    while y < HEIGHT - 70:
        size = int(rng.integers(16, 40))
        letters = "".join(rng.choice([*"abcdefghijklmnopqrstuvwxyz    "], 60 * 12 // size))
        draw.text((48, y), letters, fill=(15, 15, 25), font=ImageFont.load_default(size))
        y += round(1.5 * size)
    return np.asarray(image)


def zone_plate() -> np.ndarray:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = 127.5 + 127.5 * np.cos(np.pi * ((x - WIDTH / 2) ** 2 + (y - HEIGHT / 2) ** 2) / WIDTH)
    return np.repeat(waves[..., np.newaxis], 3, axis=-1).astype(np.uint8)


def noise() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


PICTURES = {"photograph": photograph, "page": page, "zone plate": zone_plate, "noise": noise}


def save(path: Path, array: np.ndarray, **options: Any) -> Path:
    Image.fromarray(array).save(path, "JPEG", **{"quality": 90, **options})
    return path


def job(path: Path, target: Path) -> Job:
    return Job(Source(path, path.parent, PurePath(path.name)), target)


def processed(path: Path, settings: Settings) -> tuple[Outcome, np.ndarray]:
    """What becomes of the image at *path*, and the pixels of the result."""
    target = path.with_name(f"result {settings.draft}.tif")
    outcome = process(job(path, target), replace(settings, overwrite=True))
    assert outcome.status is Status.OK, outcome.error
    return outcome, pixels(target)


def draft_of(path: Path, settings: Settings) -> int:
    """What the sides of the image at *path* are divided by."""
    decision = processed(path, settings)[0].decision
    assert decision is not None
    return decision.draft


def difference(path: Path, settings: Settings, expected_draft: int) -> np.ndarray:
    """How far the result differs from the one without a draft, in levels."""
    outcome, result = processed(path, settings)
    assert outcome.decision is not None
    assert outcome.decision.draft == expected_draft
    return np.abs(result.astype(int) - processed(path, replace(settings, draft=False))[1])


@pytest.mark.parametrize("quality", [75, 95])
@pytest.mark.parametrize("name", PICTURES)
def test_a_draft_changes_little(tmp_path: Path, name: str, quality: int) -> None:
    path = save(tmp_path / "a.jpg", PICTURES[name](), quality=quality)
    for theta, sizes in WARPS.values():
        for factor, size in sizes.items():
            spec = ThetaSpec(MatrixTransform(np.array(theta)))
            settings = Settings(OneForAll(spec), SizeRequest(SizeMode.EXACT, size), padding_mode=PaddingMode.WRAP)
            levels = difference(path, settings, factor)
            assert levels.mean() <= 0.5
            assert levels.max() <= 6
            levels = difference(path, replace(settings, padding_mode=PaddingMode.FILL), factor)
            assert levels.mean() <= 0.5
            if name in ("photograph", "page"):
                assert levels.max() <= 6


def waves() -> np.ndarray:
    """A smooth picture on which a tenth of a pixel is a level."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return (128 + 60 * np.sin(x / 6) + 60 * np.cos(y / 7)).astype(np.uint8)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("kind", ["matrix", "spline", "grid"])
def test_a_draft_is_read_at_the_same_places(tmp_path: Path, kind: str, align_corners: bool, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a.jpg", waves(), quality=97, exif=exif)
    theta = MatrixTransform(np.array([[0.5, 0.1, 0.2], [-0.1, 0.4, -0.1]]))
    points = np.random.default_rng(3).normal(scale=0.01, size=(3, 3, 2)) + 0.5 * control_points(3, 3)
    grid = np.stack(np.meshgrid(np.linspace(-0.8, 0.8, 50), np.linspace(-0.7, 0.7, 40)), axis=-1)
    spec = {
        "matrix": TransformSpec(theta),
        "spline": TransformSpec(ThinPlateSpline(points)),
        "grid": GridSpec(SamplingGrid(grid, align_corners)),
    }[kind]
    size = SizeRequest() if kind == "grid" else SizeRequest(SizeMode.EXACT, (40, 50))
    assert difference(path, Settings(OneForAll(spec), size, align_corners), 2).max() <= 2


@pytest.mark.parametrize(
    ("size", "output", "expected"),
    [
        ((560, 560), (20, 20), 8),
        ((560, 560), (20, 21), 4),
        ((560, 560), (40, 40), 4),
        ((560, 560), (41, 40), 2),
        ((560, 560), (80, 80), 2),
        ((560, 560), (80, 81), 1),
        ((564, 560), (20, 20), 4),
        ((560, 566), (20, 20), 2),
        ((561, 560), (20, 20), 1),
    ],
)
def test_the_draft_has_three_and_a_half_pixels_for_one_of_the_output(
    tmp_path: Path, size: tuple[int, int], output: tuple[int, int], expected: int
) -> None:
    path = save(tmp_path / "a.jpg", np.zeros(size, np.uint8))
    assert draft_of(path, Settings(OneForAll(IDENTITY), SizeRequest(SizeMode.EXACT, output))) == expected
    assert LEAST_BOXES == FINEST


def test_no_side_of_a_draft_is_a_single_pixel(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", np.zeros((8, 560), np.uint8))
    far = OneForAll(ThetaSpec(MatrixTransform(np.diag([10.0, 10.0, 1.0]))))
    assert draft_of(path, Settings(far, SizeRequest(SizeMode.EXACT, (2, 140)), align_corners=True)) == 4


def test_what_has_to_be_read_pixel_by_pixel_is(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", photograph())
    assert draft_of(path, SHRINKING) == 8
    for change in ({"interpolation": Interpolation.NEAREST}, {"antialias": False}, {"draft": False}):
        assert draft_of(path, replace(SHRINKING, **change)) == 1
    with Image.open(path) as image:
        image.convert("CMYK").save(tmp_path / "inks.jpg")
        image.save(tmp_path / "half.jpg", subsampling="4:2:2")
        image.save(tmp_path / "no.png")
        image.save(tmp_path / "named.png", "JPEG")
        image.convert("L").save(tmp_path / "gray.jpg", progressive=True)
    for name, expected in (("inks.jpg", 1), ("half.jpg", 1), ("no.png", 1), ("named.png", 8), ("gray.jpg", 8)):
        assert draft_of(tmp_path / name, SHRINKING) == expected


def test_what_is_left_as_it_is_keeps_its_bytes(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", photograph())
    still = Settings(OneForAll(MovesSpec((Move(MoveKind.ROTATE, (0.0,)),))), guards=Guards(skip_below=0.5))
    assert process(job(path, tmp_path / "b.jpg"), still).status is Status.OK
    assert (tmp_path / "b.jpg").read_bytes() == path.read_bytes()


def test_a_crop_and_a_viewport_are_of_the_whole_picture(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", photograph(), quality=97)
    crop = replace(SHRINKING, size=SizeRequest(SizeMode.EXACT, (24, 24)), crop=Rectangle(104, 56, 384, 400))
    assert difference(path, crop, 4).max() <= 2
    for x, width, expected in ((104, 388, 4), (106, 384, 2), (105, 384, 1), (104, 385, 1)):
        assert draft_of(path, replace(crop, crop=Rectangle(x, 56, width, 400))) == expected
    assert difference(path, replace(SHRINKING, viewport=Rectangle(5, 6, 20, 10)), 8).max() <= 2


def test_standard_input_is_decoded_smaller_too(tmp_path: Path) -> None:
    data = save(tmp_path / "a.jpg", photograph()).read_bytes()
    written = io.BytesIO()
    stdin = Job(Source(None, Path(), PurePath("stdin")), None, format_for_suffix("png"))
    outcome = process(stdin, SHRINKING, stdin=io.BytesIO(data), stdout=written)
    assert outcome.decision is not None
    assert outcome.decision.draft == 8
    np.testing.assert_array_equal(np.asarray(Image.open(written)), processed(tmp_path / "a.jpg", SHRINKING)[1])


def test_moves_and_sizes_are_those_of_the_whole_picture(tmp_path: Path) -> None:
    path, results = save(tmp_path / "a.jpg", photograph()), []
    for number, more in enumerate(((), ("--no-draft",))):
        target = tmp_path / f"{number}.png"
        assert run("apply", path, "-o", target, "--translate", "300,90", "--size", "fit:10%", *more).code == 0
        results.append(pixels(target).astype(int))
    assert results[0].shape == (77, 102, 3)
    assert 0 < np.abs(results[0] - results[1]).max() <= 2


def test_networks_look_at_all_pixels(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", photograph())
    gain = ((0.1, 0.2, -0.1), (-0.2, 0.1, 0.2))
    checkpoint = saved(network(TURN, gain=gain, metadata=affine()), tmp_path, "turning.onnx")
    lines = []
    for more in ((), ("--no-draft",)):
        options = ("--checkpoint", checkpoint, "--size", "32x24", "--overwrite", "--json", "-v")
        ran = run("apply", path, "-o", tmp_path / "b.png", *options, *more)
        assert (ran.code, "decoded" in ran.stderr) == (0, False)
        lines.append((ran.records[0]["theta"], pixels(tmp_path / "b.png").tolist()))
    assert lines[0] == lines[1]


def test_the_command_line_says_so_and_can_do_without(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", photograph())
    line = ("apply", path, "-o", tmp_path / "b.png", "--rotate", "10", "--size", "32x24", "--overwrite")
    for more in (("-v",), ("--dry-run",)):
        ran = run(*line, *more)
        assert ran.code == 0
        assert "decoded at 1/8" in ran.stdout + ran.stderr
        ran = run(*line, *more, "--no-draft")
        assert ran.code == 0
        assert "decoded" not in ran.stdout + ran.stderr
