import pytest
from pydantic import ValidationError

from churnml.config import EventsTable, Histories, Product
from churnml.errors import ConfigError

EVENTS = {"kind": "events", "file": "orders.csv", "id": "cid", "time": "at"}


def histories(**changes):
    return Histories.model_validate(
        {"folder": "data/raw", "as_of": "2024-06-30", "tables": {"orders": EVENTS}} | changes
    )


def events(**changes):
    return EventsTable.model_validate(EVENTS | changes)


def test_as_of_is_local_to_the_declared_zone():
    assert histories(timezone="Europe/Berlin").as_of_us == histories(as_of="2024-06-29T22:00").as_of_us


def test_table_is_found_by_name_and_the_nearest_is_offered():
    assert histories().table("orders").kind == "events"
    with pytest.raises(ConfigError, match=r"histories\.tables\.order: no such table\. Did you mean orders\?"):
        histories().table("order")


def test_defaults_of_every_table():
    table = events()
    assert (table.blank_ids, table.duplicates, table.group, table.amount) == ("refuse", "drop", (), None)
    assert (table.csv.delimiter, table.csv.encoding, table.csv.null_values) == (",", "utf-8", ("",))


@pytest.mark.parametrize(
    ("amount", "columns"), [(None, ()), ("net", ("net",)), ({"multiply": ["qty", "price"]}, ("qty", "price"))]
)
def test_amount_is_nothing_a_column_or_a_product(amount, columns):
    assert events(amount=amount).amount_columns == columns


def test_product_is_built_from_its_model_too():
    assert events(amount=Product(multiply=("qty", "price"))).amount_columns == ("qty", "price")


def test_group_takes_one_name_or_several():
    assert events(group="invoice").group == ("invoice",)
    assert events(group=["invoice", "day"]).group == ("invoice", "day")


def test_contact_and_consent_list_what_is_given():
    customers = {"kind": "customers", "file": "c.csv", "id": "cid"}
    customers |= {"contact": {"phone": "tel", "language": "lang"}, "consent": {"phone": "may_call"}}
    table = histories(tables={"customers": customers}).table("customers")
    assert table.contact.columns == {"phone": "tel", "language": "lang"}
    assert table.consent.columns == {"phone": "may_call"}


@pytest.mark.parametrize(
    "change",
    [
        {"amount": {"multiply": ["qty"]}},
        {"amount": {"multiply": ["qty", "qty"]}},
        {"amount": {"multiply": ["a", "b"], "add": "c"}},
        {"numbers": ["a", "a"]},
        {"categories": [""]},
        {"id": "c\x1bid"},
        {"csv": {"delimiter": ";;"}},
        {"csv": {"delimiter": ",", "decimal": ","}},
        {"csv": {"delimiter": "\n"}},
        {"csv": {"null_values": ["\x85"]}},
        {"csv": {"encoding": "base64"}},
        {"csv": {"encoding": "utf-9"}},
        {"csv": {"time_format": "day"}},
        {"blank_ids": "keep"},
    ],
)
def test_bad_tables_are_refused(change):
    with pytest.raises(ValidationError, match="1 validation error"):
        events(**change)


@pytest.mark.parametrize(
    "change",
    [
        {"timezone": "Mars/Olympus"},
        {"timezone": ""},
        {"timezone": "../UTC"},
        {"timezone": "Europe"},
        {"currency": "euro"},
        {"as_of": "30.06.2024"},
        {"as_of": "0001-01-01"},
        {"as_of": "9999-12-31T23:59-12:00"},
        {"as_of": "2024-02-30"},
        {"folder": "../elsewhere"},
        {"folder": "/etc"},
        {"folder": "~/data"},
        {"folder": "data/*"},
        {"folder": "s3://bucket"},
        {"folder": "c:\\data"},
        {"folder": " data"},
        {"database": "mysql://host/db"},
        {"database": "postgresql://[host/db"},
        {"tables": {}},
        {"tables": {"Orders": EVENTS}},
        {"tables": {"a" * 42: EVENTS}},
        {"tables": {"orders": EVENTS | {"kind": "event"}}},
    ],
)
def test_bad_histories_are_refused(change):
    with pytest.raises(ValidationError, match="1 validation error"):
        histories(**change)


@pytest.mark.parametrize(
    "url", ["postgresql://u:pw@host/db", "postgresql://host/db?password=pw", "postgresql://h/d?sslpassword=pw"]
)
def test_a_password_is_refused_and_not_repeated(url):
    with pytest.raises(ValidationError, match="holds a password") as caught:
        histories(folder=None, database=url)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("marks", ['["."]', '["1"]', '["-"]'])
def test_what_a_number_is_made_of_is_no_mark(marks, load_with, histories_text):
    csv = f"file: orders.csv, csv: {{number_marks: {marks}}}"
    with pytest.raises(ConfigError, match="number_marks names what a number is made of"):
        load_with(histories=histories_text.replace("file: orders.csv", csv))
