from __future__ import annotations

from typing import get_args

from churnml.config.relationship import FigureName
from churnml.relationship.assessment.figures import FIGURES
from churnml.relationship.assessment.names import FIGURE_NAMES
from churnml.wording import has_words


def test_configuration_words_and_report_name_the_same_figures() -> None:
    assert tuple(figure.name for figure in FIGURES) == FIGURE_NAMES == get_args(FigureName)
    assert all(has_words(f"relation.{head}.{name}") for head in ("figure", "meaning") for name in FIGURE_NAMES)
