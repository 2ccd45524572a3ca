"""`--save-params` while the run goes: whatever ends the process, the file holds whole rows of what was done."""

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from stnwarp.errors import OutputClashError
from stnwarp.folder import Job, Outcome, Saving, Status, find_sources, plan
from tests.cli_tools import MOVE, command_line, contents, environment, good_files, noise, run, save, spawn

COUNT = 40


def rows_of(file: Path) -> list[dict[str, Any]]:
    data = file.read_bytes()
    assert data.endswith(b"\n")
    return [json.loads(line) for line in data.splitlines()]


def names_in(file: Path) -> list[str]:
    return [row["image"] for row in rows_of(file)]


def folder_of(tmp_path: Path, count: int, size: tuple[int, int] = (60, 80)) -> Path:
    for number in range(count):
        save(tmp_path / "in" / f"{number:02}.png", noise(number, *size))
    return tmp_path / "in"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
@pytest.mark.parametrize(("jobs", "moment"), [(1, 1), (2, 7), (4, 31)])
def test_a_killed_run_leaves_whole_rows_and_a_rerun_completes_them(tmp_path: Path, jobs: int, moment: int) -> None:
    source, target, file = folder_of(tmp_path, COUNT), tmp_path / "out", tmp_path / "rows" / "p.jsonl"
    arguments = ("apply", source, "-o", target, *MOVE, "-j", jobs, "--save-params", file)
    with subprocess.Popen(command_line(*arguments), stderr=subprocess.PIPE, env=environment()) as process:
        while process.poll() is None and len(list(target.glob("[0-9]*"))) < moment:
            time.sleep(0.001)
        process.kill()
        process.communicate(timeout=30)
    done = contents(target).keys() - {name for name in contents(target) if name.startswith(".")}
    listed = names_in(file) if file.exists() else []
    assert len(listed) == len(set(listed))
    assert set(listed) <= done
    # An image that has been written, and whose thread was killed before its row.
    assert len(done) - len(listed) <= jobs
    ran = run(*arguments, "--skip-existing")
    assert ran.code == 0, ran.stderr
    assert sorted(names_in(file)) == sorted(set(listed) | (contents(source).keys() - done))
    assert len(contents(file.parent)) == 1
    again = ("apply", source, "-o", tmp_path / "again", "--params", file)
    assert run(*again).code == (0 if len(listed) == len(done) else 1)
    assert all(contents(target)[name] == data for name, data in contents(tmp_path / "again").items())


def outcomes(folder: Path, target: Path) -> list[Outcome]:
    return [
        Outcome(job, Status.FAILED, error="no matter") for job in plan(find_sources([str(folder)]), str(target)).jobs
    ]


def saving_of(folder: Path, target: Path, file: Path, **options: bool) -> Saving:
    return Saving(file, plan(find_sources([str(folder)]), str(target)), False, **options)


def test_rows_are_there_as_soon_as_they_are_known_and_in_order_at_the_end(tmp_path: Path) -> None:
    folder, file = folder_of(tmp_path, 5, (2, 3)), tmp_path / "p.jsonl"
    saving = saving_of(folder, tmp_path / "out", file)
    assert not file.exists()
    known = []
    for outcome in reversed(outcomes(folder, tmp_path / "out")):
        saving.add(outcome)
        known.append(outcome.job.source.relative.name)
        assert names_in(file) == known
    saving.write()
    assert names_in(file) == sorted(known)
    assert len(list(tmp_path.iterdir())) == 2


def test_rows_of_an_earlier_run_stay_while_the_run_goes(tmp_path: Path) -> None:
    folder, file = folder_of(tmp_path, 4, (2, 3)), tmp_path / "p.jsonl"
    earlier = [{"image": f"{name}.png", "theta": [1, 0, 0, 0, 1, 0]} for name in ("gone", "03", "01")]
    file.write_text("".join(json.dumps(row) + "\n" for row in earlier).rstrip("\n"))
    (tmp_path / "out").mkdir()
    for name in ("01.png", "02.png"):
        save(tmp_path / "out" / name, noise(1))
    planned = plan(find_sources([str(folder)]), str(tmp_path / "out"), skip_existing=True)
    saving = Saving(file, planned, False, skip_existing=True)
    assert saving.unknown == 1
    saving.add(Outcome(planned.jobs[0], Status.FAILED, error="no matter"))
    assert names_in(file) == ["gone.png", "01.png", "00.png"]
    saving.write()
    assert names_in(file) == ["gone.png", "03.png", "01.png", "00.png"]


