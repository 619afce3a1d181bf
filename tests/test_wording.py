from __future__ import annotations

import math
import string
from datetime import date

import pytest

from churnml.errors import ConfigError
from churnml.wording import LANGUAGES, MISSING, catalogue, figure, has_words, words


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("key", sorted(catalogue()))
def test_every_text_has_both_languages_with_the_same_places(key: str) -> None:
    texts = catalogue()[key]
    assert set(texts) == set(LANGUAGES)
    assert all(text.strip() for text in texts.values())
    assert places(texts["en"]) == places(texts["zh"])
    assert all(name.isidentifier() for name in places(texts["en"]))


def test_families_are_complete() -> None:
    # A name without its explanation, or a cause without its sentence, would leave a reader alone.
    for head, tail in [("column", "column_meaning"), ("metric", "metric_meaning")]:
        assert {k.split(".")[1] for k in catalogue() if k.startswith(f"{head}.")} == {
            k.split(".")[1] for k in catalogue() if k.startswith(f"{tail}.")
        }
    assert all(has_words(f"reason.{key.split('.')[1]}.neutral") for key in catalogue() if key.startswith("cause."))


def test_figures_are_filled_in() -> None:
    figures = {"days": 61, "usual": 14.2}
    assert words("reason.silence.figures", "en", none="No order", **figures) == "No order for 61 days, usually every 14"
    chinese = "\u5df2\u6709 61 \u5929\u672a\u4e0b\u5355\uff0c\u901a\u5e38\u6bcf 14 \u5929\u4e00\u6b21"
    assert words("reason.silence.figures", "zh", none=words("source.purchases.none", "zh"), **figures) == chinese


def test_text_of_a_reader_is_never_a_template() -> None:
    assert words("list.title", "en", campaign="{0.__class__}") == "Retention list: {0.__class__}"


@pytest.mark.parametrize(
    ("value", "kind", "english", "chinese"),
    [
        (1234567.4, "whole", "1,234,567", "1,234,567"),
        (-0.001, "number", "0.00", "0.00"),
        (0.5, "percent", "50.0%", "50.0%"),
        (0.00002, "percent", "<0.1%", "<0.1%"),
        (0.0, "percent", "0.0%", "0.0%"),
        (0.1, "portion", "10%", "10%"),
        (0.125, "portion", "12.5%", "12.5%"),
        (1, "days", "1 day", "1 \u5929"),
        (2.0, "rate", "2", "2"),
        (2.25, "rate", "2.2", "2.2"),
        (0.84249, "score", "0.842", "0.842"),
        (1, "plural:order|orders", "1 order", "1 order"),
        (0, "plural:order|orders", "0 orders", "0 orders"),
        (date(2024, 6, 3), "date", "3 Jun 2024", "2024\u5e746\u67083\u65e5"),
        (None, "money", MISSING, MISSING),
        (math.nan, "whole", MISSING, MISSING),
    ],
)
def test_figures_by_kind(value: object, kind: str, english: str, chinese: str) -> None:
    assert figure(value, kind, "en") == english
    assert figure(value, kind, "zh") == chinese


def test_unknown_language_key_place_and_kind_are_refused() -> None:
    with pytest.raises(ConfigError, match="unknown language"):
        words("column.rank", "de")
    with pytest.raises(KeyError, match=r"no words for 'column\.nothing'"):
        words("column.nothing", "en")
    with pytest.raises(KeyError, match="campaign"):
        words("list.title", "en")
    with pytest.raises(ValueError, match="no way to write"):
        figure("text", "whole", "en")
