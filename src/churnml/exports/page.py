"""Self-contained pages: escaped throughout, no request, readable offline and on paper; a script only for long lists."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import ClassVar

import jinja2

from churnml.exports.charts import Chart
from churnml.exports.rows import Rows, json_for_script, rows_data
from churnml.wording import LANGUAGES, words

__all__ = [
    "LANGUAGE_CODES",
    "Block",
    "Paragraph",
    "Rows",
    "Section",
    "Table",
    "Tiles",
    "View",
    "render_page",
    "render_views",
    "resource",
    "template",
]

LANGUAGE_CODES = {"en": "en", "zh": "zh-Hans"}
"""How HTML names the languages of the catalogue."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph; ``tone`` is empty, ``note``, ``warning`` or ``good``."""

    kind: ClassVar[str] = "paragraph"
    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Tiles:
    """Headline figures: (name, figure as text)."""

    kind: ClassVar[str] = "tiles"
    items: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts.

    Parameters
    ----------
    headers : sequence of str
    rows : sequence of sequences of str
    figures : set of int
        Columns of figures, set flush right.
    bold : set of (row, column)
        Cells that stand out.
    own_columns : set of int
        Columns with a tinted ground.
    wide : set of int
        Columns of sentences, kept from being squeezed.
    caption : str
    """

    kind: ClassVar[str] = "table"
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    figures: frozenset[int] = field(default_factory=frozenset)
    bold: frozenset[tuple[int, int]] = field(default_factory=frozenset)
    own_columns: frozenset[int] = field(default_factory=frozenset)
    wide: frozenset[int] = field(default_factory=frozenset)
    caption: str = ""


Block = Paragraph | Tiles | Table | Chart | Rows
"""What a section is made of; charts stand together below the rest."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    heading: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class View:
    """A whole page in one language."""

    title: str
    language: str
    sections: Sequence[Section]
    lead: str = ""

    @property
    def code(self) -> str:
        """Return the language as HTML names it."""
        return LANGUAGE_CODES[self.language]

    @property
    def language_name(self) -> str:
        """Return the language's own name."""
        return words("page.language", self.language)


def render_page(title: str, language: str, sections: Sequence[Section], *, lead: str = "") -> bytes:
    """Return a page in one language as UTF-8 HTML.

    Every text is escaped, whatever it holds; the page has neither scripts nor links, and its content policy forbids
    both and any request.

    Parameters
    ----------
    title, lead : str
        Heading of the page, and the sentence below it.
    language : str
        ``en`` or ``zh``.
    sections : sequence of Section
    """
    return render_views([View(title, language, sections, lead)])


def render_views(views: Sequence[View]) -> bytes:
    """Return one page that holds the same content in several languages, the first one shown, with a switch.

    The switch is plain CSS, so it works under a policy without scripts; printing shows the language chosen. Where there
    are :class:`~churnml.exports.rows.Rows`, the policy names by digest the one script that shows them; what they hold
    reaches it as JSON.
    """
    lists = {b.name: b for view in views for section in view.sections for b in section.blocks if isinstance(b, Rows)}
    script = resource("rows.js") if lists else ""
    page = template("page.html.j2").render(
        views=views,
        lists={name: json_for_script(rows_data(rows)) for name, rows in lists.items()},
        style=resource("rows.css") if lists else "",
        no_script={language: words("rows.no_script", language) for language in LANGUAGES},
        script=script,
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return page.encode() + b"\n"


def resource(name: str) -> str:
    """Return the text of a template or script of this package."""
    return resources.files("churnml.exports").joinpath(name).read_text("utf-8")


@cache
def template(name: str) -> jinja2.Template:
    """Return a template of this package; what it is filled with is escaped, and nothing may be missing."""
    # Escaping is set for all templates: deciding by file name would leave "page.html.j2" unescaped.
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(resource(name))
