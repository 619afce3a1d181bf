"""The page on the work: what of the lists is done, what is open, what is overdue, and by whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from churnml.exports.charts import bar_chart
from churnml.exports.page import Block, Paragraph, Section, Table, Tiles, View, render_views
from churnml.timeline import iso_to_date
from churnml.wording import figure, languages_from, words

__all__ = ["follow_up_page"]

Found = Mapping[str, Any]
_SHOWN = ("listed", "accepted", "refused", "done", "carried", "not_reached", "untouched", "open", "overdue")
_SETTLED = ("accepted", "refused", "done")
_MOST_LISTS = 30
_MOST_BARS = 12


def follow_up_page(report: Found, *, language: str) -> bytes:
    """Return the report as one self-contained page in English and Chinese; it names owners, and no customer.

    Parameters
    ----------
    report : mapping
        As :func:`churnml.flow.outcomes.import_outcomes` returns it.
    language : str
        The language shown first.
    """
    return render_views([_view(report, each) for each in languages_from(language)])


def _view(report: Found, language: str) -> View:
    made = (("glance", _glance), ("by_owner", _by_owner), ("by_list", _by_list), ("files", _files))
    parts = [(words(f"follow_up.{name}", language), list(part(report, language))) for name, part in made]
    sections = [Section(heading, blocks) for heading, blocks in parts if blocks]
    lead = words("follow_up.lead", language, day=iso_to_date(report["as_of"]))
    return View(words("follow_up.title", language), language, sections, lead)


def _rate(counts: Found) -> float | None:
    reached = sum(counts[name] for name in _SETTLED)
    return reached / counts["tried"] if counts["tried"] else None


def _glance(report: Found, language: str) -> Iterator[Block]:
    total = report["total"]
    tiles = [(words("follow_up.listed", language), figure(total["listed"], "whole", language))]
    tiles += [(words("follow_up.reached_rate", language), figure(_rate(total), "percent", language))]
    tiles += [
        (words(f"follow_up.{name}", language), figure(total[name], "whole", language))
        for name in ("accepted", "refused", "open", "overdue")
    ]
    yield Tiles(tiles)
    reached = sum(total[name] for name in _SETTLED)
    told = {name: total[name] for name in ("listed", "carried", "open", "overdue")}
    yield Paragraph(words("follow_up.sums", language, reached=reached, **told))
    if total["held_out_reached"]:
        told = {"n": total["held_out_reached"], "all": total["held_out"]}
        yield Paragraph(words("follow_up.breach", language, **told), "warning")
    elif total["held_out"]:
        yield Paragraph(words("follow_up.no_breach", language, all=total["held_out"]), "good")
    if total["held_out_tried"]:
        yield Paragraph(words("follow_up.tried", language, n=total["held_out_tried"]), "note")


def _by_owner(report: Found, language: str) -> Iterator[Block]:
    owners = sorted({row["owner"] for row in report["owners"] if row["listed"]})
    if not owners:
        return
    if owners == [""]:
        yield Paragraph(words("follow_up.no_owners", language), "note")
        return
    names = (*_SHOWN, "tried")
    sums = {
        owner: {name: sum(row[name] for row in report["owners"] if row["owner"] == owner) for name in names}
        for owner in owners
    }
    rows = [[owner or words("follow_up.nobody", language), *_cells(counts, language)] for owner, counts in sums.items()]
    total = {name: sum(counts[name] for counts in sums.values()) for name in names}
    rows.append([words("follow_up.total", language), *_cells(total, language)])
    yield _table("owner", rows, language, is_summed=True)
    busiest = sorted(owners, key=lambda owner: (-sums[owner]["open"], owner))[:_MOST_BARS]
    if total["open"] and len(owners) > 1:
        yield bar_chart(
            [owner or words("follow_up.nobody", language) for owner in busiest],
            {
                words("follow_up.in_time", language): [
                    float(sums[owner]["open"] - sums[owner]["overdue"]) for owner in busiest
                ],
                words("follow_up.overdue", language): [float(sums[owner]["overdue"]) for owner in busiest],
            },
            title=words("follow_up.open_by_owner", language),
            language=language,
            y_label=words("follow_up.customers", language),
        )


def _by_list(report: Found, language: str) -> Iterator[Block]:
    newest = sorted(report["lists"], key=lambda row: (row["as_of"], row["list"]), reverse=True)[:_MOST_LISTS]
    rows = []
    for row in newest:
        day = figure(iso_to_date(row["as_of"]), "date", language)
        rows.append([f"{row['list']}, {day}", *_cells(row, language)])
    yield _table("list", rows, language)
    if len(newest) < len(report["lists"]):
        yield Paragraph(words("follow_up.more_lists", language, n=len(report["lists"]) - len(newest)), "note")
    yield Paragraph(words("follow_up.meaning", language), "note")


def _cells(counts: Found, language: str) -> list[str]:
    whole = [figure(counts[name], "whole", language) for name in _SHOWN]
    return [*whole, figure(_rate(counts), "percent", language)]


def _table(first: str, rows: Sequence[Sequence[str]], language: str, *, is_summed: bool = False) -> Table:
    names = (first, *_SHOWN, "reached_rate")
    last = len(rows) - 1
    bold = frozenset((last, column) for column in range(len(names))) if is_summed else frozenset()
    return Table([words(f"follow_up.{name}", language) for name in names], rows, frozenset(range(1, len(names))), bold)


def _files(report: Found, language: str) -> Iterator[Block]:
    for file in report["files"]:
        told = {name: file[name] for name in ("file", "rows", "new", "known", "without_outcome", "unused")}
        yield Paragraph(words("follow_up.file", language, **told))
        for why, n in file["unused_by_reason"].items():
            text = words(f"follow_up.unused_{why}", language)
            yield Paragraph(words("follow_up.unused", language, why=text, n=n), "warning")
