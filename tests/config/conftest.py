from collections.abc import Callable
from pathlib import Path

import pytest

from churnml.config import Params, load_params

HISTORIES = """\
histories:
  folder: data/raw
  as_of: 2024-06-30
  timezone: Europe/Berlin
  tables:
    customers: {kind: customers, file: customers.parquet, id: cid, joined: joined_on, numbers: [age]}
    orders: {kind: events, file: orders.csv, id: cid, time: ordered_at, amount: net, categories: [channel]}
    visits: {kind: events, file: visits.csv, id: cid, time: at}
    plans: {kind: spells, file: plans.parquet, id: cid, start: begun, end: ended}
    news: {kind: calendar, file: news.csv, time: at, type: what}
"""
CHURN = "churn: {definition: inactivity, table: orders}\n"


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Params]:
    """Load a text as params.yaml."""

    def load_text(text: str) -> Params:
        path = tmp_path / "params.yaml"
        path.write_text(text, encoding="utf-8")
        return load_params(path)

    return load_text


@pytest.fixture
def load_with(load: Callable[[str], Params]) -> Callable[..., Params]:
    """Load a valid file with other blocks appended, or with the churn block replaced."""

    def load_blocks(more: str = "", *, churn: str = CHURN, histories: str = HISTORIES) -> Params:
        return load(histories + churn + more)

    return load_blocks


@pytest.fixture
def histories_text() -> str:
    """Return a valid histories block: ten lines, all kinds of table."""
    return HISTORIES
