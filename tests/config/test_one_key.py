"""One key of a parameter file changed: nothing else moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnml.config.one_key import with_value
from churnml.config.strict_yaml import parse_yaml
from churnml.errors import ConfigError

PATH = ("histories", "as_of")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("histories:\n  as_of: 2024-06-30   # the last day\n", "histories:\n  as_of: 2024-07-01   # the last day\n"),
        ('histories: {as_of: "2024-06-30", b: 1}', 'histories: {as_of: "2024-07-01", b: 1}'),
        ('{"histories": {"as_of": "2024-06-30T01:00"}}', '{"histories": {"as_of": "2024-07-01"}}'),
        ("as_of: 1\nhistories:\r\n  as_of: '2024-06-30'\r\n", "as_of: 1\nhistories:\r\n  as_of: '2024-07-01'\r\n"),
        (
            "# \u65e5\u671f\nhistories:\n  as_of:\n    2024-06-30\n",
            "# \u65e5\u671f\nhistories:\n  as_of:\n    2024-07-01\n",
        ),
        ("histories:\n  as_of:\n  b: 1\n", "histories:\n  as_of: 2024-07-01\n  b: 1\n"),
        ("\ufeffhistories: {as_of: 2024-06-30}", "\ufeffhistories: {as_of: 2024-07-01}"),
    ],
)
def test_only_the_value_changes(before: str, after: str) -> None:
    assert with_value(before.encode(), PATH, "2024-07-01", file="p") == after.encode()


@given(
    comment=st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=20),
    quote=st.sampled_from(["", "'", '"']),
    gap=st.integers(1, 5),
    key=st.sampled_from(["a", "\u540d", "'as_of'"]),
)
def test_the_file_says_the_same_otherwise(comment: str, quote: str, gap: int, key: str) -> None:
    day = f"{' ' * gap}{quote}2024-06-30{quote} # {comment}"
    text = f"# {comment}\n{key}: 1\nhistories:\n  x: [a, b]\n  as_of:{day}\nz: ~\n"
    found = with_value(text.encode(), PATH, "2025-01-02", file="p")
    expected = parse_yaml(text.encode(), file="p").value
    expected["histories"]["as_of"] = "2025-01-02"
    assert parse_yaml(found, file="p").value == expected
    assert found.decode().replace("2025-01-02", "2024-06-30") == text


@pytest.mark.parametrize("text", ["a: 1", "histories: 1", "histories: [1]", "histories: {as_of: {b: 1}}", "histories:"])
def test_a_key_that_is_not_there_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^p: histories\.as_of: required key is missing"):
        with_value(text.encode(), PATH, "2024-07-01", file="p")
