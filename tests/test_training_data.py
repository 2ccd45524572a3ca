"""Training data: folders, classes, lists and archives; what is bad is named and left out, or refused in words."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from stnwarp.conventions import Family
from stnwarp.errors import NothingMatchedError, ParameterError, ParameterFileError
from stnwarp.localisation.frames import in_own_frames
from stnwarp.training.choices import Colour, LocalisationKind, Settings, TrainingRecipe
from stnwarp.training.copies import Copies, copy_size, scene_size
from stnwarp.training.data import Data, default_input_size, load_data
from stnwarp.training.lattice import lattice
from stnwarp.training.ranges import Ranges
from stnwarp.training.samples import Samples, frame_metadata, split
from stnwarp.training.theta import Theta
from stnwarp.transforms import MatrixTransform, ThinPlateSpline
from tests.training_data import SIDE, letters, quick, save_folder

RESTORE, CLASSIFY, THETA = TrainingRecipe.RESTORE, TrainingRecipe.CLASSIFY, TrainingRecipe.THETA


def _load(source: Path, settings: Settings, params: Path | None = None) -> tuple[Data, list[tuple[str, str]]]:
    left_out: list[tuple[str, str]] = []
    return load_data(source, params, settings, lambda name, why: left_out.append((name, why))), left_out


def _classes(folder: Path) -> Path:
    for text in "FT":
        save_folder(folder / text, text, 6)
    return folder


def test_a_folder_is_read_with_its_sub_folders_and_split_by_the_seed(tmp_path: Path) -> None:
    save_folder(tmp_path, "F", 5)
    save_folder(tmp_path / "more", "L", 5)
    data, left_out = _load(tmp_path, quick(validation=0.2))
    assert (len(data.training), len(data.validation), left_out) == (8, 2, [])
    again, _ = _load(tmp_path, quick(validation=0.2))
    assert again.training.names == data.training.names
    other, _ = _load(tmp_path, quick(validation=0.2, seed=1))
    assert other.training.names != data.training.names
    assert {*data.training.names, *data.validation.names} >= {"000.png", "more/000.png"}


def test_corrupt_images_are_named_and_left_out(tmp_path: Path) -> None:
    save_folder(tmp_path, "F", 6)
    whole = (tmp_path / "001.png").read_bytes()
    (tmp_path / "001.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "002.png").write_bytes(b"")
    (tmp_path / "000.jpg").write_text("no picture")
    data, left_out = _load(tmp_path, quick())
    assert sorted(name for name, _ in left_out) == ["000.jpg", "001.png", "002.png"]
    assert dict(left_out)["002.png"] == "empty file"
    assert len(data.training) + len(data.validation) == 4


def test_a_folder_without_images_is_told(tmp_path: Path) -> None:
    with pytest.raises(NothingMatchedError, match="no image found"):
        _load(tmp_path, quick())
    with pytest.raises(NothingMatchedError, match="no such file"):
        _load(tmp_path / "missing", quick(CLASSIFY))
    (tmp_path / "a.png").write_text("")
    with pytest.raises(NothingMatchedError, match=r"a.png: not a directory; name a folder of images, or an \.npz file"):
        _load(tmp_path / "a.png", quick())
    for read in (lambda source: default_input_size(source, None, RESTORE), lambda source: _load(source, quick())):
        with pytest.raises(NothingMatchedError, match="missing: no such file or directory"):
            read(tmp_path / "missing")


def test_sub_folders_are_classes(tmp_path: Path) -> None:
    data, _ = _load(_classes(tmp_path), quick(CLASSIFY))
    assert data.training.classes == ("F", "T")
    assert data.training.labels is not None
    wanted = [0 if name.startswith("F/") else 1 for name in data.training.names]
    assert data.training.labels.tolist() == wanted


def test_one_class_is_none(tmp_path: Path) -> None:
    save_folder(tmp_path / "F")
    with pytest.raises(ParameterError, match="two classes or more"):
        _load(tmp_path, quick(CLASSIFY))


def test_a_class_whose_images_are_all_corrupt_is_none(tmp_path: Path) -> None:
    _classes(tmp_path)
    for path in (tmp_path / "T").iterdir():
        path.write_bytes(b"junk")
    with pytest.raises(ParameterError, match="two classes or more, in a folder for each, and only 'F' has any"):
        _load(tmp_path, quick(CLASSIFY))


def test_an_empty_folder_is_no_class_and_is_named(tmp_path: Path) -> None:
    _classes(tmp_path)
    (tmp_path / "L").mkdir()
    notes: list[str] = []
    data = load_data(tmp_path, None, quick(CLASSIFY), lambda *_: None, notes.append)
    assert data.training.classes == ("F", "T")
    assert notes == [f"{tmp_path / 'L'}: no image in it, so it is no class"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_class_can_be_a_link_to_a_folder(tmp_path: Path) -> None:
    for text in "LT":
        save_folder(tmp_path / "elsewhere" / text, text, 6)
    folder = _classes(tmp_path / "in")
    (folder / "L").symlink_to(tmp_path / "elsewhere" / "L")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "dangling").symlink_to(tmp_path / "nowhere")
    (folder / "F" / "more").symlink_to(tmp_path / "elsewhere")  # in a class links are not followed
    (tmp_path / "empty").mkdir()
    (folder / "none").symlink_to(tmp_path / "empty")
    left_out: list[str] = []
    notes: list[str] = []
    data = load_data(folder, None, quick(CLASSIFY), lambda name, _: left_out.append(name), notes.append)
    assert data.training.classes == ("F", "L", "T", "linked")
    assert notes == [f"{folder / 'none'}: no image in it, so it is no class"]
    assert left_out == []
    names = {*data.training.names, *data.validation.names}
    assert len(names) == 6 + 6 + 6 + 12
    assert {"L/000.png", "linked/L/000.png", "linked/T/000.png"} <= names
    assert data.training.labels is not None
    labels = dict(zip(data.training.names, data.training.labels.tolist(), strict=True))
    assert all(data.training.classes[label] == name.partition("/")[0] for name, label in labels.items())


def test_a_class_that_cannot_be_searched_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _classes(tmp_path)
    save_folder(tmp_path / "closed", "L", 5)
    scandir, is_dir = os.scandir, Path.is_dir

    def refusing(path: Any) -> Any:
        if os.fspath(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    def unknown(path: Path) -> bool:
        if path.name == "closed":  # a link to what lies in a directory that cannot be searched
            raise PermissionError(13, "Permission denied", str(path))
        return is_dir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    for patched in (is_dir, unknown):
        monkeypatch.setattr(Path, "is_dir", patched)
        data, left_out = _load(tmp_path, quick(CLASSIFY))
        assert left_out == [("closed", "a directory that cannot be searched: permission denied")]
        assert data.training.classes == ("F", "T")


def test_one_class_that_is_left_to_learn_from_is_too_few(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=letters("FT", 2), labels=np.arange(2))
    with pytest.raises(ParameterError, match="is of one class"):
        _load(tmp_path / "a.npz", quick(CLASSIFY))


def test_a_sub_folder_that_cannot_be_searched_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_folder(tmp_path, "F", 5)
    save_folder(tmp_path / "closed", "L", 5)
    scandir = os.scandir

    def refusing(path: str) -> Any:
        if os.fspath(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    data, left_out = _load(tmp_path, quick())
    assert left_out == [("closed", "a directory that cannot be searched: permission denied")]
    assert len(data.training) + len(data.validation) == 5


def test_images_of_any_mode_and_size_are_kept_without_bars(tmp_path: Path) -> None:
    shades = np.full((90, 30), 200, np.uint8)
    Image.fromarray(shades).save(tmp_path / "gray.png")
    Image.fromarray(np.full((40, 80, 4), 255, np.uint8)).save(tmp_path / "rgba.png")
    Image.fromarray(np.full((40, 80), 40000, np.uint16)).save(tmp_path / "deep.png")
    data, left_out = _load(tmp_path, quick(colour=Colour.RGB, input_size=(32, 32), validation=0.4))
    assert left_out == []
    assert data.training.pictures.shape[1:] == (3, 64, 64)
    for samples in (data.training, data.validation):
        assert samples.extents is not None
        for picture, name, extent in zip(samples.pictures, samples.names, samples.extents.tolist(), strict=True):
            rows, columns = {"gray.png": (64, 21), "rgba.png": (32, 64), "deep.png": (32, 64)}[name]
            assert extent == [rows, columns]
            assert int(picture[:, :rows, :columns].min()) == {"gray.png": 200, "rgba.png": 255, "deep.png": 156}[name]
            assert int(picture.sum()) == int(picture[:, :rows, :columns].sum())


@pytest.mark.parametrize(
    ("size", "scene", "copy"),
    [
        ((SIDE, SIDE), (SIDE, SIDE), (SIDE, SIDE)),
        ((8, 8), (8, 8), (8, 8)),
        ((50, 50), (50, 50), (50, 50)),
        ((400, 300), (2 * SIDE, 2 * SIDE), (2 * SIDE, 42)),
        ((20, 30), (30, 30), (20, 30)),  # padded
        ((20, 60), (2 * SIDE, 2 * SIDE), (19, 2 * SIDE)),
        ((2, 400), (2 * SIDE, 2 * SIDE), (2, 2 * SIDE)),  # a pixel of the input at the least
    ],
)
def test_small_images_are_kept_as_they_are_and_large_ones_finer_than_the_input(
    size: tuple[int, int], scene: tuple[int, int], copy: tuple[int, int]
) -> None:
    assert scene_size(quick(), size) == scene
    assert copy_size(quick(), size) == copy


@pytest.mark.parametrize("order", [1, -1])
def test_what_is_kept_of_an_image_does_not_depend_on_the_first(order: int) -> None:
    images = [np.full(size, 200, np.uint8) for size in ((8, 8), (50, 50), (40, 20))][::order]
    copies = Copies(quick(), 3)
    for image in images:
        copies.add(image)
    samples = copies.samples(("a", "b", "c"))
    assert samples.extents is not None
    assert samples.pictures.shape == (3, 1, 50, 50)
    assert samples.extents.tolist() == samples.sizes.tolist() == [list(image.shape) for image in images]
    assert samples.pictures.sum((1, 2, 3)).tolist() == [200 * image.size for image in images]


def test_stretched_images_are_kept_side_by_side_as_fine_as_they_are() -> None:
    settings = quick(fit="stretch")
    assert scene_size(settings, (20, 400)) == copy_size(settings, (20, 400)) == (20, 2 * SIDE)


def test_what_is_not_warped_is_kept_as_it_is_seen() -> None:
    settings = quick(CLASSIFY, ranges=None)
    assert scene_size(settings, (400, 300)) == copy_size(settings, (400, 300)) == (SIDE, SIDE)


def test_no_copy_is_finer_than_the_very_largest_input() -> None:
    assert scene_size(quick(input_size=(4096, 3000)), (9000, 9000)) == (4096, 3000)


@pytest.mark.parametrize(
    ("sizes", "wanted"),
    [
        ([(SIDE, SIDE)], (SIDE, SIDE)),
        ([(32, 48)], (32, 48)),
        ([(20, 20)], (28, 28)),  # what the default network can be made for
        ([(8, 20), (20, 8)], (28, 28)),
        ([(20, 40)], (64, 64)),
        ([(8, 8), (32, 32)], (64, 64)),  # the first decides nothing
        ([(32, 32), (8, 8)], (64, 64)),
        ([(300, 200)], (64, 64)),
    ],
)
def test_the_input_is_as_large_as_small_images(
    tmp_path: Path, sizes: list[tuple[int, int]], wanted: tuple[int, int]
) -> None:
    for index, (height, width) in enumerate(sizes):
        Image.new("L", (width, height)).save(tmp_path / f"{index}.png")
    assert default_input_size(tmp_path, None, RESTORE) == wanted


def test_only_images_to_learn_from_decide_about_the_input(tmp_path: Path) -> None:
    save_folder(tmp_path / "letters")
    classes = tmp_path / "classes"
    classes.mkdir()
    (classes / "linked").symlink_to(tmp_path / "letters")
    Image.new("L", (300, 200)).save(classes / "sheet.png")
    assert default_input_size(classes, None, CLASSIFY) == (SIDE, SIDE)
    assert default_input_size(classes, None, RESTORE) == (64, 64)
    rows = (f'{{"image": "letters/00{index}.png", "theta": [1, 0, 0, 0, 1, 0]}}' for index in range(4))
    (tmp_path / "known.jsonl").write_text("\n".join(rows))
    assert default_input_size(tmp_path, tmp_path / "known.jsonl", THETA) == (SIDE, SIDE)
    assert default_input_size(tmp_path, None, RESTORE) == (64, 64)


def test_where_no_size_is_known_the_input_is_large(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    assert default_input_size(tmp_path, None, RESTORE) == (64, 64)


def test_the_input_is_as_large_as_small_images_of_an_archive(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=letters("F", 4))
    assert default_input_size(tmp_path / "a.npz", None, RESTORE) == (SIDE, SIDE)


def test_an_archive_has_images_labels_and_a_test_set(tmp_path: Path) -> None:
    labels = np.arange(10) % 2
    np.savez(
        tmp_path / "a.npz", x_train=letters("FT", 10), y_train=labels, x_test=letters("FT", 4), y_test=np.arange(4) % 2
    )
    data, _ = _load(tmp_path / "a.npz", quick(CLASSIFY, validation=0.0))
    assert (len(data.training), len(data.validation), data.training.classes) == (10, 4, ("0", "1"))
    kept, _ = _load(tmp_path / "a.npz", quick(validation=0.3))
    assert (len(kept.training), len(kept.validation)) == (7, 3)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": letters("F", 4)}, "no array x_train or images; it holds pictures"),
        ({"images": letters("F", 4)[0]}, "must be two images or more"),
        ({"images": np.zeros((4, 5, 5), np.int64)}, "must be two images or more"),
        ({"images": np.array([None, None])}, "must be plain numbers"),
        ({"images": letters("F", 4).astype(np.uint32)}, "images must be two images or more.*got uint32"),
        (
            {"images": letters("F", 4).astype(np.float32)},
            r"a.npz: images\[0\] holds 0 to 255, and floats must be from 0 to 1",
        ),
        ({"images": np.full((4, 30, 30), np.nan)}, r"a.npz: images\[0\] holds nan to nan, and floats must be"),
        ({"images": np.full((4, 30, 30), -0.5, np.float16)}, r"images\[0\] holds -0.5 to -0.5"),
        ({"images": letters("F", 4), "labels": np.arange(3)}, "labels must be 4 class numbers"),
        ({"images": letters("F", 4), "labels": np.ones(4, int)}, "two classes or more"),
        ({"images": letters("F", 4), "labels": np.zeros(4, int)}, "two classes or more"),
        ({"images": letters("F", 4), "labels": np.array([0, 10**9, 1, 1])}, "two classes or more"),
    ],
)
def test_archives_that_cannot_be_used_are_refused(tmp_path: Path, arrays: dict, message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ParameterFileError, match=message):
        _load(tmp_path / "a.npz", quick(CLASSIFY))


def test_floats_from_0_to_1_are_images(tmp_path: Path) -> None:
    shades = letters("F", 4)
    for dtype in (np.float16, np.float32, np.float64):
        np.savez(tmp_path / "a.npz", images=(shades / 255).astype(dtype), names=np.array(["not", "used"], object))
        data, _ = _load(tmp_path / "a.npz", quick(validation=0.25))
        assert np.array_equal(np.sort(data.training.pictures.numpy().ravel())[-9:], np.full(9, 255))


def test_a_theta_without_axes_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=letters("F", 4), theta=np.float64(3))
    with pytest.raises(ParameterFileError, match="theta must be a transform for each of 4 images"):
        _load(tmp_path / "a.npz", quick(THETA, ranges=None))


def test_damaged_compressed_data_is_told_with_its_array(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", images=letters("F", 40))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    for start in (60, len(content) // 2):
        damaged = content.copy()
        damaged[start : start + 10] = b"\xff" * 10
        (tmp_path / "b.npz").write_bytes(damaged)
        with pytest.raises(ParameterFileError, match=r"b.npz: images is (broken|not an array)"):
            _load(tmp_path / "b.npz", quick())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are of Unix")
def test_a_named_pipe_is_no_archive_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.npz")
    with pytest.raises(ParameterFileError, match=r"a.npz: not a file but a named pipe; DATA is a folder"):
        default_input_size(tmp_path / "a.npz", None, RESTORE)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"not a zip file")
    with pytest.raises(ParameterFileError, match=r"DATA is a folder or an \.npz"):
        _load(tmp_path / "a.npz", quick())


def test_an_archive_that_claims_terabytes_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=letters("F", 4))
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "b.npz").write_bytes(content.replace(b"(4, 28, 28)", b"(9999999999999, 28, 28)"[:11]))
    with pytest.raises(ParameterFileError):
        _load(tmp_path / "b.npz", quick())


def test_thetas_of_an_archive_are_matrices_or_rows(tmp_path: Path) -> None:
    turned = MatrixTransform.from_parameters("similarity", (1.0, 0.3, 0.1, 0.0)).theta
    for numbers in (turned[:2], turned, turned.ravel()[:6], np.array((1.0, 0.3, 0.1, 0.0))):
        np.savez(tmp_path / "a.npz", images=letters("F", 4), theta=np.stack([numbers] * 4))
        data, _ = _load(tmp_path / "a.npz", quick(THETA, ranges=None))
        assert data.training.transforms is not None
        assert np.allclose(
            data.training.transforms[0].map_points([1.0, 0.5]), MatrixTransform(turned).map_points([1, 0.5])
        )


def test_thetas_of_an_archive_are_splines_too(tmp_path: Path) -> None:
    spline = ThinPlateSpline.from_parameters(np.random.default_rng(0).uniform(-1, 1, 18))
    np.savez(tmp_path / "a.npz", images=letters("F", 4), theta=np.stack([spline.parameters()] * 4))
    settings = quick(THETA, ranges=None, family=Family.THIN_PLATE_SPLINE, control_points=(3, 3))
    data, _ = _load(tmp_path / "a.npz", settings)
    assert data.training.transforms is not None
    assert np.allclose(data.training.transforms[0].map_points([0.2, 0.5]), spline.map_points([0.2, 0.5]))


def test_a_theta_that_is_not_finite_is_named(tmp_path: Path) -> None:
    thetas = np.stack([np.eye(3)] * 4)
    thetas[2, 0, 1] = np.nan
    np.savez(tmp_path / "a.npz", images=letters("F", 4), theta=thetas)
    with pytest.raises(ParameterFileError, match=r"theta\[2\]"):
        _load(tmp_path / "a.npz", quick(THETA, ranges=None))


def test_a_parameter_file_lists_the_images_and_their_transforms(tmp_path: Path) -> None:
    save_folder(tmp_path / "in", "F", 6)
    theta = [[1.0, 0.2, 0.1], [-0.2, 1.0, 0.0], [0.0, 0.0, 1.0]]
    rows = [{"image": f"{index:03}.png", "theta": theta} for index in range(5)]
    rows[4] = {"image": "004.png", "error": "could not be read"}
    (tmp_path / "known.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rows += [{"image": "elsewhere/000.png", "theta": theta}]
    (tmp_path / "more.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    notes: list[str] = []
    load_data(tmp_path / "in", tmp_path / "more.jsonl", quick(THETA), lambda *_: None, notes.append)
    assert notes == [f"{tmp_path / 'more.jsonl'}: 1 of 6 rows are for no image in {tmp_path / 'in'}"]
    data, left_out = _load(tmp_path / "in", quick(THETA, ranges=None), tmp_path / "known.jsonl")
    assert [name for name, _ in left_out] == ["004.png"]
    assert len(data.training) + len(data.validation) == 4
    assert data.training.transforms is not None
    assert np.allclose(data.training.transforms[0].map_points([0.0, 0.0]), (0.1, 0.0))


def test_images_of_rows_with_a_crop_are_cropped(tmp_path: Path) -> None:
    save_folder(tmp_path / "in", "F", 4)
    crop = {"x": 3, "y": 5, "width": 16, "height": 20}
    rows: list[dict[str, Any]] = [{"image": f"{index:03}.png", "theta": [0.1, 0], "crop": crop} for index in range(4)]
    rows[3]["crop"] = {**crop, "x": SIDE - 15}
    (tmp_path / "known.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data, left_out = _load(tmp_path / "in", quick(THETA, ranges=None), tmp_path / "known.jsonl")
    assert left_out == [
        ("003.png", f"the crop {SIDE - 15},5,16,20 goes beyond the picture, which is {SIDE}x{SIDE} pixels")
    ]
    assert data.training.sizes.tolist() == [[20, 16]] * len(data.training)


def test_corner_aligned_parameters_mean_the_same_points(tmp_path: Path) -> None:
    save_folder(tmp_path / "in", "F", 3)
    shift = 2 / (SIDE - 1)  # one pixel, where -1 and 1 are centres
    rows = [
        {"image": f"{index:03}.png", "theta": [[1, 0, shift], [0, 1, 0], [0, 0, 1]], "align_corners": True}
        for index in range(3)
    ]
    (tmp_path / "known.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data, _ = _load(tmp_path / "in", quick(THETA, ranges=None), tmp_path / "known.jsonl")
    assert data.training.transforms is not None
    assert np.allclose(data.training.transforms[0].map_points([0.0, 0.0]), (2 / SIDE, 0.0))


@pytest.mark.parametrize("fit", ["pad", "stretch"])
def test_known_transforms_are_those_of_the_networks_frames(fit: str) -> None:
    known = MatrixTransform(np.array([[0.8, 0.3, 0.1], [-0.2, 0.9, -0.1], [0.0, 0.0, 1.0]]))
    settings = quick(THETA, ranges=None, fit=fit)
    size, output = (30, 60), (20, 20)
    samples = Samples(
        torch.zeros(1, 1, SIDE, SIDE, dtype=torch.uint8),
        torch.tensor([size]),
        ("a",),
        transforms=(known,),
        output_sizes=torch.tensor([output]),
    )
    recipe = Theta(samples, samples, settings, torch.device("cpu"))
    places = recipe.canonical_points(samples)[0].double().numpy()
    points = np.column_stack((lattice().numpy(), np.ones(len(places))))
    in_frames = MatrixTransform(np.linalg.lstsq(points, places)[0].T)
    found = in_own_frames(in_frames, size, output, frame_metadata(settings, settings.input_size))
    assert isinstance(found, MatrixTransform)
    assert np.allclose(found.theta, known.theta, atol=1e-5)


@pytest.mark.parametrize("recipe", [RESTORE, THETA])
def test_what_does_not_fit_the_recipe_is_refused(tmp_path: Path, recipe: TrainingRecipe) -> None:
    save_folder(tmp_path)
    params = tmp_path / "known.jsonl" if recipe is RESTORE else None
    with pytest.raises(ParameterError, match="parameter file"):
        _load(tmp_path, quick(recipe), params)
    with pytest.raises(ParameterError, match="test set"):
        _load(tmp_path, quick(validation=0.0))


def test_more_than_memory_holds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_folder(tmp_path)
    monkeypatch.setattr("stnwarp.training.memory.machine_memory", lambda: 1000)
    with pytest.raises(ParameterError, match="more than there is"):
        _load(tmp_path, quick())


@pytest.mark.parametrize(("count", "share"), [(2, 0.01), (2, 0.9), (100, 0.25)])
def test_a_split_leaves_something_on_both_sides(count: int, share: float) -> None:
    learnt, kept = split(count, share, 0)
    assert len(learnt) >= 1
    assert len(kept) >= 1
    assert torch.equal(torch.cat((learnt, kept)).sort().values, torch.arange(count))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ranges": None}, "needs the range of warps"),
        ({"family": Family.THIN_PLATE_SPLINE}, "needs control points"),
        ({"control_points": (4, 4)}, "has no control points"),
        ({"recipe": CLASSIFY, "picture_weight": 1.0}, "recipe restore"),
        ({"network": LocalisationKind.DEEP, "batch_norm": False}, "deep always has batch normalisation"),
        ({"network": LocalisationKind.FC}, "network fc has no convolutions, and so no filters"),
        ({"batch": 1}, "a batch has two images or more, got 1"),
        ({"scenes": 1}, "an epoch has two images or more, got 1"),
        ({"description": "x" * 501}, "at most 500 characters, got 501"),
        ({"description": "two\nlines"}, r"one line of text; take the character '\\n' out"),
        ({"description": "\x1b[31m"}, r"take the character '\\x1b' out"),
        ({"description": "broken \udcff"}, r"take the character '\\udcff' out"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        quick(**changes)


@pytest.mark.parametrize(
    "description", ["", "letters, upright", "\u5b57\u3000\u00e4 \U0001f468\u200d\U0001f469", "x" * 500]
)
def test_a_description_is_text_in_any_language(description: str) -> None:
    assert Settings.from_json(quick(description=description).to_json()).description == description


@pytest.mark.parametrize("batch", [2, 3, 7, 32, 64])
def test_an_epoch_is_shared_out_evenly_and_no_step_has_one_image(batch: int) -> None:
    for count in range(2, 200):
        steps = quick(CLASSIFY, batch=batch, scenes=None).steps(count)
        sizes = [len(part) for part in torch.arange(count).tensor_split(steps)]
        assert max(sizes) - min(sizes) <= 1
        assert min(sizes) >= 2
        assert max(sizes) <= max(batch, 3)


def test_one_image_to_learn_from_is_too_few_for_batch_normalisation(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=letters("F", 2), theta=np.stack([np.eye(3)] * 2))
    with pytest.raises(ParameterError, match="2 images leave one to learn from, and batch normalisation needs two"):
        _load(tmp_path / "a.npz", quick(THETA, ranges=None, scenes=None))
    data, _ = _load(tmp_path / "a.npz", quick(THETA, ranges=None, scenes=None, batch_norm=False))
    assert (len(data.training), len(data.validation)) == (1, 1)
    warped, _ = _load(tmp_path / "a.npz", quick(THETA, scenes=None))  # seen again and again, always another way
    assert len(warped.training) == 1


def test_one_row_that_can_be_used_is_too_few(tmp_path: Path) -> None:
    save_folder(tmp_path / "in", "F", 2)
    rows = [{"image": "000.png", "theta": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}, {"image": "001.png", "error": "broken"}]
    (tmp_path / "known.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(NothingMatchedError, match="transforms of 1 image can be used, and training needs two"):
        _load(tmp_path / "in", quick(THETA), tmp_path / "known.jsonl")


def test_settings_come_back_from_json() -> None:
    settings = quick(family=Family.THIN_PLATE_SPLINE, control_points=(3, 5), ranges=Ranges.parse("angle=7"))
    assert Settings.from_json(settings.to_json()) == settings
    assert Settings.from_json(quick(CLASSIFY, ranges=None).to_json()) == quick(CLASSIFY, ranges=None)
