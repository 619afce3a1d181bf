from __future__ import annotations

import re

import pyarrow as pa
import pytest
from page_reader import PageReader

from churnml.exports.charts import bar_chart, line_chart
from churnml.exports.data_check_page import data_check_page
from churnml.exports.evaluation_page import evaluation_page
from churnml.exports.page import Paragraph, Section, Table, Tiles, View, render_page, render_views

PAYLOADS = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' autofocus onfocus='alert(1)",
    "javascript:alert(1)",
    "<svg onload=alert(1)>",
    "</title></style><iframe src=//example.org>",
    "{{ 7*7 }}{% raw %}",
    "&lt;b&gt;",
    "<a href='javascript:alert(1)'>x</a>",
]
SAFE_TAGS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "article",
        "section",
        "h1",
        "h2",
        "p",
        "dl",
        "dt",
        "dd",
    ),
    *("div", "span", "i", "b", "table", "caption", "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "svg"),
    *("line", "text", "rect", "polyline", "circle", "input", "label"),
}


def full_page(text: str) -> bytes:
    blocks = [
        Paragraph(text),
        Tiles([(text, text)]),
        Table([text], [[text]], caption=text, bold=frozenset({(0, 0)})),
        line_chart(
            {text: ([0, 1], [0, 1]), "b": ([0], [1])}, title=text, note=text, language="en", x_names=[text, text]
        ),
        bar_chart([text], {text: [1.0]}, title=text, language="en", x_label=text, y_label=text),
    ]
    return render_page(text, "en", [Section(text, blocks)], lead=text)


def assert_inert(page: bytes, text: str) -> None:
    seen = PageReader(page)
    assert set(seen.tags) <= SAFE_TAGS
    assert not [name for name, _ in seen.attributes if name.startswith("on") or name in {"href", "src", "style"}]
    assert text in seen.text


@pytest.mark.parametrize("text", PAYLOADS)
def test_every_field_is_escaped(text: str) -> None:
    assert_inert(full_page(text), text)


@pytest.mark.parametrize("text", PAYLOADS)
def test_hostile_names_in_metrics_and_findings_are_escaped(text: str) -> None:
    figures = {text: 1.0, "roc_auc": 0.8}
    metrics = {"churn": {"overall": {text: figures}, "cutoffs": {text: {text: figures}}, "verdict": text, text: text}}
    assert_inert(evaluation_page(metrics, {text: {text: [1.0], "b": [1.0]}}), text)
    finding = {"rule": text, "severity": text, "meaning": {"en": text, "zh": text}, "file": text}
    assert_inert(data_check_page([finding], {text: text, "rows": [{text: text}]}), text)


def test_page_stands_alone_under_a_strict_policy() -> None:
    page = full_page("text").decode()
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page
    assert not re.search(r"https?://|url\(|@import|<script|<link", page)
    assert page.startswith("<!DOCTYPE html>")


def test_two_languages_have_a_switch_and_one_has_none() -> None:
    views = [View("Title", "en", []), View("\u6807\u9898", "zh", [])]
    both = PageReader(render_views(views))
    assert both.tags.count("article") == both.tags.count("label") == 2
    assert ("lang", "zh-Hans") in both.attributes
    assert "label" not in PageReader(render_page("Title", "en", [])).tags


def test_evaluation_page_marks_best_figures_and_keeps_dates_in_order() -> None:
    models = {"recency": {"roc_auc": 0.7, "log_loss": 0.4}, "churnml": {"roc_auc": 0.8, "log_loss": 0.5}}
    metrics = {"churn": {"overall": models, "cutoffs": {"2024-04-01": models, "2024-01-02": models}, "verdict": True}}
    page = evaluation_page(metrics, {"reliability": {"predicted": [0.1, 0.9], "observed": [0.2, 0.8]}}).decode()
    assert re.findall(r"<b>(.*?)</b>", page) == ["0.800", "0.400", "0.800", "0.800"] * 2
    assert page.index("2024-01-02") < page.index("2024-04-01")
    assert page.count("<polyline") == 6
    assert "Verdict: passed" in page


