from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from crm_rows import crm_rows, export, layout, rejected, written

from churnml.config.exports import Target
from churnml.errors import ConfigError, PrivacyError
from churnml.exports.crm.target import TARGETS, facts_of
from churnml.wording import has_words

SUGGESTED = {
    "zoho": "id,Last_Name,Email,Churn_Probability,Churn_Band,CLV_12M,Value_Tier,Reason_1,Reason_2,Suggested_Action,"
    "Contact_By,Campaign_Batch,Holdout,Scored_At",
    "hubspot": "Record ID,Email,Churn Probability,Churn Band,CLV 12M,Value Tier,Reason 1,Reason 2,Suggested Action,"
    "Contact By,Campaign Batch,Holdout,Scored At",
    "salesforce": "Id,Churn_Probability__c,Churn_Band__c,CLV_12M__c,Value_Tier__c,Reason_1__c,Reason_2__c,"
    "Suggested_Action__c,Contact_By__c,Campaign_Batch__c,Holdout__c,Scored_At__c",
}
PEOPLE = {
    "first_name": "Jane", "last_name": "Doe", "city": "London", "state": "England", "postcode": "SW1A 1AA",
    "birth_date": "1980-05-01", "gender": "f", "external_id": "x-1",
    "mobile_ad_id": "AEBE52E7-03EE-455A-B3C4-E57283966239",
}  # fmt: skip


@pytest.mark.parametrize("target", SUGGESTED)
def test_headers_are_those_suggested_for_updates(target: str, tmp_path: Path) -> None:
    manifest = export(tmp_path, target, crm_rows())
    first = (tmp_path / target / manifest["parts"][0]["file"]).read_bytes().split(b"\n")[0]
    assert first.decode() == SUGGESTED[target]
    assert manifest["mode"] == "update"


@pytest.mark.parametrize(
    ("target", "day", "instant", "no", "value"),
    [
        ("zoho", "07/14/2024", "06/30/2024 00:00:00", "False", "1234.50"),
        ("hubspot", "2024-07-14", "2024-06-30", "false", "1234.50"),
        ("salesforce", "2024-07-14", "2024-06-30T00:00:00.000Z", "false", "1234.50"),
        ("braze", "2024-07-14", "2024-06-30T00:00:00Z", "FALSE", "1234.50"),
        ("klaviyo", "2024-07-14", "2024-06-30 00:00:00", "false", "1234.50"),
    ],
)
def test_dates_booleans_and_numbers(target: str, day: str, instant: str, no: str, value: str, tmp_path: Path) -> None:
    row = list(written(tmp_path, export(tmp_path, target, crm_rows()))[0].values())
    assert row[-3] != day
    assert (row[-4], row[-1], row[-2]) == (day, instant, no)
    assert value in row


def test_sizes_and_row_limits_are_those_of_each_edition() -> None:
    limits = {t: {e: v["max_rows"] for e, v in facts_of(t)["editions"].items()} for t in TARGETS}
    assert limits["zoho"] == {
        "free": 1000, "standard": 10_000, "professional": 20_000, "enterprise": 30_000, "bulk_api": 25_000
    }  # fmt: skip
    assert limits["hubspot"] == {"free": 500_000, "paid": 1_048_576}
    assert facts_of("zoho")["editions"]["bulk_api"]["max_columns"] == 200
    assert facts_of("hubspot")["editions"]["paid"]["max_bytes"] == 512_000_000
    assert facts_of("salesforce")["editions"]["bulk_2"]["max_bytes"] == 100_000_000
    assert facts_of("braze")["editions"]["attributes"]["max_bytes"] == 500_000_000
    assert facts_of("klaviyo")["editions"]["any"]["max_bytes"] == 50_000_000
    assert facts_of("meta_custom_audiences")["editions"]["api"]["max_rows"] == 10_000


@pytest.mark.parametrize("target", [t for t in TARGETS if t != "fxiaoke"])
def test_no_file_has_a_byte_order_mark(target: str, tmp_path: Path) -> None:
    manifest = export(tmp_path, target, crm_rows(100))
    for part in manifest["parts"]:
        assert not (tmp_path / target / part["file"]).read_bytes().startswith(b"\xef\xbb\xbf")


def test_creating_is_asked_for_and_needs_the_address_as_the_key(tmp_path: Path) -> None:
    rows = crm_rows(email=["a@example.com", "A@Example.com", ""])
    manifest = export(tmp_path, "zoho", rows, create=True)
    assert manifest["creates"]
    assert [row["Email"] for row in written(tmp_path, manifest)] == ["a@example.com"]
    assert rejected(tmp_path, "zoho") == [
        ("c0001", "Email", "duplicate_identity"), ("c0002", "Email", "missing_required")
    ]  # fmt: skip