def test_a_file_that_appears_meanwhile_is_left_alone(tmp_path: Path) -> None:
    folder, file = folder_of(tmp_path, 3, (2, 3)), tmp_path / "p.jsonl"
    first, second, third = outcomes(folder, tmp_path / "out")
    saving = saving_of(folder, tmp_path / "out", file)
    file.write_text("theirs\n")
    for outcome in (first, second):
        saving.add(outcome)
    with pytest.raises(OutputClashError, match="exists already") as caught:
        saving.write()
    assert file.read_text() == "theirs\n"
    [aside] = tmp_path.glob("p-*.jsonl")
    assert str(caught.value).endswith(f"; the rows of this run are in {str(aside)!r}")
    assert names_in(aside) == ["00.png", "01.png"]
    file.unlink()
    saving = saving_of(folder, tmp_path / "out", file)
    saving.add(first)
    file.unlink()
    file.write_text("theirs, too\n")
    saving.add(third)
    with pytest.raises(OutputClashError, match="exists already"):
        saving.write()
    assert file.read_text() == "theirs, too\n"


def test_a_file_that_is_taken_away_meanwhile_is_there_in_the_end(tmp_path: Path) -> None:
    folder, file = folder_of(tmp_path, 2, (2, 3)), tmp_path / "p.jsonl"
    first, second = outcomes(folder, tmp_path / "out")
    saving = saving_of(folder, tmp_path / "out", file)
    saving.add(first)
    file.unlink()
    saving.add(second)
    saving.write()
    assert names_in(file) == ["00.png", "01.png"]


LIMIT = 4000  # bytes in one file: stands for a disk that is full, without one
FULL = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({LIMIT}, {LIMIT}))"


def test_a_full_disk_ends_the_rows_and_not_the_images_and_is_told_once(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    source, file = folder_of(tmp_path, 30, (3, 4)), tmp_path / "p.jsonl"
    arguments = ("apply", source, "-o", tmp_path / "out", *MOVE, "--save-params", file, "-j2")
    ran = spawn(*arguments, before=FULL)
    assert ran.code == 4
    assert len([line for line in ran.stderr.splitlines() if "p.jsonl" in line]) == 1
    assert ran.stderr.splitlines()[-1].startswith(f"stnwarp: error: cannot write {file}: ")
    assert "30 done" in ran.stderr
    assert len(contents(tmp_path / "out")) == 30
    assert 0 < len(file.read_bytes()) <= LIMIT
    assert len(rows_of(file)) == len(set(names_in(file)))


def test_outcomes_of_jobs_that_were_skipped_have_no_row(tmp_path: Path) -> None:
    folder, file = folder_of(tmp_path, 1, (2, 3)), tmp_path / "p.jsonl"
    saving = saving_of(folder, tmp_path / "out", file)
    job: Job = outcomes(folder, tmp_path / "out")[0].job
    saving.add(Outcome(job, Status.SKIPPED))
    saving.write()
    assert not file.exists()


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_a_line_in_which_the_file_breaks_off_is_named_with_what_to_do(tmp_path: Path, cut: int) -> None:
    good_files(tmp_path / "in")
    file = tmp_path / "p.jsonl"
    arguments = ("apply", tmp_path / "in", "-o", tmp_path / "out", *MOVE, "--save-params", file)
    assert run(*arguments).code == 0
    whole = file.read_bytes()
    file.write_bytes(whole[:-cut] if cut > 1 else whole[:-2])
    (tmp_path / "out" / "good-b.jpg").unlink()
    ran = run(*arguments, "--skip-existing")
    assert ran.code == 2
    assert f"{file}: line 2, column " in ran.error
    assert ran.error.endswith("; the file ends partway through this line: delete the line and run again")
    file.write_bytes(whole.splitlines(keepends=True)[0])
    assert run(*arguments, "--skip-existing").code == 0
    assert file.read_bytes() == whole
