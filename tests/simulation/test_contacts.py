"""Contact data of invented people, and their consent."""

from __future__ import annotations

PHONE = r"\+44 7700 900\d{3}|\+1 202 555 01\d{2}|\+49 30 23125 \d{3}"


def test_telephones_and_mail_addresses_lie_in_reserved_ranges(company):
    customers = company.frame("customers")
    assert customers.phone.dropna().str.fullmatch(PHONE).all()
    assert customers.email.dropna().str.fullmatch(r"[a-z]+\.[a-z]+\.\d{7}@example\.(com|org)").all()
    assert customers.email.dropna().is_unique
    assert 0 < customers.phone.isna().mean() < 0.15


def test_consent_is_yes_no_or_empty_for_each_channel(company):
    customers = company.frame("customers")
    for channel in ("email", "phone", "sms"):
        assert set(customers[f"consent_{channel}"]) == {"yes", "no", ""}


def test_languages_are_english_and_chinese_and_names_follow(company):
    customers = company.frame("customers")
    is_chinese = customers.name.str.contains(r"[\u4e00-\u9fff]")
    assert (is_chinese == (customers.language == "zh")).all()
    assert 0.05 < is_chinese.mean() < 0.30


def test_some_ages_are_missing_and_the_others_are_adults(company):
    age = company.frame("customers").age
    assert 0.08 < age.isna().mean() < 0.16
    assert age.min() >= 18


def test_joining_is_spread_before_and_through_the_window(company, end):
    months_ago = (end - company.frame("customers").joined_on).dt.days / 30
    assert 0.40 < (months_ago > 36).mean() < 0.50
    assert all(((months_ago > low) & (months_ago <= low + 6)).mean() > 0.06 for low in range(0, 36, 6))