@pytest.mark.parametrize(("target", "role"), [("zoho", "zoho_id or crm_id"), ("salesforce", "salesforce_id or crm_id")])
def test_updating_without_record_ids_is_refused(target: str, role: str) -> None:
    with pytest.raises(ConfigError, match=f"Declare {role} under contact"):
        layout(target, crm_rows(crm_id=None))


def test_customer_ids_can_be_the_record_ids(tmp_path: Path) -> None:
    manifest = export(tmp_path, "hubspot", crm_rows(crm_id=None), id="customer_id")
    assert [row["Record ID"] for row in written(tmp_path, manifest)] == ["c0000", "c0001", "c0002"]


def test_salesforce_ids_have_15_or_18_characters_and_the_first_15_tell_records_apart(tmp_path: Path) -> None:
    ids = ["003000000000001", "003000000000001AAA", "003000000000002AAA", "3", "00300000000000A", "00300000000000a"]
    manifest = export(tmp_path, "salesforce", crm_rows(6, crm_id=ids))
    assert [row["Id"] for row in written(tmp_path, manifest)] == [ids[0], ids[2], ids[4], ids[5]]
    assert [code for _, _, code in rejected(tmp_path, "salesforce")] == ["duplicate_identity", "bad_id"]


def test_zoho_forbids_some_characters_and_replaces_them_only_in_our_own_words(tmp_path: Path) -> None:
    names = ['Jane "J" ', "a|b", "<i>Doe", "O'Neil"]
    manifest = export(tmp_path, "zoho", crm_rows(4, last_name=names, reason_1='fell to <0.1% of "plan" | x'))
    assert [row["Last_Name"] for row in written(tmp_path, manifest)] == ["O'Neil"]
    assert written(tmp_path, manifest)[0]["Reason_1"] == "fell to \uff1c0.1% of 'plan' / x"
    assert manifest["rejected_by_reason"] == {"forbidden_character": 3}


def test_zoho_bulk_files_are_archives_of_one_file_and_take_all_characters(tmp_path: Path) -> None:
    manifest = export(tmp_path, "zoho", crm_rows(last_name='Jane "J"'), edition="bulk_api")
    assert manifest["parts"][0]["file"] == "zoho-001-of-001.zip"
    assert manifest["rows"]["written"] == 3


def test_braze_takes_ids_alone_for_a_segment(tmp_path: Path) -> None:
    manifest = export(tmp_path, "braze", crm_rows(), ids_only=True)
    assert written(tmp_path, manifest)[0] == {"braze_id": "0" * 24}
    manifest = export(tmp_path, "braze", crm_rows(), ids_only=True, create=True)
    assert [*written(tmp_path, manifest)[0]] == ["external_id"]


def test_braze_text_has_no_commas_and_no_markup(tmp_path: Path) -> None:
    rows = crm_rows(reason_1=["No order, none", "plan {{${x}}}", "&lt;b&gt;"], braze_id=["1", "2", "3"])
    manifest = export(tmp_path, "braze", rows)
    assert [row["reason_1"] for row in written(tmp_path, manifest)] == ["No order; none"]
    assert manifest["rejected_by_reason"] == {"markup": 2}
    assert "external_id" not in written(tmp_path, manifest)[0]


def test_klaviyo_begins_with_the_address_and_has_numbers_of_those_alone_who_agreed_to_messages(tmp_path: Path) -> None:
    manifest = export(tmp_path, "klaviyo", crm_rows(agreed_sms=[True, False, True]))
    assert [*written(tmp_path, manifest)[0]][:2] == ["Email", "Phone Number"]
    assert [row["Phone Number"] for row in written(tmp_path, manifest)] == ["+442079460000", "", "+442079460000"]


def test_google_hashes_neither_country_nor_zip_and_wants_an_address_whole(tmp_path: Path) -> None:
    rows = crm_rows(3, **(PEOPLE | {"postcode": ["SW1A 1AA", "", "SW1A 1AA"]}))
    manifest = export(tmp_path, "google_customer_match", rows)
    found = written(tmp_path, manifest)
    assert [*found[0]] == ["Email", "Phone", "First Name", "Last Name", "Country", "Zip"]
    assert sorted((row["Country"], row["Zip"]) for row in found) == [("", ""), ("GB", "SW1A 1AA"), ("GB", "SW1A 1AA")]
    assert all(len(row["Phone"]) == 64 for row in found)
    assert [row["First Name"] == "" for row in found] == [row["Zip"] == "" for row in found]
    assert manifest["re_identifiable"]
    assert manifest["audience"].startswith("batch-")


