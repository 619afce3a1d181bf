from __future__ import annotations

import pytest

from churnml.errors import PrivacyError
from churnml.exports.crm.audiences import check_audience_name, hashed, in_form
from churnml.exports.crm.people import Unfit


@pytest.mark.parametrize(
    ("text", "form", "country", "normalised", "digest"),
    [
        (" Jane.Doe@Example.COM ", "email", "", "jane.doe@example.com",
         "86e0b9e56c17cc4d12387e1949b85053fbe73bc3ce5a1188713a9d300cc6133d"),
        ("020 7946 0000", "phone_plus", "GB", "+442079460000",
         "543f9cda443b9c55ebcf8ab34b586f9dc34948776b73de02393c41d5f8edc356"),
        ("020 7946 0000", "phone_digits", "GB", "442079460000",
         "38e62b3e091778f9214de3aa00ae498aa4b78433d73dec5977eb2ec1c8be4a69"),
        ("Jane", "name", "", "jane", "81f8f6dde88365f3928796ec7aa53f72820b06db8664f5fe76a7eb13e24546a2"),
        ("Zoe\u0308", "name", "", "zo\u00eb", "2752b88686847fa5c86f47b94ce652b7b3f22a91c37617d451a4db9afa431450"),
    ],
)  # fmt: skip
def test_known_values_have_their_known_digests(
    text: str, form: str, country: str, normalised: str, digest: str
) -> None:
    assert in_form(text, form, country) == normalised
    assert hashed(normalised) == digest


@pytest.mark.parametrize(
    ("text", "form", "country", "normalised"),
    [
        ("j ane@ example.com", "email_no_spaces", "", "jane@example.com"),
        ("J.Doe+x@gmail.com", "email_no_spaces", "", "j.doe+x@gmail.com"),
        ("Dr. Jane", "name", "", "jane"),
        ("Doe, Jr.", "name", "", "doe"),
        ("New York", "city", "US", "newyork"),
        ("St. John's", "city", "CA", "stjohns"),
        ("CA", "state", "US", "ca"),
        ("Nieder-Sachsen", "state", "DE", "niedersachsen"),
        ("94043-1234", "zip", "US", "94043-1234"),
        ("94043-1234", "zip_short", "US", "94043"),
        ("SW1A 1AA", "zip_short", "GB", "sw1a1"),
        ("10 115", "zip_short", "DE", "10115"),
        ("de", "country_upper", "", "DE"),
        ("DE", "country_lower", "", "de"),
        ("1980-05-01", "birth_year", "", "1980"),
        ("Female", "gender", "", "f"),
        ("AEBE52E7-03EE-455A-B3C4-E57283966239", "device", "", "aebe52e7-03ee-455a-b3c4-e57283966239"),
    ],
)
def test_forms(text: str, form: str, country: str, normalised: str) -> None:
    assert in_form(text, form, country) == normalised


@pytest.mark.parametrize(
    ("text", "form", "country", "code"),
    [
        ("jane@", "email", "", "bad_email"),
        ("jane@localhost", "email", "", "bad_email"),
        ("020 7946 0000", "phone_plus", "", "phone_country_unknown"),
        ("+44 20 79", "phone_digits", "GB", "bad_phone"),
        ("+1 800 FLOWERS", "phone_plus", "US", "bad_phone"),
        ("+44 20 7946 0000 x12", "phone_plus", "GB", "bad_phone"),
        ("Germany", "country_upper", "", "bad_country"),
        ("California", "state", "US", "bad_state"),
        ("ABCDE", "zip", "US", "bad_postcode"),
        ("x", "gender", "", "bad_gender"),
        ("99", "birth_year", "", "bad_birth_date"),
        ("00", "device", "", "bad_device_id"),
        ("Ja\nne", "name", "", "control_character"),
    ],
)
def test_what_has_no_such_form_is_unfit(text: str, form: str, country: str, code: str) -> None:
    with pytest.raises(Unfit, match=f"^{code}$"):
        in_form(text, form, country)


@pytest.mark.parametrize(
    "name",
    ["high income churners", "HighIncome-3", "Diabetics", "in-debt", "poor", "credit_risk",
     "\u9ad8\u6536\u5165\u5ba2\u6237",
     "\u7cd6\u5c3f\u75c5", "medical 7", "\uff28\uff45\uff41\uff4c\uff54\uff48", "Krebs-Liste"],
)  # fmt: skip
def test_names_that_suggest_health_or_means_are_refused(name: str) -> None:
    with pytest.raises(PrivacyError, match="suggests the health or the means"):
        check_audience_name(name)


@pytest.mark.parametrize("name", ["../x", "", "a" * 65, "a/b", " a", "=a", "a\nb"])
def test_names_that_are_no_plain_ones_are_refused(name: str) -> None:
    with pytest.raises(PrivacyError, match="not a plain name"):
        check_audience_name(name)


@pytest.mark.parametrize("name", ["batch-07", "Richmond spring", "army of fans", "\u6279\u6b21 7", "2024-06-30"])
def test_neutral_names_pass(name: str) -> None:
    assert check_audience_name(name) == name
