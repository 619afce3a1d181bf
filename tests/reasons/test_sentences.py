from __future__ import annotations

import pyarrow as pa
import pytest

from churnml.errors import DataError
from churnml.reasons.causes import causes
from churnml.reasons.sentences import reason_code, reason_sentence, reason_sentences


@pytest.mark.parametrize(
    ("code", "english"),
    [
        ("silence;days=61;usual=14", "No order for 61 days, usually every 14"),
        ("silence;source=visits;days=1;usual=0.4", "No visit for 1 day, usually every 0"),
        ("silence;source=xyz;days=61;usual=14", "No activity for 61 days, usually every 14"),
        ("silence;source=orders;days=40", "No order for 40 days"),
        (
            "falling_activity;source=orders;n=1;usual=3.6;window=90",
            "1 order in the last 90 days, usually 3.6 in that time",
        ),
        ("low_engagement;source=visits;n=0;usual=4;window=30", "No visit in the last 30 days, usually 4 in that time"),
        (
            "falling_value;source=orders;n=40;usual=1500;window=90",
            "Spent 40 in the last 90 days, usually 1,500 in that time",
        ),
        ("silence;source=visits;days=5;usual=1", "No visit for 5 days, usually every day"),
        (
            "falling_value;source=orders;n=0;usual=150;window=90",
            "Bought nothing in the last 90 days, usually for 150 in that time",
        ),
        ("falling_value;source=orders;n=0;window=365", "Bought nothing in the last 365 days"),
        ("dissatisfaction;source=surveys;score=5;of=10", "Gave a low score of 5 out of 10 in the latest survey"),
        (
            "low_engagement;source=visits;n=0;usual=15.7;window=90",
            "No visit in the last 90 days, usually 16 in that time",
        ),
        ("refunds;source=orders;amount=25;window=90", "Refunds of 25 in the last 90 days"),
        ("service_trouble;source=tickets;n=2;window=365", "2 service requests in the last 365 days"),
        ("contract_end;source=plans;ended=9", "The contract ended 9 days ago"),
        ("new_customer;source=orders;days=1", "Customer for only 1 day"),
        ("new_customer;source=orders;tenure=410", "Customer for 410 days, a stage with a higher risk"),
        ("silence;source=visits;last=3", "Last visit 3 days ago; the rhythm points to a higher risk"),
        (
            "low_engagement;source=visits;n=40;window=365",
            "40 visits in the last 365 days; the pattern over time points to a higher risk",
        ),
        ("campaign_response;source=contacts;none=0", "Not contacted by a campaign so far"),
        ("contract_end;source=subscriptions;without=200", "Without a contract for 200 days"),
        ("price;source=subscriptions;fee=29.9", "Pays 29.90 a month; this price level points to a higher risk"),
    ],
)
def test_sentences_with_figures(code: str, english: str) -> None:
    assert reason_sentence(code, "en") == english


def test_chinese_sentence() -> None:
    chinese = "\u5df2\u6709 61 \u5929\u672a\u4e0b\u5355\uff0c\u901a\u5e38\u6bcf 14 \u5929\u4e00\u6b21"
    assert reason_sentence("silence;source=orders;days=61;usual=14", "zh") == chinese


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_cause_has_a_sentence_without_figures(language: str) -> None:
    sentences = [reason_sentence(reason_code(cause, "orders"), language) for cause in causes()]
    assert len(set(sentences)) == len(causes())
    assert not any(mark in text for text in sentences for mark in "{};=")


def test_source_names_never_break_the_form_nor_reach_the_reader() -> None:
    code = reason_code("silence", "a;b=<script>", "days=61;usual=14")
    assert reason_sentence(code, "en") == "No activity for 61 days, usually every 14"
    named = reason_code("company_change", "log", "days=3", of_class="company")
    assert named == "company_change;source=log;class=company;days=3"


def test_column_of_reasons() -> None:
    codes = pa.array(["profile;source=customers", None, "profile;source=customers"])
    found = reason_sentences(pa.chunked_array([codes, codes]), "en").to_pylist()
    text = "The customer's profile, for example region or segment, points to a higher risk"
    assert found == [text, None, text, text, None, text]


@pytest.mark.parametrize("code", ["nothing;days=3", "silence;days", "silence;days=many;usual=3", "silence;class=x"])
def test_damaged_reasons_are_refused(code: str) -> None:
    with pytest.raises(DataError, match="not of the form cause;key=value"):
        reason_sentence(code, "en")


def test_nothing_to_say_is_empty() -> None:
    assert reason_sentence(None, "en") == reason_sentence("", "zh") == ""
