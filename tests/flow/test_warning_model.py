"""What past scores foretold of weeks, by a plain look at the runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from small_company import small_params

from churnml.config import Params
from churnml.flow.score_records import keep_scores
from churnml.flow.warning_model import model_expected
from churnml.parquet import write_parquet
from churnml.relationship.warning.weeks import weeks_until
from churnml.timeline import DAY_US, parse_instant, us_to_iso

END = parse_instant("2024-06-30", timezone="UTC")
WEEKS = weeks_until(END, first=END - 140 * DAY_US, most=260)


def params(**changes: object) -> Params:
    return Params.model_validate(small_params(changes))


def keep(
    root: Path, days_before: int, *, p: float, n: int = 70, learned_until: str | None = None, **changes: object
) -> None:
    """Keep the scores of a run: so many customers at risk, each with the same probability."""
    table = pa.table({"customer_id": [f"c{k}" for k in range(n)], "p_churn": [p] * n, "clv": [1.0] * n})
    write_parquet(table.append_column("risk_band", pa.array(["low"] * n)), root / "scores.parquet")
    day = us_to_iso(END - days_before * DAY_US)
    more = {"model_version": "m", "learned_until": learned_until}
    keep_scores(params(**changes).at(day), root / "scores.parquet", root=root, **more)


def test_a_week_is_foretold_by_the_runs_before_it_whose_horizon_holds_it(tmp_path: Path) -> None:
    keep(tmp_path, 70, p=0.3)
    keep(tmp_path, 60, p=0.6)
    found = model_expected(params(), WEEKS, root=tmp_path)
    assert found is not None
    begins = ((END - WEEKS.starts) // DAY_US).tolist()  # days before the end
    wanted = []
    for days in begins:
        runs = [(70, 0.3), (60, 0.6)]
        said = [70 * p * 7 / 30 for made, p in runs if days <= made and days - 7 >= made - 30]
        wanted.append(np.mean(said) if said else np.nan)
    np.testing.assert_allclose(found, wanted, equal_nan=True)
    assert np.isfinite(found).sum() == 5


def test_what_was_said_of_another_churn_or_never_says_nothing(tmp_path: Path) -> None:
    assert model_expected(params(), WEEKS, root=tmp_path) is None
    keep(tmp_path, 70, p=0.3, churn={"horizon_days": 60})
    assert model_expected(params(), WEEKS, root=tmp_path) is None


def test_a_run_of_the_day_a_week_ends_does_not_speak_of_it(tmp_path: Path) -> None:
    keep(tmp_path, 7, p=0.3)
    found = model_expected(params(), WEEKS, root=tmp_path)
    assert found is not None
    assert np.flatnonzero(np.isfinite(found)).tolist() == [len(WEEKS.starts) - 1]
    assert found[-1] == pytest.approx(70 * 0.3 * 7 / 30)


def test_a_date_scored_by_a_model_that_knew_what_came_after_says_nothing(tmp_path: Path) -> None:
    keep(tmp_path, 20, p=0.3, learned_until=us_to_iso(END - 20 * DAY_US))
    assert model_expected(params(), WEEKS, root=tmp_path) is not None
    keep(tmp_path, 20, p=0.4, learned_until=us_to_iso(END - 19 * DAY_US))
    assert model_expected(params(), WEEKS, root=tmp_path) is None
