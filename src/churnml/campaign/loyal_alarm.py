"""Whether loyal customers are about to leave more than usual, and who: for their owners, not for a campaign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import stdtrit

from churnml.campaign.consent import permit
from churnml.campaign.plan import CampaignPlan
from churnml.campaign.team_list import TeamList
from churnml.exports.page import Table
from churnml.wording import LANGUAGES, figure, words

__all__ = ["DateRate", "Group", "Judgement", "judge", "loyal_list"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DateRate:
    """What became of a group at an earlier date: how many were at risk with a known outcome, how many churned."""

    day: date
    n: int
    churned: int

    @property
    def rate(self) -> float:
        """Return the share that churned."""
        return self.churned / self.n


@dataclass(frozen=True, slots=True)
class Judgement:
    """The expected rate of a group beside its usual ones.

    Parameters
    ----------
    n : int
        Members at risk now.
    expected : float or None
        Their mean probability of churn.
    usual, upper : float or None
        Mean of the earlier rates, and the end of their range; None where there is no earlier date.
    is_high : bool or None
        Whether the expected rate is above the range and above the excess asked for; None = cannot be told.
    """

    n: int
    expected: float | None
    usual: float | None
    upper: float | None
    is_high: bool | None

    def facts(self) -> dict[str, Any]:
        """Return plain values, rates rounded."""
        rates = {"expected": self.expected, "usual": self.usual, "usual_up_to": self.upper}
        rounded = {name: None if rate is None else round(rate, 6) for name, rate in rates.items()}
        return {"n": self.n, **rounded, "is_high": self.is_high}


def judge(p: Floats, earlier: Sequence[DateRate], *, excess: float, confidence: float) -> Judgement:
    """Compare the rate expected of a group with its rates at earlier dates.

    The upper end of what is usual is the one-sided prediction bound of the rate at one more date: Student's t times the
    root of the variance between dates, of the usual rate's own uncertainty, and of the mean probability over members.
    With a single earlier date there is no variance between dates, and the normal quantile holds.

    Parameters
    ----------
    p : ndarray, shape (n_members,)
        Probabilities of churn now.
    earlier : sequence of DateRate
        Dates without members are left out.
    excess : float
        The expected rate must also be so far above the usual one, 0.2 = 20 %.
    confidence : float
        Of the bound, in (0.5, 1).
    """
    known = [at for at in earlier if at.n]
    expected = float(p.mean()) if len(p) else None
    if not known or expected is None:
        return Judgement(len(p), expected, None, None, None)
    n = np.array([at.n for at in known], dtype=np.float64)
    rates = np.array([at.rate for at in known])
    usual = float(np.average(rates, weights=n))
    # An empty group of leavers is not proof of a rate of zero: half a customer is added.
    floor = max(usual, 0.5 / n.sum())
    within = floor * (1 - floor) / n.sum() + float(p.var()) / len(p)
    degrees = len(known) - 1
    between = float(rates.var(ddof=1)) * (1 + 1 / len(known)) if degrees else 0.0
    quantile = float(stdtrit(degrees or 1e6, confidence))
    upper = usual + quantile * float(np.sqrt(between + within))
    return Judgement(len(p), expected, usual, upper, bool(expected > upper and expected > usual * (1 + excess)))


@dataclass(frozen=True, slots=True)
class Group:
    """The loyal customers now, and the rates of before.

    Parameters
    ----------
    table : Table
        Loyal customers at risk: ``customer_id``, ``loyal_by``, ``tenure_days``, ``past_tier``, ``risk_band``,
        ``p_churn``, ``clv``, ``value_at_risk``, ``reason_1`` to ``reason_3``.
    judged : mapping of str to (ndarray, sequence of DateRate)
        ``loyal`` (the members), and where the rule has two parts ``tenure`` and ``tier`` alone: probabilities now, and
        the rates of earlier dates.
    everybody : sequence of DateRate
        Earlier rates of all at risk.
    p_all : ndarray
        Probabilities of all at risk now.
    rule : str
        Who is loyal, in words for people.
    """

    table: pa.Table
    judged: Mapping[str, tuple[Floats, Sequence[DateRate]]]
    everybody: Sequence[DateRate]
    p_all: Floats
    rule: str


def loyal_list(
    group: Group,
    contacts: pa.Table | None,
    *,
    plan: CampaignPlan,
    as_of: date,
    model_version: str,
    excess: float,
    confidence: float,
    least_probability: float,
) -> TeamList:
    """Judge the group and list its members at high risk, by value at risk, for their owners.

    Nobody's address or number stands in the files. Of members without an open channel, objectors among them, the id and
    the owner are named, and no name.

    Parameters
    ----------
    group : Group
    contacts : Table or None
    plan : CampaignPlan
    as_of : date
    model_version : str
    excess, confidence : float
        See :func:`judge`.
    least_probability : float
        Listed from this probability on.
    """
    # Each group is one more chance of a false alarm: the confidence asked for is that of all together.
    each = 1 - (1 - confidence) / len(group.judged)
    found = {name: judge(p, before, excess=excess, confidence=each) for name, (p, before) in group.judged.items()}
    everybody = judge(group.p_all, group.everybody, excess=excess, confidence=each)
    name = next((name for name, judgement in found.items() if judgement.is_high), "loyal")
    told = {language: _verdict(name, found[name], everybody, language) for language in LANGUAGES}
    is_high = found[name].is_high
    document = {
        "alarm": is_high,
        "verdict": told,
        "as_of": as_of.isoformat(),
        "groups": {name: judgement.facts() for name, judgement in found.items()},
        "all": everybody.facts(),
        "by_date": {
            name: [
                {"date": at.day.isoformat(), "n": at.n, "churned": at.churned, "rate": round(at.rate, 6)}
                for at in before
                if at.n
            ]
            for name, (_, before) in group.judged.items()
        },
    }
    listed = _listed(group.table, contacts, plan, least_probability)
    tone = "warning" if is_high else "note" if is_high is None else "good"
    language = plan.language
    return TeamList(
        name=plan.name,
        kind="loyal_alarm",
        plan=plan,
        as_of=as_of,
        model_version=model_version,
        files={"customers": listed},
        paragraphs=[
            (told[language], tone),
            (group.rule, ""),
            (words("loyal_alarm.listed", language, least=least_probability), ""),
            (words("loyal_alarm.for_owners", language), "note"),
        ],
        tiles=_tiles(found["loyal"], listed, language),
        tables=[(words("loyal_alarm.rates", language), _rates(found, everybody, group, language))],
        counts={"contact": 0, "holdout": 0, "excluded": 0, "listed": listed.num_rows},
        facts={"alarm": is_high, "verdict": told},
        documents={"alarm": document},
    )


def _listed(table: pa.Table, contacts: pa.Table | None, plan: CampaignPlan, least: float) -> pa.Table:
    rows = table.filter(pc.greater_equal(table["p_churn"], least))
    rows = rows.append_column("_worth", pc.fill_null(rows["value_at_risk"], -1.0))
    rows = rows.sort_by([("_worth", "descending"), ("p_churn", "descending"), ("customer_id", "ascending")])
    rows = rows.drop_columns(["_worth"]).combine_chunks()
    n = rows.num_rows
    customers = rows["customer_id"].combine_chunks() if n else pa.array([], pa.string())
    allowed = permit(customers, contacts, plan=plan)
    columns: dict[str, Any] = {"rank": pa.array(np.arange(1, n + 1)), "customer_id": rows["customer_id"]}
    if contacts is not None:
        place = pc.index_in(customers, value_set=contacts["customer_id"].combine_chunks())
        is_open = pa.array(allowed.reason == "")
        for name in ("name", "owner"):
            if name in contacts.column_names:
                texts = contacts[name].cast(pa.string()).take(place)
                columns[name] = texts if name == "owner" else pc.if_else(is_open, texts, None)
    columns |= {name: rows[name] for name in rows.column_names if name not in columns}
    columns["channel"] = pa.array(allowed.channel, pa.string(), mask=allowed.channel == "")
    empty = [name for name in ("past_tier", "clv", "value_at_risk") if n and columns[name].null_count == n]
    return pa.table({name: column for name, column in columns.items() if name not in empty})


def _verdict(name: str, group: Judgement, everybody: Judgement, language: str) -> str:
    if group.n == 0:
        return words("loyal_alarm.nobody_loyal", language)
    figures: dict[str, Any] = {"expected": group.expected, "usual": group.usual, "upper": group.upper, "n": group.n}
    figures["who"] = words(f"loyal_alarm.who_{name}", language)
    if group.is_high is None:
        return words("loyal_alarm.no_past", language, **figures)
    if not group.is_high:
        return words("loyal_alarm.quiet", language, **figures)
    key = "loyal_alarm.high_with_all" if everybody.is_high else "loyal_alarm.high_alone"
    return words(key, language, **figures, all=everybody.expected, all_usual=everybody.usual)


def _tiles(loyal: Judgement, listed: pa.Table, language: str) -> list[tuple[str, str]]:
    return [
        (words("loyal_alarm.n_loyal", language), figure(loyal.n, "whole", language)),
        (words("loyal_alarm.expected", language), figure(loyal.expected, "percent", language)),
        (words("loyal_alarm.usual", language), figure(loyal.usual, "percent", language)),
        (words("loyal_alarm.usual_up_to", language), figure(loyal.upper, "percent", language)),
        (words("loyal_alarm.n_listed", language), figure(listed.num_rows, "whole", language)),
    ]


def _rates(found: Mapping[str, Judgement], everybody: Judgement, group: Group, language: str) -> Table:
    """Return the rates of each group and of all: now, the range of what is usual, and each earlier date."""
    names = [*found, "all"]
    judged = {**found, "all": everybody}
    before = {name: {at.day: at for at in rates} for name, (_, rates) in group.judged.items()}
    before["all"] = {at.day: at for at in group.everybody}

    def line(key: str, rates: Mapping[str, float | None]) -> list[str]:
        return [key, *(figure(rates.get(name), "percent", language) for name in names)]

    rows = [
        line(words("loyal_alarm.now", language), {name: judged[name].expected for name in names}),
        line(words("loyal_alarm.usual", language), {name: judged[name].usual for name in names}),
        line(words("loyal_alarm.usual_up_to", language), {name: judged[name].upper for name in names}),
    ]
    for day in sorted(before["all"], reverse=True):
        at = {name: before[name].get(day) for name in names}
        rates = {name: rate.rate for name, rate in at.items() if rate is not None and rate.n}
        rows.append(line(figure(day, "date", language), rates))
    titles = [words("loyal_alarm.date", language), *(words(f"loyal_alarm.rate_{name}", language) for name in names)]
    places = range(1, len(titles))
    return Table(titles, rows, figures=frozenset(places), bold=frozenset((0, at) for at in places))
