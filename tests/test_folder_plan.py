"""What a plan refuses before anything is read or written."""

import os
import unicodedata
from pathlib import Path, PurePath

import pytest

from stnwarp.errors import NothingMatchedError, OutputClashError, OutputError, ParameterError
from stnwarp.folder import Job, Plan, Source, Status, find_sources, plan, twins
from tests.folder_images import files_below, save_image, source


def _plan(photos: Path, dest: Path | str, **flags: object) -> Plan:
    return plan(find_sources([str(photos)], recursive=True), str(dest), **flags)  # type: ignore[arg-type]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two images in a small tree."""
    save_image(tmp_path / "photos/a.png", seed=1)
    save_image(tmp_path / "photos/s/b.png", seed=2)
    return tmp_path / "photos"


def test_a_plan_has_one_job_for_each_source_and_writes_nothing(photos: Path, tmp_path: Path) -> None:
    planned = _plan(photos, tmp_path / "new/out", format="JPG")
    assert [job.target for job in planned.jobs] == [tmp_path / "new/out/a.jpg", tmp_path / "new/out/s/b.jpg"]
    assert {job.format for job in planned.jobs} == {"JPEG"}
    assert planned.skipped == ()
    assert not (tmp_path / "new").exists()


def test_no_format_leaves_it_to_the_target(photos: Path, tmp_path: Path) -> None:
    assert {job.format for job in _plan(photos, tmp_path / "out").jobs} == {None}
    with pytest.raises(ParameterError, match="unknown image format"):
        _plan(photos, tmp_path / "out", format="svg")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a.jpg", "a.png"),
        ("a.png", "A.PNG"),
        (unicodedata.normalize("NFC", "é.png"), unicodedata.normalize("NFD", "é.png")),
        ("S/a.png", "s/a.png"),
    ],
)
def test_two_sources_for_one_target_are_refused_with_both_names(
    one: str, other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twins, "folds", lambda _: (True, True))
    with pytest.raises(OutputClashError) as raised:
        plan([source(one), source("free.png"), source(other)], str(tmp_path / "out"), format="png")
    message = str(raised.value)
    assert repr(f"photos/{one}") in message
    assert repr(f"photos/{other}") in message
    assert "free" not in message
    assert "\n" not in message


def test_many_clashes_are_counted_rather_than_listed(tmp_path: Path) -> None:
    sources = [source(f"{n}.{suffix}") for n in range(500) for suffix in ("png", "jpg")]
    with pytest.raises(OutputClashError, match="; and 495 more: one target") as raised:
        plan(sources, str(tmp_path / "out"), format="png")
    assert len(str(raised.value)) < 1000


def test_clashes_are_grouped_by_their_target(tmp_path: Path) -> None:
    with pytest.raises(OutputClashError) as raised:
        plan([source(f"digit_{n}.png") for n in range(3)], f"{tmp_path}/x{{ext}}")
    names = ", ".join(repr(f"photos/digit_{n}.png") for n in range(2))
    message = str(raised.value)
    assert message.startswith(f"{names} and 'photos/digit_2.png' -> {str(tmp_path / 'x.png')!r}: one target")
    with pytest.raises(OutputClashError, match=r"digit_4\.png' and 95 more -> ") as raised:
        plan([source(f"digit_{n}.png") for n in range(100)], f"{tmp_path}/x{{ext}}")
    assert "digit_5.png" not in str(raised.value)


def test_a_new_directory_beside_sources_does_not_make_them_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_image(tmp_path / "photos/a.png")
    planned = plan(find_sources(["."], recursive=True), "photos/new")
    assert [job.target for job in planned.jobs] == [Path("photos/new/photos/a.png")]


def test_a_target_that_another_target_needs_as_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputClashError, match="as their directory"):
        plan([source("x.png"), source("x.png/y.png", "other")], str(tmp_path / "out"))


def test_one_directory_under_two_names_is_one(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "same").symlink_to(photos)
    sources = find_sources([str(photos / "a.png"), str(tmp_path / "same/a.png")])
    with pytest.raises(OutputClashError, match="one target for several images"):
        plan(sources, "{dir}/{stem}_w{ext}")


@pytest.mark.parametrize("flags", [{}, {"skip_existing": True}])
def test_writing_in_place_needs_to_be_allowed(photos: Path, flags: dict[str, bool]) -> None:
    before = files_below(photos)
    with pytest.raises(OutputClashError, match="source itself"):
        _plan(photos, photos, **flags)
    with pytest.raises(OutputClashError, match="source itself"):
        plan(find_sources([str(photos / "a.png")]), str(photos / "a.png"), **flags)
    assert files_below(photos) == before
    assert len(_plan(photos, photos, overwrite=True).jobs) == 2


@pytest.mark.parametrize("make_link", [os.link, os.symlink])
def test_a_link_to_a_source_is_the_source(photos: Path, tmp_path: Path, make_link: object) -> None:
    (tmp_path / "out").mkdir()
    make_link(photos / "s/b.png", tmp_path / "out/a.png")  # type: ignore[operator]
    for flags in ({}, {"skip_existing": True}):
        with pytest.raises(OutputClashError, match="source itself"):
            _plan(photos, tmp_path / "out", **flags)
    assert len(_plan(photos, tmp_path / "out", overwrite=True).jobs) == 2


