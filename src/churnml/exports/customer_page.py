"""The file of one customer as a page: what to know before the talk first, then everything behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from churnml.exports.charts import Chart, bar_chart, line_chart, sparse_names
from churnml.exports.page import Block, Paragraph, Section, Table, Tiles, View, render_views
from churnml.timeline import iso_to_date
from churnml.wording import figure, has_words, languages_from, words

__all__ = ["customer_page", "customer_view"]

Found = Mapping[str, Any]
_N_CHARTS = 4


def customer_page(found: Found, *, language: str = "en") -> bytes:
    """Return the file of a customer as one self-contained page in English and Chinese.

    Parameters
    ----------
    found : mapping
        As :func:`churnml.relationship.customer.file.customer_file` returns it.
    language : str, optional
        The language shown first.
    """
    return render_views([customer_view(found, each) for each in languages_from(language)])


def customer_view(found: Found, language: str) -> View:
    """Return the page in one language."""
    made = (
        ("glance", _glance),
        ("why", _why),
        ("open", _open),
        ("risk", _risk_over_time),
        ("lists", _lists),
        ("contacts", _contacts),
        ("history", _history),
        ("contracts", _contracts),
        ("answers", _answers),
        ("latest", _latest),
        ("changes", _changes),
        ("missing", _missing),
    )
    parts = [(words(f"customer.{name}", language), list(part(found, language))) for name, part in made]
    sections = [Section(heading, blocks) for heading, blocks in parts if blocks]
    title = words("customer.title", language, customer=found["customer_id"])
    lead = words("customer.lead", language, day=_date(found["as_of"]))
    return View(title, language, sections, lead)


def _date(text: str | None) -> date | None:
    return iso_to_date(text) if text else None


def _day(text: str | None, language: str) -> str:
    return figure(_date(text), "date", language)


def _named(family: str, code: str | None, language: str) -> str:
    """Return the catalogue's words for a code, else the code: the project's own names are not translated."""
    return words(f"{family}.{code}", language) if code and has_words(f"{family}.{code}") else code or ""


def _headers(language: str, *names: str) -> list[str]:
    return [words(f"customer.col_{name}", language) for name in names]


def _glance(found: Found, language: str) -> Iterator[Block]:
    risk, value, loyalty = found["risk"], found["value"], found["loyalty"]

    def money(amount: object) -> str:
        return figure(amount, "money", language, currency=found["currency"])

    tiles = [
        (words("column.risk_band", language), _named("risk_band", risk["risk_band"], language)),
        (words("column.p_churn", language), figure(risk["p_churn"], "percent", language)),
        (words("column.p_leave", language), figure(risk["p_leave"], "percent", language)),
        (words("column.value_tier", language), value["value_tier"] or ""),
        (words("customer.clv", language), money(value["clv"])),
        (words("customer.clv_range", language), f"{money(value['clv_low'])} \N{EN DASH} {money(value['clv_high'])}"),
        (words("customer.at_risk", language), money(value["value_at_risk"])),
        (words("customer.tenure", language), figure(loyalty["tenure_days"], "days", language)),
        (words("customer.contracts_in_force", language), figure(loyalty["contracts_in_force"], "whole", language)),
    ]
    is_absent = {words("customer.clv_range", language): value["clv_low"] is None}
    yield Tiles([(n, t) for n, t in tiles if t and t != figure(None, "whole", language) and not is_absent.get(n)])
    if risk["contact_by"]:
        yield Paragraph(words("customer.contact_by", language, day=_date(risk["contact_by"])), "note")
    rows = [[name, _plain(value, language)] for name, value in found["attributes"].items()]
    if rows:
        yield Table(_headers(language, "attribute", "content"), rows)


def _why(found: Found, language: str) -> Iterator[Block]:
    rows = [
        [
            each["sentence"][language],
            words(f"cause.{each['cause']}", language),
            words(f"control.{each['control']}", language),
        ]
        for each in found["reasons"]
    ]
    if rows:
        yield Table(_headers(language, "reason", "cause", "control"), rows, wide=frozenset({0}))


def _open(found: Found, language: str) -> Iterator[Block]:
    for each in found["open_issues"]:
        told = {"table": each["table"], "day": _date(each["day"])}
        told |= {name: each[name] for name in ("n", "score", "measure", "overdue") if name in each}
        yield Paragraph(words(f"customer.open_{each['kind']}", language, **told), "warning")
    if not found["open_issues"]:
        yield Paragraph(words("customer.open_none", language))


def _risk_over_time(found: Found, language: str) -> Iterator[Block]:
    seen = [each for each in found["risk"]["over_time"] if each["p_churn"] is not None]
    if not seen:
        return
    yield Paragraph(words("customer.risk_note", language), "note")
    rows = [
        [
            _day(each["date"], language),
            figure(each["p_churn"], "percent", language),
            words(f"customer.basis_{each['basis']}", language),
        ]
        for each in reversed(seen)
    ]
    yield Table(_headers(language, "day", "p_churn", "basis"), rows, figures=frozenset({1}))
    if len(seen) > 1:
        name = words("column.p_churn", language)
        yield line_chart(
            {name: (list(range(len(seen))), [each["p_churn"] for each in seen])},
            title=words("customer.risk", language),
            language=language,
            y_label=name,
            y_kind="portion",
            x_names=sparse_names([each["date"][:7] for each in seen], most=7),
        )


def _lists(found: Found, language: str) -> Iterator[Block]:
    rows = []
    for each in found["lists"]:
        why = _named("exclusion", each["exclusion"], language)
        what = " · ".join(
            text
            for text in (_named("action", each["action"], language), _named("channel", each["channel"], language), why)
            if text
        )
        gain = figure(each["expected_gain"], "money", language, currency=found["currency"])
        rows.append(
            [_day(each["as_of"], language), each["campaign"], _decision(each["decision"], language), what, gain],
        )
    if rows:
        headers = _headers(language, "day", "campaign", "decision", "what", "gain")
        yield Table(headers, rows, figures=frozenset({4}), wide=frozenset({3}))


def _contacts(found: Found, language: str) -> Iterator[Block]:
    rows = [
        [
            _day(each["day"], language),
            each["campaign"],
            words(f"follow_up.{each['outcome']}", language),
            _named("channel", each["channel"], language),
            each["owner"] or "",
        ]
        for each in found["contacts"]
    ]
    if rows:
        yield Table(_headers(language, "day", "campaign", "outcome", "channel", "by"), rows)


def _decision(code: str, language: str) -> str:
    return words(f"customer.decision_{code}", language) if has_words(f"customer.decision_{code}") else code


def _history(found: Found, language: str) -> Iterator[Block]:
    rows = []
    for each in found["history"]:
        rows.append(
            [
                each["table"],
                figure(each["rows"], "whole", language),
                figure(each["rows_365d"], "whole", language),
                _day(each.get("first"), language),
                _day(each.get("last"), language),
                *(_amount(each.get(name), language) for name in ("amount", "amount_365d", "refunded")),
                _levels(each.get("levels", {})),
            ]
        )
    names = ("table", "rows", "rows_year", "first", "last", "amount", "amount_year", "refunded", "levels")
    yield Table(_headers(language, *names), rows, figures=frozenset({1, 2, 5, 6, 7}), wide=frozenset({8}))
    busiest = sorted(found["quarters"], key=lambda name: -sum(each["rows"] for each in found["quarters"][name]))
    for name in busiest[:_N_CHARTS]:
        chart = _quarters(name, found["quarters"][name], language)
        if chart is not None:
            yield chart


def _quarters(name: str, quarters: Sequence[Found], language: str) -> Chart | None:
    if len(quarters) < 2:
        return None
    told = words("customer.col_rows", language)
    return bar_chart(
        sparse_names([each["quarter"] for each in quarters], most=6),
        {told: [float(each["rows"]) for each in quarters]},
        title=words("customer.by_quarter", language, table=name),
        language=language,
        y_label=told,
    )


def _levels(levels: Mapping[str, Sequence[Found]]) -> str:
    told = (
        f"{column}: " + ", ".join(f"{each['level']} ({each['rows']})" for each in some)
        for column, some in levels.items()
        if some
    )
    return "; ".join(told)


def _amount(text: str | None, language: str) -> str:
    return figure(None if text is None else float(text), "number", language)


def _contracts(found: Found, language: str) -> Iterator[Block]:
    rows = [
        [
            each["table"],
            _plain_values(each["values"]),
            _day(each["start"], language),
            _day(each["end"], language) if each["end"] else words("customer.in_force", language),
            _day(each["planned_end"], language),
            _amount(each["amount"], language),
            each["end_reason"] or "",
        ]
        for each in found["contracts"]
    ]
    if rows:
        names = ("table", "content", "start", "end", "planned_end", "fee", "end_reason")
        yield Table(_headers(language, *names), rows, figures=frozenset({5}))


def _answers(found: Found, language: str) -> Iterator[Block]:
    rows = [
        [
            _day(each["day"], language),
            f"{each['table']}: {each['measure']}",
            figure(each["score"], "rate", language) + (f" / {each['of']:g}" if each["of"] else ""),
            words("customer.low" if each["low"] else "customer.not_low", language),
        ]
        for each in found["loyalty"]["answers"]
    ]
    if rows:
        yield Table(_headers(language, "day", "question", "score", "result"), rows, figures=frozenset({2}))


def _latest(found: Found, language: str) -> Iterator[Block]:
    rows = [
        [_day(each["day"], language), each["table"], _amount(each["amount"], language), _plain_values(each["values"])]
        for each in found["latest"]
    ]
    if rows:
        yield Table(_headers(language, "day", "table", "amount", "content"), rows, figures=frozenset({2}))


def _changes(found: Found, language: str) -> Iterator[Block]:
    rows = [
        [_day(each["day"], language), each["type"] or each["table"], each["scope"] or words("customer.all", language)]
        for each in found["company_changes"]
    ]
    if rows:
        yield Table(_headers(language, "day", "change", "scope"), rows)


def _missing(found: Found, language: str) -> Iterator[Block]:
    for name in found["missing"]:
        yield Paragraph(words(f"customer.missing_{name}", language), "note")


def _plain(value: object, language: str) -> str:
    return figure(value, "rate", language) if isinstance(value, float) else str(value)


def _plain_values(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {_plain(value, 'en')}" for name, value in values.items())
