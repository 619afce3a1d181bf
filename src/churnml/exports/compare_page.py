"""The page of ``churnml compare``: the verdict first, then every figure with its difference, in two languages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from churnml.exports.evaluation_figures import label
from churnml.exports.evaluation_parts import slice_by, slice_group
from churnml.exports.page import Block, Paragraph, Section, Table, Tiles, View, render_views
from churnml.wording import figure, languages_from, words

__all__ = ["compare_page"]


def compare_page(found: Mapping[str, Any], *, language: str = "en") -> bytes:
    """Return a comparison as one self-contained page in English and Chinese.

    Parameters
    ----------
    found : mapping
        ``model``, ``champion`` and ``challenger`` (``version``, ``digest``), ``verdict`` (``ok``, ``reasons`` with a
        text per language), and, unless they are the same model, ``same_top_reason`` and what
        :func:`churnml.evaluation.comparison.compare` returns.
    language : str, optional
        The language shown first.
    """
    return render_views([_view(found, each) for each in languages_from(language)])


def _view(found: Mapping[str, Any], language: str) -> View:
    sections = [Section(words("compare.verdict", language), list(_verdict(found, language)))]
    if "measures" in found:
        sections.append(Section(words("compare.figures", language), [_measures(found["measures"], language)]))
        sections += _slices(found["slices"], language)
    return View(words(f"compare.title_{found['model']}", language), language, sections, words("compare.lead", language))


def _verdict(found: Mapping[str, Any], language: str) -> Iterator[Block]:
    verdict = found["verdict"]
    yield Paragraph(
        words("compare.ok" if verdict["ok"] else "compare.not_ok", language), "good" if verdict["ok"] else "warning"
    )
    for reason in verdict["reasons"]:
        yield Paragraph(reason[language])
    tiles = [
        (
            f"{words(f'compare.{side}', language)}, {words('compare.version', language)}",
            f"{found[side]['version']} ({found[side]['digest']})",
        )
        for side in ("champion", "challenger")
    ]
    if "measures" in found:
        tiles.append((words("compare.customers", language), figure(found["n_customers"], "whole", language)))
        tiles.append((words("compare.cut_offs", language), ", ".join(found["cut_offs"])))
    yield Tiles(tiles)
    same = found.get("same_top_reason")
    if same:
        told = {"share": same["share"], "n": same["n_customers"]}
        yield Paragraph(words("compare.same_reason_note", language, **told), "note")


def _measures(measures: Mapping[str, Mapping[str, Any]], language: str) -> Table:
    headers = [
        words(f"compare.{name}", language) for name in ("measure", "champion", "challenger", "difference", "result")
    ]
    rows = [
        [label("metric", name, language), *_figures(each, language), _result(each["is_better"], language)]
        for name, each in measures.items()
    ]
    return Table(headers, rows, figures=frozenset({1, 2, 3}))


def _slices(slices: Sequence[Mapping[str, Any]], language: str) -> list[Section]:
    if not slices:
        return []
    headers = [
        *(words(f"compare.{name}", language) for name in ("part", "customers", "champion", "challenger", "difference")),
        words("compare.result", language),
    ]
    rows = [
        [
            _part(each, language),
            figure(each["n_customers"], "whole", language),
            *_figures(each, language),
            _result(False if each["is_worse"] else None if each["is_better"] is False else each["is_better"], language),
        ]
        for each in slices
    ]
    note = Paragraph(words("compare.slices_note", language), "note")
    return [Section(words("compare.slices", language), [note, Table(headers, rows, figures=frozenset({1, 2, 3, 4}))])]


def _part(part: Mapping[str, Any], language: str) -> str:
    by, group = str(part["by"]), str(part["group"])
    return f"{slice_by(by, language)}: {slice_group(by, group, language)}"


def _figures(each: Mapping[str, Any], language: str) -> tuple[str, str, str]:
    low, high, difference = (figure(each[key], "score", language) for key in ("low", "high", "difference"))
    spread = f"{difference} ({low} \N{EN DASH} {high})"
    return figure(each["champion"], "score", language), figure(each["challenger"], "score", language), spread


def _result(is_better: bool | None, language: str) -> str:
    key = "open" if is_better is None else "better" if is_better else "worse"
    return words(f"compare.{key}", language)
