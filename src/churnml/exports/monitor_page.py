"""The page of a monitored run: the verdict first, then every figure behind it, in two languages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from churnml.exports.charts import bar_chart, line_chart
from churnml.exports.page import Block, Paragraph, Section, Table, Tiles, View, render_views
from churnml.wording import figure, has_words, languages_from, words

__all__ = ["monitor_page"]

Report = Mapping[str, Any]
_TONES = {"alarm": "warning", "warning": "warning", "unknown": "note", "steady": "good", "usual": ""}
_LISTS = {"churn": "percent", "orders": "number", "order_value": "money", "revenue": "money", "margin": "money"}
_MOST_BARS = 8


def monitor_page(report: Report, *, language: str = "en") -> bytes:
    """Return a report as one self-contained page in English and Chinese.

    Parameters
    ----------
    report : mapping
        As :func:`churnml.flow.monitor.monitor` returns it.
    language : str, optional
        The language shown first.
    """
    return render_views([_Page(report, each).view() for each in languages_from(language)])


class _Page:
    """One language's view."""

    def __init__(self, report: Report, language: str) -> None:
        self.report, self.language = report, language

    def view(self) -> View:
        parts = (
            ("verdict", self._verdict()),
            ("drift", self._drift()),
            ("scores", self._scores()),
            ("matured", self._matured()),
            ("lists", self._lists()),
            ("freshness", self._freshness()),
        )
        sections = [Section(self._w(f"section_{name}"), list(blocks)) for name, blocks in parts]
        return View(self._w("title"), self.language, sections, self._w("lead"))

    def _w(self, key: str, **figures: object) -> str:
        return words(f"monitor.{key}", self.language, **figures)

    def _f(self, value: object, kind: str) -> str:
        return figure(value, kind, self.language, currency=self.report["currency"] if kind == "money" else "")

    def _headers(self, *names: str) -> list[str]:
        return [self._w(f"column.{name}") for name in names]

    def _state(self, state: str) -> str:
        return self._w(f"state.{state}")

    def _verdict(self) -> Iterator[Block]:
        verdict = self.report["verdict"]
        yield Paragraph(self._w(f"headline_{verdict['state']}"), _TONES[verdict["state"]])
        for finding in verdict["findings"]:
            yield Paragraph(finding[self.language], _TONES[finding["state"]])
        now, model = self.report["scores"]["now"], self.report["model"]
        tiles = [
            (self._w("tile.as_of"), self.report["as_of"]),
            (self._w("tile.model"), str(model["digest"])),
            (self._w("tile.learned_until"), str(model["learned_until"] or "")),
            (self._w("tile.at_risk"), self._f(now["n_at_risk"], "whole")),
            (self._w("tile.mean_p"), self._f(now["mean_p"], "percent")),
            (self._w("tile.columns"), self._f(self.report["drift"]["n_columns"], "whole")),
        ]
        yield Tiles(tiles)

    def _drift(self) -> Iterator[Block]:
        drift = self.report["drift"]
        yield Paragraph(self._w("drift_note"), "note")
        if drift["sources"]:
            names = ("table", "source_column", "features", "feature", "psi", "missing_then", "missing_now", "state")
            rows = [
                [
                    source["table"],
                    source["column"] or self._w("rows_of_table"),
                    self._f(source["features"], "whole"),
                    source["feature"],
                    self._f(source["psi"], "number"),
                    self._f(source["missing_then"], "percent"),
                    self._f(source["missing_now"], "percent"),
                    self._state(source["state"]),
                ]
                for source in drift["sources"]
            ]
            yield Table(self._headers(*names), rows, figures=frozenset({2, 4, 5, 6}))
        if drift["columns"]:
            yield self._columns()
            shown = drift["columns"][:_MOST_BARS]
            yield bar_chart(
                [str(number) for number in range(1, len(shown) + 1)],
                {
                    self._w("series.index"): [column["psi"] for column in shown],
                    self._w("series.chance_and_habit"): [
                        min(column["psi"], column["by_chance"] + column["usual"]) for column in shown
                    ],
                },
                title=self._w("chart_drift"),
                language=self.language,
                note=self._w("chart_drift_note"),
                x_label=self._w("column.rank"),
                y_kind="number",
            )

    def _columns(self) -> Table:
        names = ("rank", "feature", "psi", "by_chance", "usual", "state")
        rows = [
            [
                str(number),
                column["name"],
                *(self._f(column[name], "number") for name in ("psi", "by_chance", "usual")),
                self._state(column["state"]),
            ]
            for number, column in enumerate(self.report["drift"]["columns"], start=1)
        ]
        return Table(self._headers(*names), rows, figures=frozenset({0, 2, 3, 4}), caption=self._w("columns_caption"))

    def _scores(self) -> Iterator[Block]:
        scores = self.report["scores"]
        names = ("n_known", "n_at_risk", "mean_p", "mean_clv")
        kinds = ("whole", "whole", "percent", "money")
        runs = [("now", scores["now"]), ("previous", scores["previous"])]
        rows = [
            [f"{self._w(f'series.{which}')} ({run['day']})", *map(self._f, (run[name] for name in names), kinds)]
            for which, run in runs
            if run is not None
        ]
        yield Table(self._headers("run", *names), rows, figures=frozenset({1, 2, 3, 4}))
        if scores["previous"] is None:
            yield Paragraph(self._w("no_previous"), "note")
        shifts = [(name, scores[name]) for name in ("training", "since_previous") if scores[name] is not None]
        if shifts:
            rows = [
                [self._w(f"against.{name}"), self._f(shift["psi"], "number"), self._state(shift["state"])]
                for name, shift in shifts
            ]
            yield Table(self._headers("against", "psi", "state"), rows, figures=frozenset({1}))
        histogram = scores.get("histogram")
        if histogram:
            series = {
                self._w(f"series.{name}"): histogram[name]
                for name in ("training", "previous", "now")
                if name in histogram
            }
            yield bar_chart(
                _ranges(histogram["edges"], self.language),
                {name: [100 * share for share in shares] for name, shares in series.items()},
                title=self._w("chart_scores"),
                language=self.language,
                note=self._w("chart_scores_note"),
                x_label=self._w("column.p_churn"),
                y_label=self._w("share_axis"),
            )

    def _matured(self) -> Iterator[Block]:
        matured = self.report["matured"]
        runs = [run for run in matured["runs"] if "overall" in run]
        if matured["waiting"]["runs"]:
            told = {"n": matured["waiting"]["runs"], "day": matured["waiting"]["next_on"]}
            yield Paragraph(self._w("runs_waiting", **told), "note")
        if matured["other_definition"]:
            yield Paragraph(self._w("other_definition", n=matured["other_definition"]), "note")
        if not runs:
            yield Paragraph(self._w("no_matured"), "note")
            return
        yield Paragraph(self._w("matured_note"), "note")
        yield self._runs(runs)
        yield self._bands(runs[-1])
        days = [run["day"] for run in runs]
        places = [float(place) for place in range(len(runs))]
        yield line_chart(
            {
                self._w("column.expected"): (places, [100 * run["overall"]["expected"] for run in runs]),
                self._w("column.observed"): (places, [100 * run["overall"]["observed"] for run in runs]),
            },
            title=self._w("chart_level"),
            language=self.language,
            y_label=self._w("share_axis"),
            x_names=_thinned(days),
        )
        bands = runs[-1]["bands"]
        yield bar_chart(
            [self._band(band["band"]) for band in bands],
            {self._w(f"column.{name}"): [100 * band[name] for band in bands] for name in ("expected", "observed")},
            title=self._w("chart_bands", day=runs[-1]["day"]),
            language=self.language,
            y_label=self._w("share_axis"),
        )

    def _runs(self, runs: list[Report]) -> Table:
        names = ("run", "n", "expected", "observed", "interval", "auc", "level", "ranking")
        rows = [
            [
                run["day"],
                self._f(run["n"], "whole"),
                *(self._f(run["overall"][name], "percent") for name in ("expected", "observed")),
                self._between(run["overall"]["low"], run["overall"]["high"], "percent"),
                f"{self._f(run['auc'], 'score')} ({self._between(run['auc_low'], run['auc_high'], 'score')})",
                self._state(run["level"]),
                self._state(run["ranking"]),
            ]
            for run in runs
        ]
        return Table(self._headers(*names), rows, figures=frozenset({1, 2, 3, 4, 5}))

    def _bands(self, run: Report) -> Table:
        rows = [
            [
                self._band(band["band"]),
                self._f(band["n"], "whole"),
                *(self._f(band[name], "percent") for name in ("expected", "observed")),
                self._between(band["low"], band["high"], "percent"),
            ]
            for band in run["bands"]
        ]
        caption = self._w("bands_caption", day=run["day"])
        headers = self._headers("band", "n", "expected", "observed", "interval")
        return Table(headers, rows, figures=frozenset({1, 2, 3, 4}), caption=caption)

    def _band(self, band: str) -> str:
        return words(f"risk_band.{band}", self.language) if has_words(f"risk_band.{band}") else band

    def _between(self, low: object, high: object, kind: str) -> str:
        return self._w("between", low=self._f(low, kind), high=self._f(high, kind))

    def _lists(self) -> Iterator[Block]:
        if not self.report["lists"]:
            yield Paragraph(self._w("no_lists"), "note")
            return
        yield Paragraph(self._w("lists_note"), "note")
        for one in self.report["lists"]:
            yield from self._campaign(one)

    def _campaign(self, one: Report) -> Iterator[Block]:
        waiting = one["waiting"]
        if waiting["lists"]:
            told = {"campaign": one["campaign"], "n": waiting["lists"], "day": waiting["next_on"]}
            yield Paragraph(self._w("lists_waiting", **told))
        if not one["lists"]:
            return
        counts = {"n_listed": one["n_listed"], "n_held_out": one["n_held_out"], "n": len(one["lists"])}
        span = {"first": one["lists"][0], "last": one["lists"][-1]}
        yield Paragraph(self._w("lists_taken", campaign=one["campaign"], **counts, **span))
        rows = [
            [
                self._w(f"outcome.{name}"),
                *(self._f(one["differences"][name][side], kind) for side in ("listed", "held_out", "difference")),
                self._between(one["differences"][name]["low"], one["differences"][name]["high"], kind),
            ]
            for name, kind in _LISTS.items()
            if name in one["differences"]
        ]
        if rows:
            headers = self._headers("outcome", "listed", "held_out", "difference", "interval")
            yield Table(headers, rows, figures=frozenset({1, 2, 3, 4}), caption=one["campaign"])
        tiles = [*self._gain(one), *self._contacts(one)]
        if tiles:
            yield Tiles(tiles)

    def _gain(self, one: Report) -> Iterator[tuple[str, str]]:
        expected, realised = one["gain"]["expected"], one["gain"]["realised"]
        if expected is not None:
            yield self._w("tile.expected_gain"), self._f(expected, "money")
        if realised is not None:
            yield self._w("tile.realised_gain"), self._f(realised["value"], "money")
            yield self._w("tile.realised_interval"), self._between(realised["low"], realised["high"], "money")

    def _contacts(self, one: Report) -> Iterator[tuple[str, str]]:
        contacts = one["contacts"]
        if contacts is None:
            return
        kinds = {"contacted": "percent", "in_time": "percent", "median_days": "rate", "p90_days": "rate"}
        for name, kind in (kinds | {"held_out_contacted": "percent"}).items():
            yield self._w(f"tile.{name}", days=contacts["promised_days"]), self._f(contacts[name], kind)
        effect = contacts.get("of_contacted")
        if effect is not None:
            between = self._between(effect["low"], effect["high"], "percent")
            yield self._w("tile.of_contacted"), f"{self._f(effect['value'], 'percent')} ({between})"

    def _freshness(self) -> Iterator[Block]:
        rows = [
            [
                table["table"],
                table["newest"] or "",
                self._f(table["age_days"], "rate"),
                self._f(table["max_age_days"], "rate"),
                self._f(table["longest_pause_days"], "whole"),
                self._state("alarm" if table["is_stale"] else "warning" if table["is_silent"] else "steady"),
            ]
            for table in self.report["freshness"]
        ]
        headers = self._headers("table", "newest", "age", "max_age", "pause", "state")
        yield Table(headers, rows, figures=frozenset({2, 3, 4}))


def _ranges(edges: list[float], language: str) -> list[str]:
    """Return the upper end of each bin of probabilities, the last one open."""
    names = [f"≤{figure(edge, 'portion', language)}" for edge in edges]
    return [*names, f">{figure(edges[-1], 'portion', language)}" if edges else ""]


def _thinned(days: list[str]) -> list[str]:
    """Return days as month and day, so that a dozen of them stand beside each other."""
    return [day[2:] if len(days) <= 6 else day[5:] for day in days]
