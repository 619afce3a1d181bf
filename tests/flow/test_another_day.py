"""Another day for a run: written before it, put back where it is not done."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from small_company import write_params

from churnml.config import load_params
from churnml.errors import ConfigError
from churnml.flow.another_day import AnotherDay


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_params(tmp_path)
    file = tmp_path / "params.yaml"
    file.write_text("# ours\n" + file.read_text("utf-8"), "utf-8")
    file.chmod(0o644)
    return file


def test_only_the_day_changes_and_comes_back(path: Path) -> None:
    before, change = path.read_bytes(), AnotherDay(path, "2024-05-01")
    assert path.read_bytes() == before
    change.make()
    assert load_params(path).histories.as_of == "2024-05-01"
    assert path.read_text("utf-8").startswith("# ours\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    change.undo()
    assert path.read_bytes() == before


def test_what_somebody_else_wrote_meanwhile_stays(path: Path) -> None:
    change = AnotherDay(path, "2024-05-01")
    change.make()
    path.write_text("mine: now\n", "utf-8")
    change.undo()
    assert path.read_text("utf-8") == "mine: now\n"


def test_a_link_is_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "params.yaml").symlink_to(path)
    AnotherDay(tmp_path / "p" / "params.yaml", "2024-05-01").make()
    assert (tmp_path / "p" / "params.yaml").is_symlink()
    assert load_params(path).histories.as_of == "2024-05-01"


def test_parameters_that_are_not_valid_are_refused_unwritten(path: Path) -> None:
    text = path.read_text("utf-8").replace("horizon_days: 30", "horizon_days: -1")
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=r"churn\.horizon_days"):
        AnotherDay(path, "2024-05-01")
    assert path.read_text("utf-8") == text
    assert [one.name for one in path.parent.iterdir()] == ["params.yaml"]
