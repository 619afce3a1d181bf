"""Whatever columns are called, in whatever order and form they are written: their roles are found."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churnml.config import load_params
from churnml.flow.start import start
from churnml.onboarding.draft import Wishes
from churnml.onboarding.proposal import Proposal, propose

sys.path.insert(0, str(Path(__file__).parent))
from contracts_maker import ContractsMaker
from exports_maker import Export, Maker

SEEDS = st.integers(0, 100_000)


def proposed(export: Export) -> Proposal:
    files = [export.customers_file, export.orders_file]
    return propose(export.folder, files, wishes=Wishes(), ask=lambda question: question.options[0])


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SEEDS)
def test_the_roles_of_a_random_export_are_found(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    export = Maker(seed, tmp_path_factory.mktemp("export"), n_customers=80, days=400).make()
    found = proposed(export)
    kinds = {draft.kind: draft for draft in found.drafts}
    assert [draft.source.files[0] for draft in found.drafts] == [export.customers_file, export.orders_file]
    assert [draft.kind for draft in found.drafts] == ["customers", "events"]
    assert {draft.column("id") for draft in found.drafts} == {export.customer}
    orders = kinds["events"]
    amount = {"multiply": export.amount} if isinstance(export.amount, list) else export.amount
    assert (orders.column("time"), orders.roles["amount"].value) == (export.time, amount)
    assert orders.column("group") == export.order
    assert found.histories["as_of"].value == (export.last_day + timedelta(days=1)).date().isoformat()


@pytest.mark.parametrize(
    "seed", [3, 11, pytest.param(17, marks=pytest.mark.slow), pytest.param(29, marks=pytest.mark.slow)]
)
def test_what_is_proposed_loads_and_passes_the_check(seed: int, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    export = Maker(seed, tmp_path / "in", n_customers=120).make()
    _, problem = start([export.folder], root=tmp_path, wishes=Wishes(), ask=lambda question: question.options[0])
    assert problem is None
    params = load_params(tmp_path / "params.yaml")
    assert params.churn.definition == "inactivity"
    assert {table.kind for table in params.histories.tables.values()} == {"customers", "events"}


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SEEDS)
def test_contracts_are_spells_whose_end_is_churn(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    made = ContractsMaker(seed, tmp_path_factory.mktemp("export"))
    found = propose(made.folder, [made.contracts()], wishes=Wishes(), ask=lambda question: question.options[0])
    (draft,) = found.drafts
    roles = ("id", "start", "end", "amount", "end_reason")
    assert draft.kind == "spells"
    assert {role: draft.column(role) for role in roles} == {role: made.names[role] for role in roles}
    assert found.blocks["churn"]["definition"].value == "spell_end"
    assert "2024-03-01" < found.histories["as_of"].value < "2024-05-02"


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SEEDS)
def test_a_label_is_found_whatever_its_words(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    made = ContractsMaker(seed, tmp_path_factory.mktemp("export"))
    found = propose(made.folder, [made.labelled()], wishes=Wishes(), ask=lambda question: question.options[0])
    churn = found.blocks["churn"]
    assert (churn["definition"].value, churn["label"].value) == ("label", made.names["label"])
    assert found.drafts[0].column("id") == made.names["id"]
    assert made.names["label"] not in found.drafts[0].used
