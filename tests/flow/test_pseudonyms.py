"""A project whose ids are hidden: pseudonyms inside, ids as delivered outside, and the same figures of everybody."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from small_company import TO_LISTS, another, few_trees, results, run

from churnml.campaign.kept_ids import key_of_ids
from churnml.campaign.work import kept_work
from churnml.config import load_params
from churnml.errors import ConfigError, PrivacyError
from churnml.flow.buckets import read_buckets
from churnml.flow.carried_ids import carry_ids_over
from churnml.flow.drill import drill
from churnml.flow.drill_crisis import Scenario
from churnml.flow.explain import explain
from churnml.flow.forget import forget
from churnml.flow.fresh import score_as_of
from churnml.flow.identities import make_identities
from churnml.flow.list_files import keep_records
from churnml.flow.on_demand import affected_on_demand, affected_rule
from churnml.flow.predictions import read_predictions, write_predictions
from churnml.flow.pseudonyms import under_key
from churnml.forgetting.places import files_below
from churnml.forgetting.seeing import holds
from churnml.forgetting.traces import Traces, traces_of
from churnml.histories.identities import IDENTITIES, Names
from churnml.histories.store import as_text, open_history
from churnml.parquet import read_parquet
from churnml.privacy.keys import Key
from churnml.privacy.pseudonyms import Pseudonyms
from churnml.storage import digest_file

KEY, OTHER = (hashlib.sha256(word).hexdigest() for word in (b"a key for tests", b"another one"))
HIDDEN = {"privacy": {"pseudonyms": True}}
UP_TO_MODELS = TO_LISTS[: TO_LISTS.index("train_churn")]
AFTER_MODELS = TO_LISTS[TO_LISTS.index("score") :]
SCORES = Path("data") / "scored" / "scores.parquet"
OUTSIDE = ("data/simulated", "data/scored", "data/lists", "data/holdouts", "data/causes", IDENTITIES.as_posix())
"""Where ids stand as delivered: what was delivered, what people and their systems get, and whose the pseudonyms are."""


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURNML_KEY", KEY)


def hide_backtest(golden: Path, folder: Path, name: str) -> None:
    """Copy a backtest as a run with hidden ids would have written it."""
    tested, is_out_of_time = read_predictions(golden / "data" / "backtest" / name)
    key = Key(bytes.fromhex(KEY)).id
    parts = {part: getattr(tested, part) for part in ("table", "reasons")}
    parts = {
        part: table if table is None else under_key(table, None, wanted=key, root=folder)
        for part, table in parts.items()
    }
    written = folder / "data" / "backtest" / name
    write_predictions(replace(tested, **parts), written, is_out_of_time=is_out_of_time, key_id=key)


@pytest.fixture(scope="module")
def hidden(golden: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with hidden ids, whose models are those that were learned from ids as delivered."""
    folder = another(tmp_path_factory.mktemp("hidden") / "project", golden, HIDDEN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHURNML_KEY", KEY)
        assert run(folder, *UP_TO_MODELS) == 0
        shutil.copytree(golden / "models", folder / "models")
        for name in ("churn", "clv"):
            hide_backtest(golden, folder, name)
        assert run(folder, *AFTER_MODELS) == 0
    return folder


@pytest.fixture
def own(hidden: Path, tmp_path: Path) -> Path:
    """Return a copy of it that a test may change."""
    shutil.copytree(hidden, tmp_path / "own")
    return tmp_path / "own"


def delivered_ids(folder: Path) -> list[str]:
    return read_parquet(folder / "data" / "simulated" / "customers.parquet")["customer_id"].to_pylist()


def naming(folder: Path, words: Traces) -> list[str]:
    """Return the files that hold an id as delivered, where none should."""
    names = [path.relative_to(folder).as_posix() for path in files_below(folder) if holds(path, words)]
    return [name for name in names if not name.startswith(OUTSIDE)]


def by_customer(folder: Path, place: str) -> pa.Table:
    """Return all rows of a folder of buckets with ids as delivered, in one order."""
    table = read_buckets(folder / "data" / place)
    table = table.set_column(0, "customer_id", table["customer_id"].cast(pa.string()))
    if (folder / IDENTITIES).exists():
        names = Names(folder / IDENTITIES, key_id=None)
        table = table.set_column(0, "customer_id", names.known(table["customer_id"].combine_chunks()))
    return table.sort_by([("customer_id", "ascending"), ("observation_date", "ascending")]).combine_chunks()


def same_numbers(some: pa.ChunkedArray, others: pa.ChunkedArray) -> bool:
    """Return whether two columns have the same numbers, not-a-number included."""
    return np.array_equal(some.to_numpy(), others.to_numpy(), equal_nan=True)


def test_no_file_inside_names_anybody(hidden: Path) -> None:
    words = traces_of(delivered_ids(hidden), {})
    assert len(words.words) == 320
    assert naming(hidden, words) == []
    assert len([path for path in files_below(hidden / "data" / "lists") if holds(path, words)]) > 6
    assert holds(hidden / SCORES, words)


@pytest.mark.parametrize("place", ["snapshots", "features", "labels/churn", "labels/value"])
def test_figures_of_a_customer_do_not_depend_on_the_key(golden: Path, hidden: Path, place: str) -> None:
    plain, told = by_customer(golden, place), by_customer(hidden, place)
    assert plain["customer_id"].null_count == 0
    assert as_text(told).schema == as_text(plain).schema
    for name in plain.column_names:
        assert as_text(told)[name].equals(as_text(plain)[name]) or same_numbers(told[name], plain[name]), name


def test_one_model_gives_the_same_scores_and_lists_to_the_last_byte(golden: Path, hidden: Path) -> None:
    assert digest_file(hidden / SCORES) == digest_file(golden / SCORES)
    assert results(hidden) == results(golden)


def test_the_command_scores_as_the_pipeline_does(hidden: Path, tmp_path: Path) -> None:
    out = tmp_path / "fresh.parquet"
    score_as_of(load_params(hidden / "params.yaml"), root=hidden, reference="models/churn", out=out)
    assert out.read_bytes() == (hidden / SCORES).read_bytes()
    assert not list((hidden / "data").glob(".score*"))


def test_the_list_of_identities_is_for_its_owner_alone(hidden: Path) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in (hidden / IDENTITIES).iterdir()}
    assert set(modes.values()) == {0o600}
    assert (hidden / IDENTITIES).stat().st_mode & 0o777 == 0o700


