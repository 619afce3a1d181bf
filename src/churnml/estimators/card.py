"""The model card: what a model is for, what it learned from, how good it is and where it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["card_of"]

_TITLES = {"churn": "Churn model", "clv": "Customer-lifetime-value model"}
_ANSWERS = {
    "churn": "the probability that a customer churns within the horizon",
    "clv": "a customer's value in the horizon, with an 80 % interval",
}
_LIMITS = (
    "It predicts; it does not say why a customer leaves, nor what an action would change.",
    "It holds for customers like those it learned from; new prices, products and markets are unknown to it.",
    "No decision with legal or similarly significant effect on a person may rest on it alone.",
)


def card_of(facts: Mapping[str, Any], *, record_sha256: str) -> str:
    """Return the card as Markdown.

    Parameters
    ----------
    facts : mapping
        The parts of ``model.json``; shown from ``meta``: ``title``, ``data_window``, ``population``,
        ``horizon_days``, ``metrics``, ``baselines``, ``limits``, where given.
    record_sha256 : str
        Digest of ``model.json``.
    """
    meta = facts["meta"]
    lines = [
        f"# {meta.get('title', _TITLES[facts['kind']])}",
        "",
        f"Answers: {_ANSWERS[facts['kind']]}.",
        "",
        f"- Model: LightGBM, {facts['n_rounds']} trees, {len(facts['features'])} features"
        f" ({len(facts['levels'])} categorical)",
        f"- Digest: `{record_sha256[:12]}`",
        *(f"- {label}: {_plain(meta[key])}" for key, label in _FACTS.items() if key in meta),
        *_table("Quality out of time", meta.get("metrics")),
        *_table("Simple rules on the same rows", meta.get("baselines")),
        "",
        "## Limits",
        "",
        *(f"- {limit}" for limit in (*_LIMITS, *meta.get("limits", ()))),
        *_dropped(facts["dropped"]),
    ]
    return "\n".join(lines) + "\n"


_FACTS = {"data_window": "Learned from", "population": "Population", "horizon_days": "Horizon in days"}


def _table(title: str, rows: Mapping[str, Any] | None) -> list[str]:
    if not rows:
        return []
    head = ["", f"## {title}", "", "| measure | value |", "|---|---|"]
    return [*head, *(f"| {_plain(name)} | {_plain(value)} |" for name, value in rows.items())]


def _dropped(dropped: Mapping[str, str]) -> list[str]:
    shown = [f"- `{name}`: {reason}" for name, reason in sorted(dropped.items()) if reason != "constant"]
    return ["", "## Columns left out", "", *shown] if shown else []


def _plain(value: Any) -> str:
    """Return a value as one line that cannot end a table cell."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(part) for part in value)
    return " ".join(str(value).split()).replace("|", "\\|")
