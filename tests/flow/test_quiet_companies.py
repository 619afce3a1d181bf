"""Simulated companies, scored three months after training: a quiet one raises no alarm, a planted fault is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from small_company import small_params

from churnml.config import Params
from churnml.estimators.matrix import FeatureSpec, spec_of, to_matrix
from churnml.estimators.reference import Profile, ProfileCounts, profile_of
from churnml.evaluation.drift import Moved
from churnml.features.plan import FeaturePlan
from churnml.flow.buckets import observed_at, read_buckets
from churnml.flow.featurize import featurize
from churnml.flow.label import label
from churnml.flow.learning import churn_task
from churnml.flow.raw import read_histories
from churnml.flow.score_checks import group_moved, moved_from
from churnml.flow.spine import make_spine
from churnml.histories.store import History
from churnml.simulation import simulate
from churnml.storage import read_json

TRAINED, SCORED = "2024-03-31", "2024-06-30"


def params_at(as_of: str) -> Params:
    """Return the parameters as of a date; jumps of unit are told as notes, so that they reach what is tested here."""
    histories = {"folder": "raw", "as_of": as_of, "keep_rows": False}
    return Params.model_validate(
        small_params({"histories": histories, "checks": {"data.scale_jump": {"severity": "info"}}})
    )


def features_of(root: Path, as_of: str, name: str, plan: FeaturePlan | None = None) -> tuple[History, Path]:
    params, here = params_at(as_of), root / name
    history = read_histories(params, root=root, target=here / "prepared")
    make_spine(history, params, here / "spine", to_score_only=plan is not None)
    featurize(history, params, here / "spine", here / "features", root=root, plan=plan)
    return history, here


class Company:
    """A simulated company and what a model trained on it would keep."""

    def __init__(self, root: Path, seed: int, n_customers: int) -> None:
        self.root = root
        simulate(n_customers=n_customers, months=20, seed=seed, end=SCORED, folder=root / "raw", truth=root / "truth")
        history, here = features_of(root, TRAINED, "trained")
        label(history, params_at(TRAINED), here / "spine", here / "labels")
        places = {"features": here / "features", "labels": here / "labels", "spine": here / "spine"}
        rows = churn_task(params_at(TRAINED), **places).rows
        self.plan = FeaturePlan.from_json(read_json(here / "features" / "plan.json"))
        self.spec: FeatureSpec = spec_of(rows.table)
        kinds = {"categorical": self.spec.categorical, "dates": rows.dates, "customers": rows.customers}
        self.profile: Profile = profile_of(to_matrix(rows.table, self.spec), self.spec.names, **kinds)

    def alarms(self, as_of: str, name: str) -> list[Moved]:
        history, here = features_of(self.root, as_of, name, self.plan)
        rows = read_buckets(here / "features", keep=lambda _, table: observed_at(table, history.as_of))
        counts = ProfileCounts(self.profile)
        counts.add(to_matrix(rows, self.spec))
        moved = moved_from(counts, params_at(as_of), as_of=history.as_of)
        return [one for one in moved if one.state == "alarm"]

    def change(self, table: str, column: str, change: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> None:
        path = self.root / "raw" / f"{table}.parquet"
        rows = pq.read_table(path)
        pq.write_table(rows.set_column(rows.column_names.index(column), column, change(rows[column])), path)


def assert_quiet(company: Company) -> None:
    for as_of in (TRAINED, SCORED):
        assert [one.name for one in company.alarms(as_of, as_of)] == []


def test_a_quiet_company_raises_no_alarm(tmp_path: Path) -> None:
    assert_quiet(Company(tmp_path, seed=1, n_customers=250))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 8))
def test_quiet_companies_raise_no_alarm(tmp_path: Path, seed: int) -> None:
    assert_quiet(Company(tmp_path, seed=seed, n_customers=500))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("table", "column", "change"),
    [
        ("orders", "net_amount", lambda c: pc.multiply(c.cast(pa.float64()), 100.0)),
        ("orders", "items", lambda c: pc.multiply(c, 100)),
        ("orders", "channel", lambda c: pc.replace_substring(c, "web", "online")),
        ("orders", "product_group", lambda c: pc.utf8_upper(c)),
        ("customers", "acquisition_channel", lambda c: pc.utf8_upper(c)),
        ("customers", "age", lambda c: pa.nulls(len(c), c.type)),
    ],
)
def test_a_planted_fault_is_named_first(
    tmp_path: Path, seed: int, table: str, column: str, change: Callable[[pa.ChunkedArray], pa.ChunkedArray]
) -> None:
    company = Company(tmp_path, seed=seed, n_customers=400)
    company.change(table, column, change)
    assert next(iter(group_moved(company.alarms(SCORED, "changed"), params_at(SCORED)))) == (table, column)