def test_evaluation_page_shows_intervals_rules_verdict_and_pictures_of_several_models() -> None:
    figures = {"roc_auc": 0.8, "roc_auc_low": 0.78, "roc_auc_high": 0.82}
    churn = {
        "overall": {"recency": {"roc_auc": 0.7}, "model": figures},
        "by_cut_off": {"2024-01-02": {"n_rows": 5, "models": {"model": {"roc_auc": 0.8}, "recency": {"roc_auc": 0.7}}}},
        "against": {"recency": {"difference": 0.1, "low": 0.05, "high": 0.15}},
        "absent": {"bgnbd": "no purchases"},
        "verdict": {"ok": False, "reasons": ["worse"], "warnings": ["ece 0.2"]},
        "best_rule": "recency",
    }
    rows = {"model": ["recency", "model"] * 2, "fraction_contacted": [0, 0, 1, 1], "fraction_captured": [0, 0, 1, 1]}
    page = evaluation_page({"churn": churn}, {"gains": pa.table(rows), "roc": {"model": []}}).decode()
    for text in (
        "0.800\n(0.780\u20130.820)",
        "0.050",
        "no purchases",
        "Verdict: not passed",
        "ece 0.2",
        "Recency rule",
    ):
        assert text in page
    assert page.count("<polyline") == 4


@pytest.mark.parametrize(
    "metrics",
    [
        {},
        {"churn": {}},
        {"churn": {"overall": {"roc_auc": 0.8}}},
        {"clv": {"overall": {"churnml": {"gini": float("nan"), "total_ratio": -1.0}, "b": {}}}, "n": 3},
        {"churn": {"cutoffs": {"2024": {"churnml": {}}}, "verdict": {"passed": False, "reasons": ["a", "b"]}}},
        {"churn": None, "clv": 3},
    ],
)
def test_evaluation_page_takes_whatever_is_there(metrics: dict[str, object]) -> None:
    assert evaluation_page(metrics, {"clv_deciles": {"decile": [1.0], "predicted": [2.0], "actual": [1.5]}})
    assert evaluation_page(metrics, language="zh").index(b"zh-Hans") < 100


@pytest.mark.parametrize(
    ("share", "english", "chinese"),
    [
        (0.123, "Contacting about the first 12.3% of customers", "\u8054\u7cfb\u524d 12.3%"),
        (0.0, "Contacting nobody earns most", "\u4e0d\u8054\u7cfb\u4efb\u4f55\u5ba2\u6237"),
    ],
)
def test_evaluation_page_says_how_many_to_contact(share: float, english: str, chinese: str) -> None:
    seen = PageReader(evaluation_page({"churn": {"overall": {"churnml": {"empc": 3.5, "empc_share": share}}}})).text
    assert english in seen
    assert chinese in seen
    assert "earns most" not in evaluation_page({"churn": {"overall": {"churnml": {"empc": 3.5}}}}).decode()


def test_data_check_page_puts_errors_first_and_says_when_all_is_well() -> None:
    findings = [{"rule": "r.info", "severity": "info"}, {"rule": "r.error", "severity": "error", "share": 0.25}]
    page = data_check_page(findings, {"tables": [{"table": "orders", "rows": 1200}]}).decode()
    assert page.index("r.error") < page.index("r.info")
    assert "25.0%" in page
    assert "1,200" in page
    assert b"every rule holds" in data_check_page([], {})


@pytest.mark.parametrize(("is_later", "said"), [(True, "Tested out of time"), (False, "Not tested out of time")])
def test_evaluation_says_whether_it_was_tested_on_later_dates(is_later: bool, said: str) -> None:
    metrics = {"churn": {"overall": {"churnml": {"roc_auc": 0.8}}, "is_out_of_time": is_later}}
    assert said in evaluation_page(metrics).decode()


