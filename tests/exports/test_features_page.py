from __future__ import annotations

import base64
import hashlib
import re

import pytest
from page_reader import PageReader

from churnml.exports.features_page import features_page
from churnml.families import FAMILIES
from churnml.wording import LANGUAGES, has_words

SAMPLE = {"n_rows": 1000, "n_sampled": 900, "n_customers": 90, "dates": ["2024-01-01", "2024-02-01"]}
ENTRY = {
    "name": "orders_count_30d",
    "source": "orders",
    "family": "frequency",
    "measure": "count",
    "unit": "count",
    "window_days": 30,
    "words": {"en": "Entries in orders", "zh": "\u8ba2\u5355\u6570"},
    "missing_share": 0.25,
    "drift": 0.31,
    "largest_step": 0.12,
    "step_date": "2024-02-01",
    "range": [0.0, 2.0, 17.0],
    "flags": ["drift"],
}
PAYLOADS = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "{{ 7*7 }}",
]


def test_a_row_says_what_there_is() -> None:
    page = features_page([ENTRY], SAMPLE).decode()
    row = re.sub(r"<[^>]*>", " ", page[page.index("<tbody>") : page.index("</tbody>")])
    for text in (
        "orders_count_30d",
        "Entries in orders",
        "\u8ba2\u5355\u6570",
        "Frequency",
        "30 days",
        "25.0%",
        "0.310",
    ):
        assert text in row
    assert "0 / 2 / 17" in row
    assert "Drifts" in row
    assert "900 of 1,000 rows, of 90 customers" in page


def test_levels_stand_in_the_place_of_a_range() -> None:
    entry = {k: v for k, v in ENTRY.items() if k != "range"} | {"levels": [{"level": "web", "share": 0.5}]}
    assert "web 50.0%" in features_page([entry], SAMPLE).decode()


def test_entries_without_figures_are_shown() -> None:
    bare = {key: ENTRY[key] for key in ("name", "source", "family", "unit", "words")}
    page = features_page([bare], SAMPLE | {"dates": []}).decode()
    assert "orders_count_30d" in page
    assert "stability" not in page


def test_the_policy_allows_the_one_script_of_the_page_and_nothing_else() -> None:
    page = features_page([ENTRY], SAMPLE).decode()
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in page
    assert not re.search(r"https?://|url\(|@import|<link|\ssrc=|innerHTML|eval\(", page)


@pytest.mark.parametrize("text", PAYLOADS)
def test_every_field_is_escaped(text: str) -> None:
    hostile = {
        "name": text,
        "source": text,
        "family": text,
        "unit": text,
        "flags": [text],
        "words": {"en": text, "zh": text},
    }
    seen = PageReader(features_page([ENTRY | hostile, ENTRY | {"levels": [{"level": text, "share": 1.0}]}], SAMPLE))
    assert seen.tags.count("script") == 1
    assert "img" not in seen.tags
    assert not [name for name, _ in seen.attributes if name.startswith("on") or name in {"href", "src", "style"}]
    assert text in seen.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_language_is_the_one_asked_for(language: str) -> None:
    page = features_page([ENTRY], SAMPLE, language=language).decode()
    assert re.search(r'id="show-(\w+)" checked', page)[1] == language


def test_every_family_and_unit_has_words() -> None:
    units = ("days", "count", "money", "share", "ratio", "number", "category")
    keys = [f"dictionary.family.{name}" for name in FAMILIES] + [f"dictionary.unit.{name}" for name in units]
    assert [key for key in keys if not has_words(key)] == []
