from __future__ import annotations

import pytest

from churnml.exports.crm.people import Unfit, e164, email_address, plain_text, split_name


@pytest.mark.parametrize(
    "text", ["jane", "@example.com", "a b@example.com", "a..b@example.com", "a@b", "a@x.test", "<a@b.de>"]
)
def test_addresses_of_no_valid_syntax_are_unfit(text: str) -> None:
    with pytest.raises(Unfit, match="bad_email"):
        email_address(text)


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("+44 7700 900123", "", "+447700900123"),
        ("0044 20 7946 0000", "GB", "+442079460000"),
        ("(030) 23125-123", "DE", "+493023125123"),
        ("138 0013 8000", "CN", "+8613800138000"),
        ("+1 202 555 0123", "DE", "+12025550123"),
    ],
)
def test_numbers_get_their_international_form(text: str, country: str, number: str) -> None:
    assert e164(text, country) == number


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Jane Doe", "Jane", "Doe"),
        ("Cher", "", "Cher"),
        ("\u738b\u4f1f", "\u4f1f", "\u738b"),
        ("\u6b27\u9633\u4fee", "\u4fee", "\u6b27\u9633"),
        ("\U0001f600 Smith", "\U0001f600", "Smith"),
        ("\u05d3\u05d5\u05d3 \u05db\u05d4\u05df", "\u05d3\u05d5\u05d3", "\u05db\u05d4\u05df"),
    ],
)
def test_names_of_one_or_two_words_are_divided(name: str, first: str, last: str) -> None:
    assert (split_name(name, "first_name"), split_name(name, "last_name")) == (first, last)


def test_a_longer_name_is_not_guessed_at() -> None:
    with pytest.raises(Unfit, match="name_not_split"):
        split_name("Ada van Berg", "last_name")


def test_line_breaks_are_unfit() -> None:
    with pytest.raises(Unfit, match="control_character"):
        plain_text("a\u2028b")