SLICE = {"by": "tenure", "group": "over_2_years", "n_customers": 250, "mean_outcome": 0.1}
TOLD = {
    "overall": {"churnml": {"roc_auc": 0.8, "capture": 0.6}, "recency": {"roc_auc": 0.7, "capture": 0.4}},
    "against": {"recency": {"difference": 0.1, "low": 0.05, "high": 0.15}},
    "best_rule": "recency",
    "fraction": 0.1,
    "verdict": {"ok": False, "reasons": [{"rule": "gate.ece", "en": "in English", "zh": "\u4e2d\u6587"}]},
    "calibration": {"cut_off": "2024-01-02", "n_rows": 500, "slope": 0.9, "slope_low": 0.8, "slope_high": 1.0},
    "slices": [
        {**SLICE, "is_enough": True, "roc_auc": 0.75, "roc_auc_low": 0.7, "roc_auc_high": 0.8, "total_ratio": 1.1},
        {**SLICE, "group": "under_90_days", "n_customers": 40, "is_enough": False},
    ],
    "min_group": 100,
    "hidden_groups": {"customers_country": 2},
    "weights": {"2024-01-02": {"trees": 0.75, "logistic": 0.25}},
    "agreement": {"contradictions": 0.125, "n_rows": 400},
    "reasons": {
        "n_rows": 900,
        "beats_other": 0.93,
        "beats_other_low": 0.91,
        "beats_other_high": 0.95,
        "drop": 0.12,
        "drop_low": 0.11,
        "drop_high": 0.13,
        "drop_other": 0.01,
        "drop_other_low": 0.008,
        "drop_other_high": 0.012,
        "is_first_kept": 0.7,
        "is_first_kept_low": None,
        "is_first_kept_high": None,
        "kept": None,
    },
    "lead_time": {"churnml": {"lead_days": [90.0, 150.0], "fraction_listed": [0.6, 0.2], "n_churners": 50}},
}


@pytest.mark.parametrize(
    "said",
    [
        "a list of 10% of the customers found 60 by churnml and 40 by the best simple rule (Recency rule)",
        "0.100\n(0.050\u20130.150)",
        "in English",
        "\u4e2d\u6587",
        "0.800\u20131.000",
        "0.750\n(0.700\u20130.800)",
        "too few to judge",
        "fewer than 100 customers",
        "2 groups of customers country",
        "boosted trees 75%, logistic regression 25%",
        "12.5% (400 customers",
        "in 93% (91%\u201395%) of comparisons: by 12.0% (11.0%\u201313.0%) on average, against 1.0% (0.8%\u20131.2%)",
        "Of 50 customers who left, 20% had been on a list 150 days or more",
    ],
)
def test_evaluation_page_tells_what_is_added_and_how_sure_it_is(said: str) -> None:
    assert said in PageReader(evaluation_page({"churn": TOLD})).text


def test_evaluation_page_says_nothing_of_reasons_that_were_not_checked() -> None:
    assert "Do the reasons carry" in PageReader(evaluation_page({"churn": TOLD})).text
    assert "Do the reasons last" not in PageReader(evaluation_page({"churn": TOLD})).text
    kept = {**TOLD["reasons"], "is_first_kept_low": 0.6, "is_first_kept_high": 0.8}
    kept |= {"kept": 0.5, "kept_low": 0.4, "kept_high": 0.6}
    assert "70% (60%\u201380%) of these" in PageReader(evaluation_page({"churn": {**TOLD, "reasons": kept}})).text
    assert "Do the reasons" not in PageReader(evaluation_page({"churn": {**TOLD, "reasons": None}})).text


def test_evaluation_page_puts_the_rules_in_order_and_draws_few_of_them() -> None:
    models = {name: {"roc_auc": area} for name, area in zip("abcdef", (0.5, 0.9, 0.6, 0.7, 0.55, 0.65), strict=True)}
    columns = {"model": [*models, "churnml"], "fraction_contacted": [0.0] * 7, "fraction_captured": [0.0] * 7}
    found = {"overall": {**models, "churnml": {"roc_auc": 0.8}}, "against": {name: {} for name in models}}
    page = evaluation_page({"churn": found}, {"gains": columns}).decode()
    rows = re.findall(r"<tr><td>(\w+)</td>", page[page.index("Beside the simple rules") :])
    assert rows[:7] == ["churnml", "b", "d", "f", "c", "e", "a"]
    assert page.count("<polyline") == 2 * 5
