"""The same page as Markdown: for a ticket, a mail, a terminal; charts stand there as tables in the page's sections."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from churnml.exports.page import Block, Paragraph, Table, Tiles, View

__all__ = ["render_markdown"]

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")


def render_markdown(view: View) -> bytes:
    """Return a page in one language as UTF-8 Markdown; what could be read as markup is escaped, charts are left out.

    Parameters
    ----------
    view : View
    """
    lines = [f"# {_text(view.title)}", ""]
    if view.lead:
        lines += [_text(view.lead), ""]
    for section in view.sections:
        if section.heading:
            lines += [f"## {_text(section.heading)}", ""]
        for block in section.blocks:
            lines += _block(block)
    return ("\n".join(lines).rstrip() + "\n").encode()


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield from (_text(block.text), "")
    elif isinstance(block, Tiles):
        yield from (f"- {_text(name)}: **{_text(value)}**" for name, value in block.items)
        yield ""
    elif isinstance(block, Table):
        yield from (_row(block.headers), _row(["---"] * len(block.headers), plain=True))
        yield from (_row(row) for row in block.rows)
        yield ""


def _row(cells: Sequence[str], *, plain: bool = False) -> str:
    texts = [cell if plain else _text(cell) for cell in cells]
    return "| " + " | ".join(texts) + " |"


def _text(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
