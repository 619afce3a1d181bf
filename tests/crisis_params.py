"""A small ``params.yaml`` with a calendar, to which crises are added."""

from __future__ import annotations

from churnml.timeline import parse_instant

BASE = """\
histories:
  folder: data/raw
  as_of: 2024-06-30
  tables:
    customers: {kind: customers, file: c.parquet, id: cid, categories: [segment]}
    orders: {kind: events, file: orders.csv, id: cid, time: at}
    news: {kind: calendar, file: news.csv, time: at, type: what, scope: whom}
churn: {definition: inactivity, table: orders}
"""


def day(text: str) -> int:
    """Return the first instant of a day, microseconds."""
    return parse_instant(text, timezone="UTC")
