"""Roles that a project has not declared, read off the names of its tables and columns; each says that it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from churnml.histories.store import TableInfo
from churnml.relationship.roles import MembershipRole, ReferralRole, SurveyRole, TicketRole

__all__ = [
    "likely_lines",
    "likely_membership",
    "likely_owners",
    "likely_referral",
    "likely_surveys",
    "likely_tickets",
    "satisfied_from",
    "scale_of",
]

Tables = Mapping[str, TableInfo]
Scale = tuple[float, float]

_NPS = re.compile(r"nps|recommend|推荐|net_?promoter", re.IGNORECASE)
_CSAT = re.compile(r"csat|satisf|满意|stars?$|^stars|rating|评分", re.IGNORECASE)
_SCORE = re.compile(r"^(score|grade|mark|answer|overall)$|_score$|得分", re.IGNORECASE)
_SURVEY = re.compile(r"survey|feedback|review|questionnaire|rating|csat|nps|问卷|评价|调查|满意", re.IGNORECASE)
_TICKET = re.compile(
    r"ticket|complaint|support|helpdesk|service_?request|cases?$|incident|工单|投诉|客诉", re.IGNORECASE
)
_ANSWER = re.compile(r"answer|repl|respon|resol|clos|回复|处理", re.IGNORECASE)
_TIME = re.compile(r"hour|minute|respon|resol|duration|handl|days?_to|time_to|时长|小时|分钟", re.IGNORECASE)
_MINUTES = re.compile(r"minute|_min(s)?$|分钟", re.IGNORECASE)
_DAYS = re.compile(r"days?$|days?_to|天", re.IGNORECASE)
_AGAIN = re.compile(r"re-?_?open|again|重开|重复", re.IGNORECASE)
_MEMBER = re.compile(r"member|loyal|club|prime|subscri|会员|订阅", re.IGNORECASE)
_SOURCE = re.compile(r"channel|source|acqui|refer|origin|渠道|来源", re.IGNORECASE)
_REFERRED = re.compile(r"refer|recommend|friend|word.?of.?mouth|推荐|转介|朋友|老带新", re.IGNORECASE)
_LINE = re.compile(r"product|categor|line|brand|plan|tariff|article_?group|品类|产品|商品|套餐", re.IGNORECASE)
_OWNER = re.compile(
    r"owner|(account|relationship|client|customer)_?manager|advis[eo]r|caretaker|betreuer|负责人|客户经理|顾问|管户",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(r"assign|hand_?over|owner|portfolio|coverage|分配|移交|归属|管户", re.IGNORECASE)

SCALES: tuple[Scale, ...] = ((1, 5), (0, 5), (1, 7), (1, 10), (0, 10), (0, 100))
"""Scales that surveys use, the narrowest first."""


def likely_surveys(tables: Tables, scale: Callable[[str, str], Scale | None]) -> tuple[SurveyRole, ...]:
    """Return the number columns that hold answers to surveys.

    Parameters
    ----------
    tables : mapping of str to TableInfo
    scale : callable
        Takes table and column and returns the scale that its values fit, or None.
    """
    found = []
    for info in _events(tables):
        for column in info.numbers:
            kind = _survey_kind(info.name, column)
            fits = scale(info.name, column) if kind else None
            if kind == "nps" and fits is not None and fits[1] <= 10:
                found.append(SurveyRole(info.name, column, "nps", (0.0, 10.0), 9.0, "recognised"))
            elif kind == "csat" and fits is not None:
                found.append(SurveyRole(info.name, column, "csat", fits, satisfied_from(fits), "recognised"))
    return tuple(found)


def _survey_kind(table: str, column: str) -> str:
    if _NPS.search(column):
        return "nps"
    if _CSAT.search(column) or (_SURVEY.search(table) and _SCORE.search(column)):
        return "csat"
    return ""


def scale_of(low: float, high: float) -> Scale | None:
    """Return the narrowest usual scale that holds all values, None where none does.

    Examples
    --------
    >>> scale_of(1, 5), scale_of(0, 9), scale_of(-3, 8)
    ((1, 5), (0, 10), None)
    """
    return next((scale for scale in SCALES if scale[0] <= low and high <= scale[1]), None)


def satisfied_from(scale: Scale) -> float:
    """Return the lowest satisfied score where the project names none: the upper two of five, three of ten, 75 of 100.

    Examples
    --------
    >>> satisfied_from((1, 5)), satisfied_from((0, 10)), satisfied_from((1, 7)), satisfied_from((0, 100))
    (4.0, 8.0, 6.0, 75.0)
    """
    known = {5: 4.0, 7: 6.0, 10: 8.0, 100: 75.0}
    low, high = scale
    return known.get(int(high), low + 0.75 * (high - low))


def likely_owners(tables: Tables, *, leave_out: Iterable[str] = ()) -> tuple[str, str] | None:
    """Return table and category that tell who looked after a customer from when on, or None.

    A table of spells goes before one of events; of events, only one whose name says that it is of assignments.
    """
    left_out = set(leave_out)
    known = [info for info in tables.values() if info.name not in left_out and not _TICKET.search(info.name)]
    spells = [info for info in known if info.kind == "spells"]
    events = [info for info in known if info.kind == "events" and _ASSIGNED.search(info.name)]
    for info in (*sorted(spells, key=lambda one: not _ASSIGNED.search(one.name)), *events):
        column = _first(info.categories, _OWNER)
        if column:
            return info.name, column
    return None


def likely_tickets(tables: Tables, *, sla_hours: float) -> TicketRole | None:
    """Return the table of tickets, with its answers, or None."""
    spells = [info for info in tables.values() if info.kind == "spells" and _TICKET.search(info.name)]
    if spells:
        info = spells[0]
        again = _first(info.numbers, _AGAIN)
        return TicketRole(info.name, is_spells=True, reopened=again, sla_hours=sla_hours, source="recognised")
    events = [info for info in _events(tables) if _TICKET.search(info.name) and not _ANSWER.search(info.name)]
    if not events:
        return None
    info = events[0]
    others = [one for one in _events(tables) if one.name != info.name and _is_answers(one)]
    within = _first(info.numbers, _TIME)
    answers = "" if within or not others else others[0].name
    holder = tables[answers] if answers else info
    hours = within or _first(holder.numbers, _TIME)
    return TicketRole(
        info.name,
        answers=answers,
        hours=hours,
        reopened=_first(holder.numbers, _AGAIN),
        unit_hours=1 / 60 if _MINUTES.search(hours) else 24.0 if _DAYS.search(hours) else 1.0,
        sla_hours=sla_hours,
        source="recognised",
    )


def _is_answers(info: TableInfo) -> bool:
    """Return whether a table holds the company's answers: named so, with a time they took."""
    return bool(_ANSWER.search(info.name)) and not _SURVEY.search(info.name) and bool(_first(info.numbers, _TIME))


