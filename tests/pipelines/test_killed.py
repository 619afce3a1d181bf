"""FL-01: whenever a stage is killed, what stands under a final name is whole, and a rerun gives the same bytes."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kill_points import Nursery, furnish, leftovers, made, nursery, partial
from small_company import STAGES

from churnml.dvc_run import clean_up

QUICK = ("snapshots", "label")
DEAR = ("train_churn", "train_clv", "evaluate")
ALL = tuple(name for name in STAGES if name != "fetch")
"""``fetch`` needs a database; it writes by the same writer."""


@pytest.fixture(scope="module")
def quick() -> Iterator[Nursery]:
    with nursery(*QUICK) as stages:
        yield stages


def watched(stages: Nursery, name: str, golden: Path, folder: Path, *, has_old: bool) -> dict[str, dict[str, str]]:
    """Run a stage to its end; keep its states in ``folder/states``, hold them against its results, return these."""
    furnish(folder / "whole", name, golden, has_old=has_old)
    old = made(folder / "whole", name)
    (folder / "states").mkdir()
    assert stages.run(name, folder / "whole", folder / "states") == 0
    whole = made(folder / "whole", name)
    assert whole.keys() >= old.keys()
    states = sorted((folder / "states").iterdir())
    assert {state.name: partial(made(state, name), whole, old) for state in states} == {s.name: [] for s in states}
    assert any(leftovers(state) for state in states)
    return whole


def run_again(stages: Nursery, name: str, state: Path) -> dict[str, dict[str, str]]:
    """Clean up where a stage was killed, as every run does first, and run it; returns what it made."""
    clean_up(state)
    assert stages.run(name, state) == 0
    assert leftovers(state) == []
    return made(state, name)


@pytest.mark.parametrize("name", QUICK)
def test_fl_01_no_write_point_leaves_a_partial_result(name: str, quick: Nursery, golden: Path, tmp_path: Path) -> None:
    whole = watched(quick, name, golden, tmp_path, has_old=True)
    states = sorted((tmp_path / "states").iterdir())
    for state in (states[1], states[len(states) // 2], states[-2]):
        assert run_again(quick, name, state) == whole


def test_fl_01_a_stage_killed_again_and_again_ends_with_the_same_bytes(
    quick: Nursery, golden: Path, tmp_path: Path
) -> None:
    assert -9 in kill_often(quick, "label", golden, tmp_path, n_kills=3)


def kill_often(stages: Nursery, name: str, golden: Path, folder: Path, *, n_kills: int, every: int = 10) -> list[int]:
    """Kill a stage at random moments, one run after the other in one folder; let every tenth end; return the codes."""
    furnish(folder / "whole", name, golden)
    shutil.copytree(folder / "whole", folder / "killed")
    seconds = timed(stages, name, folder / "whole")
    whole, moments = made(folder / "whole", name), random.Random(name)
    codes = []
    for number in range(n_kills):
        codes.append(stages.run_killed(name, folder / "killed", after=moments.uniform(0, seconds)))
        assert partial(made(folder / "killed", name), whole, {}) == []
        if number % every == every - 1:
            assert run_again(stages, name, folder / "killed") == whole
    assert run_again(stages, name, folder / "killed") == whole
    return codes


def timed(stages: Nursery, name: str, folder: Path) -> float:
    began = time.monotonic()
    assert stages.run(name, folder) == 0
    return time.monotonic() - began


@pytest.fixture(scope="module")
def every_stage() -> Iterator[Nursery]:
    with nursery(*ALL) as stages:
        yield stages


@pytest.mark.slow
@pytest.mark.parametrize("has_old", [True, False])
@pytest.mark.parametrize("name", ALL)
def test_fl_01_all_write_points_of_every_stage(
    name: str, has_old: bool, every_stage: Nursery, golden: Path, tmp_path: Path
) -> None:
    whole = watched(every_stage, name, golden, tmp_path, has_old=has_old)
    states = sorted((tmp_path / "states").iterdir())
    n_reruns = 3 if name in DEAR else 25
    for state in states[1 :: max(1, len(states) // n_reruns)]:
        assert run_again(every_stage, name, state) == whole


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_fl_01_fifty_random_kills(name: str, every_stage: Nursery, golden: Path, tmp_path: Path) -> None:
    n_kills, every = (10, 5) if name in DEAR else (50, 10)
    assert -9 in kill_often(every_stage, name, golden, tmp_path, n_kills=n_kills, every=every)