def test_a_linked_directory_is_the_directory(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "same").symlink_to(photos)
    with pytest.raises(OutputClashError, match="source itself"):
        _plan(photos, tmp_path / "same")


def test_writing_over_what_another_job_reads_is_always_refused(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png")
    save_image(tmp_path / "a_w.png")
    with pytest.raises(OutputClashError, match="source of another image") as raised:
        _plan(tmp_path, f"{tmp_path}/{{stem}}_w{{ext}}", overwrite=True)
    assert repr(str(tmp_path / "a.png")) in str(raised.value)


def test_hard_linked_sources_may_be_overwritten_in_place(photos: Path) -> None:
    os.link(photos / "a.png", photos / "twin.png")
    assert len(_plan(photos, photos, overwrite=True).jobs) == 3


def test_existing_targets_are_refused_skipped_or_replaced_as_flagged(photos: Path, tmp_path: Path) -> None:
    save_image(tmp_path / "out/a.png", seed=9)
    with pytest.raises(OutputClashError, match="--overwrite or --skip-existing") as raised:
        _plan(photos, tmp_path / "out")
    assert repr(str(tmp_path / "out/a.png")) in str(raised.value)

    skipping = _plan(photos, tmp_path / "out", skip_existing=True)
    assert [job.target for job in skipping.jobs] == [tmp_path / "out/s/b.png"]
    assert [(outcome.status, outcome.job.target) for outcome in skipping.skipped] == [
        (Status.SKIPPED, tmp_path / "out/a.png")
    ]
    assert len(_plan(photos, tmp_path / "out", overwrite=True).jobs) == 2
    with pytest.raises(ParameterError, match="not both"):
        _plan(photos, tmp_path / "out", overwrite=True, skip_existing=True)


def test_an_empty_file_is_not_taken_for_a_finished_one(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.png").touch()
    planned = _plan(photos, tmp_path / "out", skip_existing=True)
    assert planned.skipped == ()
    assert [job.replace for job in planned.jobs] == [True, False]
    with pytest.raises(OutputClashError, match="exists already"):
        _plan(photos, tmp_path / "out")


def test_what_is_no_file_is_never_replaced(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    os.mkfifo(tmp_path / "out/a.png")
    for flags in ({}, {"overwrite": True}, {"skip_existing": True}):
        with pytest.raises(OutputClashError, match="not a file that can be replaced"):
            _plan(photos, tmp_path / "out", **flags)
    (tmp_path / "out/a.png").unlink()
    (tmp_path / "out/a.png").mkdir()
    with pytest.raises(OutputClashError, match="not a file that can be replaced"):
        _plan(photos, tmp_path / "out", overwrite=True)


@pytest.mark.parametrize("goal", ["nowhere", "a.png"])
def test_a_link_that_leads_nowhere_exists_all_the_same(photos: Path, tmp_path: Path, goal: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.png").symlink_to(goal)  # a.png is a loop
    for flags in ({}, {"skip_existing": True}):
        with pytest.raises(OutputClashError):
            _plan(photos, tmp_path / "out", **flags)
    assert len(_plan(photos, tmp_path / "out", overwrite=True).jobs) == 2


def test_a_file_where_a_directory_is_needed_ends_the_run(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "picture.png").write_bytes(b"x")
    for dest in ("file", "file/below", "picture.png"):
        with pytest.raises(OutputError, match="not a directory"):
            _plan(photos, tmp_path / dest)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/s").write_bytes(b"x")
    with pytest.raises(OutputError, match="not a directory"):
        _plan(photos, tmp_path / "out")


def test_a_directory_that_takes_no_files_ends_the_run(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Permissions do not bind a superuser, as whom containers often run: the system's answer is stood in for.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(OutputError, match="cannot be written to") as raised:
        _plan(photos, tmp_path / "new/out")
    assert repr(str(tmp_path)) in str(raised.value)


def test_results_of_an_earlier_run_inside_the_tree_are_not_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_image(tmp_path / "a.png")
    save_image(tmp_path / "warped/a.png")
    planned = plan(find_sources(["."], recursive=True), "warped", skip_existing=True)
    assert [outcome.job.target for outcome in planned.skipped] == [Path("warped/a.png")]
    assert planned.jobs == ()
    again = plan(find_sources(["warped"]), "warped", overwrite=True)
    assert [job.source.path for job in again.jobs] == [Path("warped/a.png")]
    by_template = plan(find_sources(["."], recursive=True), "warped/{dir}/{stem}_w{ext}")
    assert [job.target for job in by_template.jobs] == [Path("warped/a_w.png")]
    (tmp_path / "a.png").unlink()
    with pytest.raises(NothingMatchedError, match="lies in the output directory"):
        plan(find_sources(["."], recursive=True), "warped", overwrite=True)


def test_standard_streams_are_planned_like_files() -> None:
    stdin = Source(None, Path(), PurePath("stdin"))
    assert plan([stdin], "-").jobs == (Job(stdin, None),)
    assert plan([stdin], "-", format="png").jobs == (Job(stdin, None, "PNG"),)


def test_thousands_of_sources_are_planned(tmp_path: Path) -> None:
    sources = [source(f"{n % 100}/{n}.png") for n in range(10_000)]
    assert len(plan(sources, str(tmp_path / "out")).jobs) == 10_000
