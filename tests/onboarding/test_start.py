"""`churnml init`: what it writes, what it refuses, what it asks."""

from __future__ import annotations

import contextlib
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from churnml import cli, workspace
from churnml.config import load_params
from churnml.errors import ConfigError, DataError
from churnml.flow.start import start
from churnml.onboarding.draft import Question, Wishes
from churnml.onboarding.proposal import propose
from churnml.onboarding.questions import answers

DAYS = [f"2023-{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 29)]


def first(question: Question) -> str:
    return question.options[0]


def given(folder: Path, **files: list[str]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for name, lines in files.items():
        (folder / f"{name}.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    return [folder / f"{name}.csv" for name in files]


def orders(*, extra: str = "") -> list[str]:
    rows = [f"C{at * 7 % 60},{day},{10 + at % 9}.50{extra}" for at, day in enumerate(DAYS)]
    return ["customer_id,order_date,amount" + (",note" if extra else ""), *rows]


def spells() -> list[str]:
    rows = [
        f"C{at},2022-{at % 12 + 1:02d}-01,{'' if at % 3 else f'2023-{at % 12 + 1:02d}-01'},9.90" for at in range(200)
    ]
    return ["member_id,start_date,end_date,monthly_fee", *rows]


def labelled() -> list[str]:
    return ["client_no,plan,seats,Churn", *(f"{at},{'ab'[at % 2]},{at % 7},{'YN'[at % 4 > 0]}" for at in range(200))]


def test_a_history_of_orders_becomes_inactivity(tmp_path: Path) -> None:
    _, problem = start(given(tmp_path / "in", orders=orders()), root=tmp_path, wishes=Wishes(margin=0.2), ask=first)
    params = load_params(tmp_path / "params.yaml")
    assert problem is None
    assert (params.churn.definition, params.churn.table) == ("inactivity", "orders")
    assert (params.histories.as_of, params.clv.margin) == ("2023-12-29", 0.2)


def test_contracts_become_the_end_of_a_spell(tmp_path: Path) -> None:
    start(given(tmp_path / "in", subscriptions=spells()), root=tmp_path, wishes=Wishes(), ask=first)
    params = load_params(tmp_path / "params.yaml")
    table = params.histories.tables["subscriptions"]
    assert (params.churn.definition, table.start, table.end, table.amount) == (
        "spell_end",
        "start_date",
        "end_date",
        "monthly_fee",
    )


def test_one_row_a_customer_and_a_label_becomes_label(tmp_path: Path) -> None:
    start(given(tmp_path / "in", clients=labelled()), root=tmp_path, wishes=Wishes(as_of="2024-01-01"), ask=first)
    params = load_params(tmp_path / "params.yaml")
    assert (params.churn.definition, params.churn.label, params.churn.label_values) == ("label", "Churn", ("Y",))
    assert "Churn" not in params.histories.tables["clients"].categories


def test_every_proposal_has_its_reason_and_no_cell_of_a_person(tmp_path: Path) -> None:
    people = ["customer_id,full_name,email", *(f"C{at},Zebulon Quirk{at},z{at}@example.com" for at in range(60))]
    files = given(tmp_path / "in", orders=orders(), customers=people)
    start(files, root=tmp_path, wishes=Wishes(), ask=first)
    text = (tmp_path / "params.yaml").read_text(encoding="utf-8")
    assert "Zebulon" not in text
    assert "example.com" not in text
    lines = text.splitlines()
    for key in ("horizon_days:", "definition:", "as_of:", "count:", "capacity:"):
        at = next(number for number, line in enumerate(lines) if line.strip().startswith(key))
        assert "#" in lines[at] or lines[at - 1].strip().startswith("#")


def test_contact_data_without_consent_reach_no_role(tmp_path: Path) -> None:
    people = ["customer_id,full_name,email", *(f"C{at},Q{at},z{at}@example.com" for at in range(60))]
    start(given(tmp_path / "in", orders=orders(), customers=people), root=tmp_path, wishes=Wishes(), ask=first)
    table = load_params(tmp_path / "params.yaml").histories.tables["customers"]
    assert table.contact.columns == {}
    assert (*table.categories, *table.numbers) == ()


def test_a_params_yaml_is_never_replaced_unasked(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("mine", encoding="utf-8")
    files = given(tmp_path / "in", orders=orders())
    with pytest.raises(ConfigError, match="is there already"):
        start(files, root=tmp_path, wishes=Wishes(), ask=first)
    assert (tmp_path / "params.yaml").read_text(encoding="utf-8") == "mine"
    start(files, root=tmp_path, wishes=Wishes(), ask=first, force=True)
    assert load_params(tmp_path / "params.yaml").churn.table == "orders"


@pytest.mark.parametrize(
    ("lines", "message"),
    [(["a,b", "x,y"], "no column names customers"), (["1,2024-01-01,5.0", "2,2024-01-02,6.0"], "has no header")],
)
def test_what_no_table_can_be_made_of_is_refused(lines: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        start(given(tmp_path / "in", some=lines), root=tmp_path, wishes=Wishes(), ask=first)


def test_workbooks_are_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    with pytest.raises(ConfigError, match=r"Save it as \.csv"):
        start([tmp_path / "a.xlsx"], root=tmp_path, wishes=Wishes(), ask=first)


def test_what_is_open_is_asked_and_the_answer_taken(tmp_path: Path) -> None:
    rows = [f"C{at % 60},{day},{day},{at % 9}.5" for at, day in enumerate(DAYS)]
    files = given(tmp_path / "in", orders=["customer_id,order_date,invoice_date,amount", *rows])
    asked: list[str] = []

    def second(text: str, options: tuple[str, ...]) -> str:
        asked.append(text)
        assert options == ("invoice_date", "order_date")
        return options[1]

    ask = answers(second)
    start(files, root=tmp_path, wishes=Wishes(), ask=ask)
    assert asked == ["when did a row of orders happen?"]
    assert load_params(tmp_path / "params.yaml").histories.tables["orders"].time == "order_date"
    assert ask.answered == {"histories.tables.orders.time"}


def test_rows_of_guests_are_left_out_and_counted(tmp_path: Path) -> None:
    lines = [line if at % 5 or not at else "," + line.split(",", 1)[1] for at, line in enumerate(orders())]
    start(given(tmp_path / "in", orders=lines), root=tmp_path, wishes=Wishes(), ask=first)
    assert load_params(tmp_path / "params.yaml").histories.tables["orders"].blank_ids == "drop"


def test_ids_that_differ_in_their_zeros_are_told(tmp_path: Path) -> None:
    people = ["customer_id,segment", *(f"{at:06d},{'ab'[at % 2]}" for at in range(60))]
    rows = [line.replace("C", "", 1) for line in orders()[1:]]
    files = given(tmp_path / "in", customers=people, orders=[orders()[0], *rows])
    proposal, _ = start(files, root=tmp_path, wishes=Wishes(), ask=first)
    assert any("leading zeros" in question.text for question in proposal.questions)


def test_the_command_makes_a_folder_that_is_ready_to_run(tmp_path: Path) -> None:
    given(tmp_path / "in", orders=orders())
    (tmp_path / "work").mkdir()
    with contextlib.chdir(tmp_path / "work"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "end_on_sigterm", lambda: None)
        patch.setattr(sys, "argv", ["churnml", "init", "../in", "--yes"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert not ended.value.code
    made = tmp_path / "work"
    assert all(
        (made / name).exists() for name in ("params.yaml", "dvc.yaml", "pipelines/score.py", "data/raw/orders.csv")
    )
    assert (made / "data" / "raw" / "orders.csv").stat().st_mode & 0o077 == 0


def test_somebody_elses_pipeline_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text("stages: {}", encoding="utf-8")
    with pytest.raises(ConfigError, match="in the way"):
        workspace.start_workspace(tmp_path)


def test_an_export_with_marks_in_numbers_and_two_formats_of_times_is_read_whole(tmp_path: Path) -> None:
    rows = [
        f"R{at:05d};{at * 7 % 60:05d};{day[8:]}.{day[5:7]}.{day[:4]};{day} 18:30:00;{1 + at % 3}.{100 + at % 9},50 €"
        for at, day in enumerate(DAYS)
    ]
    files = given(tmp_path / "in", rechnungen=["Rechnungsnr;Kundennr;Rechnungsdatum;Erfasst am;Nettobetrag", *rows])
    _, problem = start(files, root=tmp_path, wishes=Wishes(), ask=first)
    params = load_params(tmp_path / "params.yaml")
    table = params.histories.tables["rechnungen"]
    assert problem is None
    assert (table.time, table.known_at, table.amount) == ("Rechnungsdatum", "Erfasst am", "Nettobetrag")
    assert (table.csv.decimal, table.csv.number_marks, params.histories.currency) == (",", (".", "€"), "EUR")
    assert table.csv.time_formats == {"Rechnungsdatum": "%d.%m.%Y"}


def test_an_address_names_the_customer_where_nothing_else_does(tmp_path: Path) -> None:
    rows = [f"#{at},u{at * 7 % 60}@example.com,{day},{10 + at % 9}.50" for at, day in enumerate(DAYS)]
    proposal, _ = start(
        given(tmp_path / "in", orders=["Name,Email,Created at,Total", *rows]), root=tmp_path, wishes=Wishes(), ask=first
    )
    assert load_params(tmp_path / "params.yaml").histories.tables["orders"].id == "Email"
    assert "histories.tables.orders.id" in {question.key for question in proposal.questions}


def test_seconds_since_1970_are_times(tmp_path: Path) -> None:
    rows = [f"{at % 60},{1_700_000_000 + at * 86_400},{at % 9}" for at in range(300)]
    start(given(tmp_path / "in", log=["user_id,ts,value", *rows]), root=tmp_path, wishes=Wishes(), ask=first)
    table = load_params(tmp_path / "params.yaml").histories.tables["log"]
    assert (table.time, table.csv.time_format) == ("ts", "%s")


def turned(*, year: str = "2023") -> list[str]:
    """Return orders on days of which nobody can say whether the month comes first."""
    rows = [
        f"C{at * 7 % 40},{day:02d}/{month:02d}/{year},{at % 9}.5"
        for month in range(1, 13)
        for day in range(1, 13)
        for at in (day, month)
    ]
    return ["customer_id,order_date,amount", *rows]


@pytest.mark.parametrize(("answer", "pattern"), [(0, "%d/%m/%Y"), (1, "%m/%d/%Y")])
def test_a_turned_day_and_month_is_asked(answer: int, pattern: str, tmp_path: Path) -> None:
    asked: list[str] = []

    def choose(question: Question) -> str:
        asked.append(question.key)
        return question.options[answer]

    found = propose(given(tmp_path / "in", orders=turned())[0].parent, ["orders.csv"], wishes=Wishes(), ask=choose)
    assert asked == ["histories.tables.orders.csv.time_format"]
    assert found.drafts[0].source.dialect.time_format == pattern


def test_another_table_of_the_same_export_settles_it(tmp_path: Path) -> None:
    people = ["customer_id,joined_on", *(f"C{at},{at % 12 + 1:02d}/{at % 15 + 13:02d}/2022" for at in range(40))]
    folder = given(tmp_path / "in", orders=turned(), customers=people)[0].parent
    found = propose(folder, ["customers.csv", "orders.csv"], wishes=Wishes(), ask=first)
    assert {draft.source.dialect.time_format for draft in found.drafts} == {"%m/%d/%Y"}
    assert not any(question.key.endswith("time_format") for question in found.questions)


def test_a_column_that_tells_the_label_is_left_out_and_listed(tmp_path: Path) -> None:
    rows = [f"{at},{at % 7},{'left' if at % 4 == 0 else 'here'},{int(at % 4 == 0)}" for at in range(200)]
    files = given(tmp_path / "in", clients=["client_no,seats,outcome_text,churned", *rows])
    proposal, _ = start(files, root=tmp_path, wishes=Wishes(as_of="2024-01-01"), ask=first)
    table = load_params(tmp_path / "params.yaml").histories.tables["clients"]
    assert (table.categories, table.numbers) == ((), ("seats",))
    assert any("outcome_text" in question.text for question in proposal.questions)


def test_a_package_does_not_put_a_second_pipeline_into_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried = tmp_path / "churnml" / "project"
    (carried / "pipelines").mkdir(parents=True)
    for name in ("dvc.yaml", "pipelines/configure.py", "../workspace.py"):
        (carried / name).write_text("", encoding="utf-8")
    monkeypatch.setattr(workspace, "__file__", str(tmp_path / "churnml" / "workspace.py"))
    workspace.start_workspace(tmp_path / "work")
    made = sorted(
        path.relative_to(tmp_path / "work").as_posix() for path in (tmp_path / "work").rglob("*") if path.is_file()
    )
    assert made == [".gitignore", "dvc.yaml", "pipelines/configure.py", "src/churnml/workspace.py"]


def test_days_that_look_half_loaded_are_no_part_of_the_history(tmp_path: Path) -> None:
    days = [date(2023, 1, 1) + timedelta(days=at) for at in range(400)]
    rows = [
        f"C{(at * 31 + n) % 90},{day},{n}.5" for at, day in enumerate(days) for n in range(2 if day == days[-1] else 40)
    ]
    start(
        given(tmp_path / "in", orders=["customer_id,order_date,amount", *rows]),
        root=tmp_path,
        wishes=Wishes(),
        ask=first,
    )
    assert load_params(tmp_path / "params.yaml").histories.as_of == days[-1].isoformat()


def test_another_file_of_the_same_name_is_not_overwritten(tmp_path: Path) -> None:
    raw = tmp_path / "data" / "raw"
    raw.mkdir(parents=True)
    (raw / "orders.csv").write_text("mine", encoding="utf-8")
    files = given(tmp_path / "in", orders=orders())
    with pytest.raises(DataError, match="another file of this name"):
        start(files, root=tmp_path, wishes=Wishes(), ask=first)
    assert (raw / "orders.csv").read_text(encoding="utf-8") == "mine"


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    one, two = given(tmp_path / "a", orders=orders()), given(tmp_path / "b", orders=orders())
    with pytest.raises(DataError, match="two files have this name"):
        start([*one, *two], root=tmp_path, wishes=Wishes(), ask=first)


def test_yearly_files_of_one_export_are_one_table(tmp_path: Path) -> None:
    head, *rows = orders()
    files = given(tmp_path / "in", orders_2022=[head, *rows[:200]], orders_2023=[head, *rows[200:]])
    start(files, root=tmp_path, wishes=Wishes(), ask=first)
    tables = load_params(tmp_path / "params.yaml").histories.tables
    assert tables["orders"].file == ("orders_2022.csv", "orders_2023.csv")


def test_the_length_of_an_account_is_no_customer(tmp_path: Path) -> None:
    rows = [f"{at % 90},{at + 4_150_000},{at % 7},{'T' if at % 6 == 0 else 'F'}" for at in range(300)]
    files = given(tmp_path / "in", customers=["accountlength,phonenumber,calls,churn", *rows])
    start(files, root=tmp_path, wishes=Wishes(as_of="2024-01-01"), ask=first)
    table = load_params(tmp_path / "params.yaml").histories.tables["customers"]
    assert (table.id, table.numbers) == ("phonenumber", ("accountlength", "calls"))
