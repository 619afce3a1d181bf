"""Lists made here as the log of contacts: who was on one is left out of outcomes from its day on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest
from factories import AS_OF, DAY
from labelled_company import company, delivered, known_days, labelled, params

from churnml.campaign.kept_ids import RECORDS
from churnml.dated import keep_dated
from churnml.errors import ConfigError, DataError, TimeContractError
from churnml.flow.buckets import bucket_path
from churnml.flow.kept_lists import with_listed_digest
from churnml.flow.listed import listed_contacts
from churnml.flow.treatments import treatment_limits
from churnml.labels.treatments import ListedLog
from churnml.parquet import parquet_bytes, read_parquet
from churnml.timeline import iso_to_date, us_to_iso
from churnml.wording import words

LISTS = {"lists": True}
BOTH = {"c0": "contact", "c1": "holdout", "c2": "excluded"}


def keep(root: Path, days: int, decided: Mapping[str, str], *, key: str | None = None) -> None:
    table = pa.table({"customer_id": list(decided), "decision": list(decided.values())})
    facts = {} if key is None else {"pseudonyms": key}
    table = table.replace_schema_metadata({b"churnml": json.dumps(facts).encode()})
    day = iso_to_date(us_to_iso(AS_OF - days * DAY)[:10])
    keep_dated(parquet_bytes(table), root / RECORDS / "spring", day)


def listed(root: Path) -> ListedLog | None:
    return listed_contacts(params(treatments=LISTS), company(), root=root)


def test_tl_27_who_was_listed_is_left_out_and_who_was_held_out_stays(tmp_path: Path) -> None:
    keep(tmp_path, 50, BOTH)
    report, table = labelled(company(), params(treatments=LISTS), tmp_path, listed=listed(tmp_path))
    plain = known_days(labelled(company(), params(), tmp_path / "plain")[1])
    assert known_days(table, "c0") == [days for days in plain if days != 60]
    assert known_days(table, "c1") == known_days(table, "c2") == plain
    assert sum(counts["treated"] for counts in report["by_date"].values()) == 1


def test_tl_27_a_list_concerns_what_comes_after_it(tmp_path: Path) -> None:
    """A list made at an observation date is in that date's outcome, and not in the one that ends there."""
    keep(tmp_path, 60, BOTH)
    _, table = labelled(company(), params(treatments=LISTS), tmp_path, listed=listed(tmp_path))
    assert 60 not in known_days(table)
    assert 90 in known_days(table)


def test_tl_27_a_later_list_ends_what_is_observed(tmp_path: Path) -> None:
    keep(tmp_path, 50, BOTH)
    labelled(company(), params(treatments=LISTS), tmp_path, listed=listed(tmp_path))
    rows = read_parquet(bucket_path(tmp_path / "labels" / "duration", 0)).to_pylist()
    at = AS_OF - 120 * DAY
    observed = {
        r["customer_id"]: r["observed_days"] for r in rows if us_to_iso(at)[:10] == str(r["observation_date"])[:10]
    }
    assert observed["c0"] == pytest.approx(70)
    assert observed["c1"] > 100


def test_tl_27_a_delivered_list_that_is_kept_is_no_reason_to_refuse(tmp_path: Path) -> None:
    keep(tmp_path, 45, BOTH)
    lists = delivered(tmp_path, 45)
    assert labelled(company(), params(treatments=LISTS), tmp_path, lists=lists, listed=listed(tmp_path))[1].num_rows


@pytest.mark.parametrize("other", [False, True])
def test_tl_27_a_delivered_list_that_is_lost_is_refused(other: bool, tmp_path: Path) -> None:
    if other:
        keep(tmp_path, 75, BOTH)
    with pytest.raises(TimeContractError, match=r"treatments\.lists.*none of that day is kept in \.churnml/lists"):
        labelled(
            company(),
            params(treatments=LISTS),
            tmp_path,
            lists=delivered(tmp_path, 45),
            listed=listed(tmp_path),
        )


def test_lists_count_together_with_a_table(tmp_path: Path) -> None:
    keep(tmp_path, 50, {"c0": "contact"})
    history = company(contacts=(("c1", 50, "treated"),))
    project = params(treatments={"table": "contacts", **LISTS})
    found = listed_contacts(project, history, root=tmp_path)
    _, table = labelled(history, project, tmp_path, listed=found)
    assert [60 in known_days(table, name) for name in ("c0", "c1", "c2")] == [False, False, True]


def test_the_newest_list_of_a_day_counts_and_none_of_as_of(tmp_path: Path) -> None:
    keep(tmp_path, 50, BOTH)
    keep(tmp_path, 50, {"c3": "contact", "gone": "contact"})
    keep(tmp_path, 0, {"c2": "contact"})
    found = listed(tmp_path)
    assert found is not None
    assert found.ids.to_pylist() == ["c3", "gone"]
    assert found.instants.tolist() == [AS_OF - 50 * DAY + 1] * 2


def test_without_the_key_nobody_is_silently_taken_for_untouched(tmp_path: Path) -> None:
    keep(tmp_path, 50, BOTH, key="0123")
    with pytest.raises(DataError, match="by a key that is not here"):
        listed(tmp_path)


def test_lists_are_no_log_unless_it_is_asked_for(tmp_path: Path) -> None:
    keep(tmp_path, 50, BOTH)
    assert listed_contacts(params(), company(), root=tmp_path) is None
    assert listed_contacts(params(treatments={"ignore": True}), company(), root=tmp_path) is None


def digest(root: Path, **treatments: bool) -> str | None:
    found = with_listed_digest(params(treatments=treatments), root=root).treatments
    assert found is not None
    return found.digest


def test_more_lists_label_anew_and_todays_do_not(tmp_path: Path) -> None:
    none = digest(tmp_path, lists=True)
    keep(tmp_path, 50, BOTH)
    one = digest(tmp_path, lists=True)
    keep(tmp_path, 0, BOTH)
    assert digest(tmp_path, lists=True) == one
    keep(tmp_path, 20, BOTH)
    assert len({none, one, digest(tmp_path, lists=True)}) == 3
    assert digest(tmp_path, ignore=True) is None
    assert with_listed_digest(params(), root=tmp_path).treatments is None


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_model_card_says_so(language: str) -> None:
    (said,) = treatment_limits(params(treatments=LISTS))
    assert words(f"card.limit_{said['key']}", language)
    assert len(treatment_limits(params(treatments={"table": "contacts", **LISTS}))) == 2


@pytest.mark.parametrize("more", [{"ignore": True}, {"mode": "keep"}])
def test_contradictions_are_refused(more: dict[str, object]) -> None:
    with pytest.raises((ConfigError, ValueError), match=r"contradicts treatments\.lists"):
        params(treatments={**LISTS, **more})
