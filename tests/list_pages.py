"""Pages of lists of any length, for the tests that look at them in a browser."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from churnml.campaign.columns import CONTACT, file_table
from churnml.campaign.list_page import list_page
from churnml.campaign.listings import contact_listing
from churnml.campaign.plan import CampaignPlan
from churnml.campaign.targeting import Decisions, decide
from churnml.wording import LANGUAGES

PLAN = CampaignPlan(name="spring", effect=0.3, cost=0.0, holdout_share=0.0, currency="EUR", channels=("phone", "email"))
OWNERS = ("North team", "South team", "\u5927\u5ba2\u6237\u90e8")


def a_list(n: int, **columns: object) -> Decisions:
    """Return a list of n customers; columns of contact data may be given."""
    draw = np.random.default_rng(1)
    at = range(n)
    scores = pa.table(
        {
            "customer_id": columns.pop("customer_id", [f"c{i:05}" for i in at]),
            "as_of": pa.array([1_719_705_600_000_000] * n, pa.timestamp("us", "UTC")),
            "p_churn": np.round(draw.uniform(0.01, 0.99, n), 4),
            "clv": np.round(draw.lognormal(5, 1, n), 2) + 1,
            "model_version": ["churn-1/clv-2"] * n,
            "reason_1": columns.pop("reason_1", [f"silence;source=orders;days={20 + i % 50};usual=9" for i in at]),
            "reason_2": pa.array(["new_customer" if i % 3 else None for i in at], pa.string()),
        }
    )
    contacts = {
        "phone": [f"+49 30 {i}" for i in at],
        "email": [f"a{i}@example.org" for i in at],
        "owner": [OWNERS[i % 3] for i in at],
        "language": ["de" if i % 2 else "zh" for i in at],
        "consent_phone": ["yes" if i % 2 else "no" for i in at],
        "consent_email": ["yes"] * n,
    }
    plan = columns.pop("plan", PLAN)
    table = pa.table({"customer_id": scores["customer_id"], **contacts, **columns})
    return decide(scores, table, plan=plan)


def a_page(decisions: Decisions, *, names_on_page: bool = False) -> bytes:
    """Return the page of a list, English first."""
    tables = {each: file_table(decisions, "contact", CONTACT, language=each) for each in LANGUAGES}
    return list_page(decisions, contact_listing(decisions, tables, CONTACT, names_on_page=names_on_page))
