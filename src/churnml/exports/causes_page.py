"""The page of the cause ledger: how much of the loss could have been prevented, by whom, and at what price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from churnml.exports.charts import bar_chart
from churnml.exports.page import Block, Paragraph, Section, Table, Tiles, View, render_views
from churnml.timeline import iso_to_date
from churnml.wording import figure, languages_from, words

__all__ = ["causes_page"]

Found = Mapping[str, Any]


def causes_page(found: Found, *, language: str = "en") -> bytes:
    """Return the report as one self-contained page in English and Chinese.

    Parameters
    ----------
    found : mapping
        As :func:`churnml.flow.causes.make_causes` returns it.
    language : str, optional
        The language shown first.
    """
    return render_views([_view(found, each) for each in languages_from(language)])


def _view(found: Found, language: str) -> View:
    lead = words("causes.lead", language, day=iso_to_date(found["as_of"]), days=found["within_days"])
    made = (
        ("glance", _glance),
        ("by_cause", _by_cause),
        ("by_source", _by_source),
        ("cost", _cost),
        ("goal", _goal),
        ("handover", _handover),
    )
    parts = [(words(f"causes.{name}", language), list(part(found, language))) for name, part in made]
    sections = [Section(heading, blocks) for heading, blocks in parts if blocks]
    return View(words("causes.title", language), language, sections, lead)


def _money(text: str, found: Found, language: str) -> str:
    return figure(float(text), "money", language, currency=found["currency"])


def _glance(found: Found, language: str) -> Iterator[Block]:
    if not found["is_dated"]:
        yield Paragraph(words("causes.not_dated", language), "warning")
        return
    n = found["losses"]
    if not n:
        yield Paragraph(words("causes.none", language), "good")
        return
    by_control = found["by_control"]
    tiles = [(words("causes.losses", language), figure(n, "whole", language))]
    for control, each in by_control.items():
        share = figure(each["losses"] / n, "percent", language)
        count = figure(each["losses"], "whole", language)
        tiles.append((words(f"causes.control_{control}", language), f"{count} ({share})"))
    yield Tiles(tiles)
    preventable = by_control.get("controllable", {"losses": 0})["losses"]
    told = {"n": preventable, "all": n, "share": preventable / n, "returned": found["returned"]}
    told["model"] = found["controllable_by_model"]
    yield Paragraph(words("causes.summary", language, **told))
    if found["unmapped"]:
        yield Paragraph(words("causes.unmapped", language, n=found["unmapped"]), "note")


def _by_cause(found: Found, language: str) -> Iterator[Block]:
    rows = [
        [
            words(f"causes.cause_{cause}", language),
            figure(each["losses"], "whole", language),
            figure(each["losses"] / found["losses"], "percent", language),
            _money(each["cost"], found, language),
        ]
        for cause, each in sorted(found["by_cause"].items(), key=lambda item: -item[1]["losses"])
    ]
    if rows:
        yield _table(("cause", "losses", "share", "cost"), rows, language)
        counts = [float(each["losses"]) for each in found["by_control"].values()]
        yield bar_chart(
            [words(f"causes.short_{control}", language) for control in found["by_control"]],
            {words("causes.losses", language): counts},
            title=words("causes.by_control", language),
            language=language,
            y_label=words("causes.losses", language),
        )


def _by_source(found: Found, language: str) -> Iterator[Block]:
    rows = [
        [words(f"causes.source_{source}", language), figure(each["losses"], "whole", language)]
        for source, each in found["by_source"].items()
    ]
    if not rows:
        return
    yield Table([words("causes.head_source", language), words("causes.head_losses", language)], rows, frozenset({1}))
    sure, n = found["model_confidence"], found["model_compared"]
    if sure is None:
        yield Paragraph(words("causes.model_not_compared", language, n=n), "note")
    else:
        yield Paragraph(words("causes.model_compared", language, n=n, share=sure), "note")


def _cost(found: Found, language: str) -> Iterator[Block]:
    if not found["losses"]:
        return
    cost = found["cost"]
    rows = [[words(f"causes.cost_{part}", language), _money(cost[part], found, language)] for part in cost]
    last = len(rows) - 1
    yield Table(["", words("causes.head_cost", language)], rows, frozenset({1}), frozenset({(last, 0), (last, 1)}))
    yield Paragraph(words("causes.cost_note", language), "note")


def _goal(found: Found, language: str) -> Iterator[Block]:
    goal = found["goal"]
    if goal is None:
        return
    told = {name: goal[name] for name in ("customers", "expected", "allowed")}
    days = goal["horizon_days"]
    yield Paragraph(words("causes.goal_text", language, days=days, rate=goal["loss_rate"], **told))
    if not goal["loss_rate"]:
        yield Paragraph(words("causes.goal_zero", language), "warning")
    rows = [
        [
            part["owner"] or words("causes.goal_pooled", language),
            part["team"],
            figure(part["customers"], "whole", language),
            figure(part["expected"], "rate", language),
            figure(part["allowed"], "whole", language),
        ]
        for part in goal["by_owner"]
    ]
    total = (figure(told["customers"], "whole", language), figure(told["expected"], "rate", language))
    rows += [_team_row(team, language) for team in goal["by_team"] if team["team"]]
    rows.append([words("causes.goal_total", language), "", *total, figure(told["allowed"], "whole", language)])
    headers = [words(f"causes.head_{name}", language) for name in ("owner", "team", "customers", "expected", "allowed")]
    bold = frozenset((len(rows) - 1, column) for column in range(5))
    yield Table(headers, rows, frozenset({2, 3, 4}), bold)


def _team_row(team: Found, language: str) -> list[str]:
    counts = (figure(team["customers"], "whole", language), figure(team["expected"], "rate", language))
    name = words("causes.goal_team", language, team=team["team"])
    return [name, team["team"], *counts, figure(team["allowed"], "whole", language)]


def _table(names: tuple[str, ...], rows: list[list[str]], language: str) -> Table:
    return Table([words(f"causes.head_{name}", language) for name in names], rows, frozenset(range(1, len(names))))


def _handover(found: Found, language: str) -> Iterator[Block]:
    told = found.get("handover")
    if told is None:
        if found["is_dated"]:
            yield Paragraph(words("handover.missing", language), "note")
        return
    named = {"table": told["table"], "column": told["column"], "days": told["days"]}
    yield Paragraph(words("handover.text", language, n=told["at_risk"], **named))
    yield Paragraph(_left_after(told, language))
    rows = [_handed_row(row, found, language) for row in told["by_owner"]]
    if rows:
        names = ("owner", "has_left", "at_risk", "median_days", "value_at_risk", "followed", "lost", "share")
        headers = [words(f"handover.head_{name}", language) for name in names]
        yield Table(headers, rows, frozenset(range(2, len(names))))
        yield Paragraph(words("handover.note", language, days=told["days"]), "note")


def _left_after(told: Found, language: str) -> str:
    shares = [told["all"], told["others"]]
    if any(each["share"] is None for each in shares):
        return words("handover.too_few", language, n=told["all"]["followed"])
    figures = {f"{name}{place}": each[name] for place, each in enumerate(shares) for name in ("share", "low", "high")}
    return words("handover.compared", language, days=told["days"], n=told["all"]["followed"], **figures)


def _handed_row(row: Found, found: Found, language: str) -> list[str]:
    owner = row["owner"] or words("handover.pooled", language, n=row["owners"])
    left = "" if row["has_left"] is None else words("yes_no.yes" if row["has_left"] else "yes_no.no", language)
    value = row["value_at_risk"]
    share = figure(row["share"], "percent", language)
    if row["share"] is not None:
        low, high = (figure(row[end], "percent", language) for end in ("low", "high"))
        share = f"{share} ({low} \N{EN DASH} {high})"
    return [
        owner,
        left,
        figure(row["at_risk"], "whole", language),
        figure(row["median_days"], "whole", language),
        "" if value is None else figure(value, "money", language, currency=found["currency"]),
        figure(row["followed"], "whole", language),
        figure(row["lost"], "whole", language),
        share,
    ]