def test_without_a_key_nothing_is_read(
    golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CHURNML_KEY")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nothing"))
    folder = another(tmp_path / "project", golden, HIDDEN)
    assert run(folder, "configure") == 6
    assert "churnml key" in capfd.readouterr().err
    with pytest.raises(PrivacyError, match="there is no key"):
        score_as_of(load_params(folder / "params.yaml"), root=folder, reference="models/churn", out=tmp_path / "out")
    assert not (folder / "data" / "resolved").exists()


def test_another_key_makes_everything_anew(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = open_history(own / "data" / "prepared").key_id
    monkeypatch.setenv("CHURNML_KEY", OTHER)
    assert run(own, "configure", "prepare") == 0
    after = open_history(own / "data" / "prepared").key_id
    assert before != after == load_params(own / "data" / "resolved" / "params.json").privacy.key
    names = Names(own / IDENTITIES, key_id=after)
    ids = [one for number in range(names.n_buckets) for one in names.pairs(number)["customer_id"].to_pylist()]
    assert sorted(ids) == sorted(delivered_ids(own))


def test_stages_do_not_go_on_with_tables_of_another_key(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURNML_KEY", OTHER)
    assert run(own, "monitor") == 6
    shutil.rmtree(own / IDENTITIES)
    assert run(own, "score") == 6
    with pytest.raises(PrivacyError, match="prepared with the key"):
        make_identities(load_params(own / "params.yaml"), root=own)


def test_the_list_is_made_anew_from_the_tables(own: Path) -> None:
    before = {path.name: digest_file(path) for path in (own / IDENTITIES).iterdir()}
    shutil.rmtree(own / IDENTITIES)
    with pytest.raises(PrivacyError, match="churnml identities"):
        explain(load_params(own / "params.yaml"), "C0000001", root=own)
    assert make_identities(load_params(own / "params.yaml"), root=own) == 320
    assert {path.name: digest_file(path) for path in (own / IDENTITIES).iterdir()} == before


def test_a_damaged_list_names_nobody(own: Path) -> None:
    path = own / IDENTITIES / "bucket-0001.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert run(own, "score") == 6


def test_rows_of_the_last_run_are_taken_over_under_their_pseudonyms(own: Path) -> None:
    store = own / "data" / "prepared"
    before = digest_file(store / "manifest.json")
    state = next((own / ".churnml" / "parts" / "orders").glob("state-*.bin"))
    kept = digest_file(state)  # encrypted anew each time it is written
    assert run(own, "prepare") == 0
    assert digest_file(state) == kept
    assert digest_file(store / "manifest.json") == before
    (own / IDENTITIES / "manifest.json").unlink()
    assert run(own, "prepare") == 0
    assert digest_file(state) != kept
    assert digest_file(store / "manifest.json") == before
    assert run(own, "score") == 0


def test_a_customer_is_explained_by_the_id_as_delivered(golden: Path, hidden: Path, tmp_path: Path) -> None:
    told = [
        explain(load_params(each / "params.yaml"), "C0000007", root=each, out=tmp_path / each.name)
        for each in (golden, hidden)
    ]
    for file in ("profile.json", "profile.html", "profile.en.md"):
        assert (told[0] / file).read_bytes() == (told[1] / file).read_bytes()


def test_who_is_affected_is_named_as_delivered(golden: Path, hidden: Path, tmp_path: Path) -> None:
    for each in (golden, hidden):
        params = load_params(each / "params.yaml")
        rule = affected_rule(params, name="web", table="orders", where=["channel=web"])
        affected_on_demand(params, root=each, rule=rule, out=tmp_path / each.name)
    plain, told = (
        {path.name: digest_file(path) for path in (tmp_path / each.name).rglob("*.csv")} for each in (golden, hidden)
    )
    assert plain == told
    assert plain


def test_forgetting_takes_the_person_off_the_list_too(own: Path) -> None:
    customer = delivered_ids(own)[5]
    names = Names(own / IDENTITIES, key_id=None)
    pseudonym = names.stored(customer)
    done = forget(load_params(own / "params.yaml"), root=own, customers=[customer], at=date(2024, 7, 1))
    assert (done.n_unknown, done.n_left) == (0, 0)
    assert Names(own / IDENTITIES, key_id=None).stored(customer) is None
    words = traces_of([customer, pseudonym], {})
    assert [path for path in files_below(own) if holds(path, words)] == []
    assert run(own, *UP_TO_MODELS) == 0
    assert not [path for path in files_below(own) if holds(path, words)]


@pytest.fixture
def kept(own: Path) -> list[Path]:
    """Return the records that earlier runs kept: of lists, their work and scores."""
    keep_records(own, hides=Pseudonyms(Key(bytes.fromhex(KEY))))
    return records(own)


def records(folder: Path) -> list[Path]:
    return sorted(path for place in ("lists", "work", "scores") for path in (folder / ".churnml" / place).rglob("*.p*"))


def contents(paths: list[Path]) -> dict[str, list[dict]]:
    return {path.parents[1].name + path.parents[2].name: read_parquet(path).to_pylist() for path in paths}


def test_what_is_kept_is_hidden_and_in_the_order_of_the_pseudonyms(own: Path, kept: list[Path]) -> None:
    assert len(kept) >= 3
    for path in kept:
        table = read_parquet(path)
        ids = table["customer_id"].to_pylist()
        assert key_of_ids(table) == Key(bytes.fromhex(KEY)).id
        assert ids == sorted(ids)
        assert set(ids).isdisjoint(delivered_ids(own))


def test_what_is_kept_is_brought_under_another_key_and_back(own: Path, kept: list[Path]) -> None:
    hidden_ids = contents(kept)
    carry_ids_over(own, None)
    plain = contents(records(own))
    assert {key_of_ids(read_parquet(path)) for path in records(own)} == {None}
    assert {row["customer_id"] for rows in plain.values() for row in rows} <= set(delivered_ids(own))
    carry_ids_over(own, Pseudonyms(Key(bytes.fromhex(KEY))))
    assert contents(records(own)) == hidden_ids
    assert [path.name for path in records(own)] == [path.name for path in kept]


def test_work_of_lists_is_read_with_ids_as_delivered(own: Path, kept: list[Path]) -> None:
    names = Names(own / IDENTITIES, key_id=None)
    work = {each.name: each for each in kept_work(own, names=names)}
    listed = read_parquet(own / "data" / "lists" / "retention" / "contact.parquet")["customer_id"].to_pylist()
    assert set(listed) <= set(work["retention"].table["customer_id"].to_pylist())
    assert list(kept_work(own)) == []


@pytest.mark.slow
def test_a_whole_run_under_pseudonyms_names_nobody_inside(golden: Path, tmp_path: Path) -> None:
    folder = another(tmp_path / "project", golden, HIDDEN)
    with few_trees():
        assert run(folder, *TO_LISTS, "evaluate") == 0
    assert naming(folder, traces_of(delivered_ids(folder), {})) == []
    assert set(read_parquet(folder / SCORES)["customer_id"].to_pylist()) == set(delivered_ids(folder))


def test_a_drill_says_that_it_does_not_work_with_pseudonyms(hidden: Path) -> None:
    crisis = Scenario("outage", 0.2, start=0, spread_days=7, scope="", seed=1)
    params, workspace = load_params(hidden / "params.yaml"), hidden / "data" / "drills" / "x"
    with pytest.raises(ConfigError, match="does not work with pseudonyms yet"):
        drill(params, root=hidden, workspace=workspace, crisis=crisis)