def likely_membership(tables: Tables) -> MembershipRole | None:
    """Return the spells table of memberships or subscriptions, or None."""
    names = [info.name for info in tables.values() if info.kind == "spells" and _MEMBER.search(info.name)]
    return MembershipRole(names[0], "recognised") if names else None


def likely_referral(tables: Tables, levels: Callable[[str, str], Sequence[str]]) -> ReferralRole | None:
    """Return the category of the customers that says who came by recommendation, or None.

    Parameters
    ----------
    tables : mapping of str to TableInfo
    levels : callable
        Takes table and category and returns its levels.
    """
    for info in tables.values():
        if info.kind == "customers":
            for column in (name for name in info.categories if _SOURCE.search(name)):
                values = tuple(level for level in levels(info.name, column) if _REFERRED.search(level))
                if values:
                    return ReferralRole(info.name, column, values, "recognised")
    return None


def likely_lines(tables: Tables, purchases: str) -> tuple[tuple[str, str], ...]:
    """Return table and category of product lines: of purchases, and of spells."""
    found = []
    for info in tables.values():
        if info.name == purchases or info.kind == "spells":
            found += [(info.name, column) for column in info.categories if _LINE.search(column)]
    return tuple(found)


def _events(tables: Tables) -> list[TableInfo]:
    return [info for info in tables.values() if info.kind == "events"]


def _first(names: Iterable[str], pattern: re.Pattern[str]) -> str:
    return next((name for name in names if pattern.search(name)), "")