def test_meta_hashes_the_country_but_neither_device_nor_external_id(tmp_path: Path) -> None:
    found = written(tmp_path, export(tmp_path, "meta_custom_audiences", crm_rows(100, **PEOPLE)))
    expected = "email,phone,madid,fn,ln,ct,st,zip,country,doby,gen,extern_id"
    assert ",".join(found[0]) == expected
    assert found[0]["madid"] == "aebe52e7-03ee-455a-b3c4-e57283966239"
    assert found[0]["extern_id"] == "x-1"
    assert all(len(found[0][h]) == 64 for h in expected.split(",") if h not in {"madid", "extern_id"})


def test_meta_takes_no_fewer_than_a_hundred_people(tmp_path: Path) -> None:
    with pytest.raises(PrivacyError, match="fewer people than the 100"):
        export(tmp_path, "meta_custom_audiences", crm_rows(99))
    assert [*tmp_path.iterdir()] == []


def test_the_same_number_has_another_digest_at_each_platform(tmp_path: Path) -> None:
    google = written(tmp_path, export(tmp_path, "google_customer_match", crm_rows(100)))
    meta = written(tmp_path, export(tmp_path, "meta_custom_audiences", crm_rows(100)))
    assert google[0]["Phone"] != meta[0]["phone"]


def test_people_without_anything_to_match_by_are_rejected(tmp_path: Path) -> None:
    rows = crm_rows(2, email=["", "a@example.com"], phone=["", ""])
    export(tmp_path, "google_customer_match", rows)
    assert rejected(tmp_path, "google_customer_match") == [("c0000", "Email, Phone", "no_match_key")]


def test_an_audience_is_ordered_by_its_digests_not_by_rank(tmp_path: Path) -> None:
    emails = [row["Email"] for row in written(tmp_path, export(tmp_path, "google_customer_match", crm_rows(20)))]
    assert emails == sorted(emails)


def test_fields_can_have_the_names_and_pick_lists_of_the_tenant(tmp_path: Path) -> None:
    rows = crm_rows(2, risk_band=["very_high", "low"])
    options: dict[str, Any] = {"headers": {"Churn_Band": "Risk"}, "picks": {"risk_band": {"very_high": "Red"}}}
    manifest = export(tmp_path, "zoho", rows, **options)
    assert [row["Risk"] for row in written(tmp_path, manifest)] == ["Red"]
    assert rejected(tmp_path, "zoho") == [("c0001", "Risk", "not_in_pick_list")]


def test_the_manifest_names_the_values_that_a_pick_list_needs(tmp_path: Path) -> None:
    columns = {column["header"]: column for column in export(tmp_path, "zoho", crm_rows())["columns"]}
    assert columns["Churn_Band"]["values"] == ["High", "Low", "Medium", "Not at risk", "Very high"]
    assert "values" not in columns["Reason_1"]


def test_meta_has_other_headers_for_its_interface(tmp_path: Path) -> None:
    manifest = export(tmp_path, "meta_custom_audiences", crm_rows(100), edition="api")
    assert [*written(tmp_path, manifest)[0]] == ["EMAIL", "PHONE", "COUNTRY"]


def test_renamed_fields_of_an_address_still_count_together(tmp_path: Path) -> None:
    headers = {"Zip": "Postcode", "Email": "Mail"}
    manifest = export(tmp_path, "google_customer_match", crm_rows(2, **PEOPLE), headers=headers)
    assert [row["Postcode"] for row in written(tmp_path, manifest)] == ["SW1A 1AA"] * 2


def test_words_are_in_the_language_of_the_campaign(tmp_path: Path) -> None:
    row = written(tmp_path, export(tmp_path, "hubspot", crm_rows(), language="zh"))[0]
    assert (row["Churn Band"], row["Suggested Action"]) == ("\u5f88\u9ad8", "\u81f4\u7535\u5ba2\u6237")


def test_the_header_of_the_value_names_its_months() -> None:
    assert "CLV_24M__c" in layout("salesforce", crm_rows(), clv_months=24).headers


def test_unknown_target_and_edition_are_refused() -> None:
    with pytest.raises(ConfigError, match="Did you mean zoho"):
        layout("zohoo", crm_rows())
    with pytest.raises(ConfigError, match="Editions: free, standard"):
        layout("zoho", crm_rows(), edition="gold")


def test_an_audience_without_anything_to_match_by_is_refused() -> None:
    with pytest.raises(ConfigError, match="nothing by which people could be matched"):
        layout("google_customer_match", crm_rows(email=None, phone=None))


def test_the_configuration_knows_the_same_targets() -> None:
    assert get_args(Target) == TARGETS


def test_every_reason_has_words() -> None:
    source = Path(__file__).parents[3] / "src" / "churnml" / "exports" / "crm"
    codes = {line.split('"')[1] for file in source.glob("*.py") for line in file.read_text("utf-8").split("Unfit(")[1:]
             if line.startswith('"')}  # fmt: skip
    assert len(codes) > 12
    assert [
        code for code in codes | {"duplicate_identity", "no_match_key"} if not has_words(f"crm_reason.{code}")
    ] == []
