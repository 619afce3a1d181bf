from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from factories import AS_OF, DAY, random_company

from churnml.histories.store import History
from churnml.relationship.customers import Subject, period_rows
from churnml.relationship.period import Period
from churnml.relationship.roles import MembershipRole, Roles
from churnml.snapshots.population import ChurnDefinition
from churnml.timeline import OutcomeWindow

EARLIER = AS_OF - 60 * DAY
ROLES = Roles(membership=MembershipRole("plans"), purchases="orders", interactions=("orders",))
DEFINITIONS = [
    ChurnDefinition("inactivity", "orders", active_within_us=90 * DAY),
    ChurnDefinition("spell_end", "plans"),
    ChurnDefinition("event", "orders", event_column="channel", event_values=("app",)),
]


def rows(history: History, definition: ChurnDefinition, value_table: str) -> dict[str, dict[str, object]]:
    window = OutcomeWindow.of_days(horizon_days=40)
    subject = Subject(history, ROLES, definition, window, value_table=value_table)
    tables = [period_rows(subject, number, Period(EARLIER, 50)) for number in range(history.n_buckets)]
    return {row["customer_id"]: row for row in pa.concat_tables(tables).to_pylist()}


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda one: one.kind)
@pytest.mark.parametrize("value_table", ["orders", "plans"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_looking_back_is_having_looked_then(
    tmp_path: Path, definition: ChurnDefinition, value_table: str, seed: int
) -> None:
    company = random_company(seed, n_customers=12, boundaries=(EARLIER, EARLIER - 40 * DAY))
    now = rows(company.prepare(tmp_path / "now"), definition, value_table)
    then = rows(company.prepare(tmp_path / "then", as_of=EARLIER), definition, value_table)
    assert then
    assert {name: now[name] for name in then} == then
    late = [row for name, row in now.items() if name not in then]
    assert not any(row["base"] or row["interactions"] or row["at_risk"] for row in late)
