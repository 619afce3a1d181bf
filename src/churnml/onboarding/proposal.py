"""The whole proposal: from files to drafts of tables, and from these to every block of ``params.yaml``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from churnml.errors import ConfigError
from churnml.onboarding.amounts import currency_of
from churnml.onboarding.blocks import campaign_block, clv_block, features_block, snapshots_block, treatments_block
from churnml.onboarding.clock import clock_of, zone_of
from churnml.onboarding.day_or_month import settle_formats
from churnml.onboarding.definition import Churned, churn_of
from churnml.onboarding.draft import Choice, Draft, Question, Wishes
from churnml.onboarding.labels import free_label, label_of, label_questions, leave_out_told, with_label
from churnml.onboarding.names import is_chinese, is_german
from churnml.onboarding.passage import Passage, pass_over
from churnml.onboarding.render import render
from churnml.onboarding.sources import sources_of
from churnml.onboarding.tables import Ask, drafts_of
from churnml.onboarding.written import with_cells

__all__ = ["Proposal", "propose"]


@dataclass
class Proposal:
    """Every block of the file, and what it rests on."""

    histories: dict[str, Choice]
    drafts: list[Draft]
    blocks: dict[str, dict[str, Choice]]
    left_out: dict[str, str] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Return the file."""
        return render(
            self.histories,
            self.drafts,
            self.blocks,
            left_out=self.left_out,
            questions=self.questions,
            notes=self.notes,
        )

    def draft(self, name: str) -> Draft | None:
        """Return the draft of a table."""
        return next((draft for draft in self.drafts if draft.name == name), None)


def propose(folder: Path, files: Sequence[str], *, wishes: Wishes, ask: Ask, place: str = "data/raw") -> Proposal:
    """Propose a whole ``params.yaml`` for files in a folder.

    Parameters
    ----------
    folder : Path
    files : sequence of str
        Their names inside it.
    wishes : Wishes
    ask : callable
        Gets a question with options, returns the one to take.
    place : str
        How ``histories.folder`` names the folder.

    Raises
    ------
    ConfigError
        If no column names customers, or neither a history nor a label is there.
    DataError
        If a file cannot be read.
    """
    delivered, doubts = settle_formats(sources_of(folder, files), ask)
    sources = [with_cells(source) for source in delivered]
    drafts, left_out, questions = drafts_of(sources, wishes, ask)
    questions = [*doubts, *questions]
    passages = {d.name: _passage(folder, d) for d in drafts if d.kind in {"events", "spells"}}
    _note_blank_ids(drafts, passages)
    churned, asked = _churned(drafts, passages, wishes, ask)
    questions += asked
    names = [name for source in sources for name in source.facts]
    currency, is_known = currency_of(drafts, chinese=is_chinese(names), german=is_german(names))
    histories = {"folder": Choice(place)} | clock_of(folder, files, drafts, churned, wishes, questions)
    histories["currency"] = Choice(wishes.currency, "as given") if wishes.currency else currency
    if not is_known and not wishes.currency and any("amount" in d.roles for d in drafts):
        questions.append(Question("histories.currency", "no file names a currency"))
    histories["timezone"] = zone_of(str(histories["currency"].value), wishes, german=is_german(names))
    clv, more = clv_block(churned, drafts, passages)
    if wishes.margin is not None and "margin" in clv:
        clv["margin"], more = Choice(wishes.margin, "as given"), []
    treatments, asked = treatments_block(drafts)
    customers = next((d for d in drafts if d.kind == "customers"), None)
    n_customers = customers.source.n_rows if customers is not None else 0
    campaign, economics = campaign_block(churned, customers, chinese=is_chinese(names), n_customers=n_customers)
    questions += [*more, *asked, *economics]
    blocks = {
        "churn": churned.keys,
        "clv": clv,
        "treatments": treatments,
        "snapshots": snapshots_block(churned),
        "features": features_block(churned),
        "campaign": campaign,
    }
    return Proposal(histories, drafts, blocks, left_out, questions)


def _passage(folder: Path, draft: Draft) -> Passage:
    times = [name for role in ("time", "start", "end") if (name := draft.column(role)) is not None]
    paths = [folder / file for file in draft.source.files]
    return pass_over(paths, draft.source.dialect, id_=str(draft.column("id")), times=times)


def _note_blank_ids(drafts: Sequence[Draft], passages: Mapping[str, Passage]) -> None:
    for draft in drafts:
        passage = passages.get(draft.name)
        n_blank = passage.n_blank if passage is not None else 0
        if passage is not None and n_blank:
            why = f"{n_blank / passage.n_rows:.1%} of the rows name nobody: guests, counted and left out"
            draft.roles["blank_ids"] = Choice("drop", why)


def _churned(
    drafts: list[Draft], passages: Mapping[str, Passage], wishes: Wishes, ask: Ask
) -> tuple[Churned, list[Question]]:
    customers = next((d for d in drafts if d.kind == "customers"), None)
    found = [] if wishes.label else churn_of(drafts, passages)
    label = label_of(customers, named=wishes.label) if customers is not None else None
    if customers is not None and label is not None:
        found.append(with_label(customers, *label))
    if not found:
        raise ConfigError(
            "neither a table with times nor a column that says who left",
            rule="config.no_churn",
            file=drafts[0].source.files[0],
            next_step="Name the column with --label COLUMN, or bring a table of what customers did when.",
        )
    chosen, questions = found[0], []
    if len(found) > 1:
        question = Question("churn.definition", "what is churn here?", tuple(each.name for each in found))
        answer, questions = ask(question), [question]
        chosen = next((each for each in found if each.name == answer), chosen)
    if chosen.keys["definition"].value == "label":
        free_label(chosen.table, str(chosen.keys["label"].value))
        questions += [*label_questions(chosen), *leave_out_told(chosen)]
    return chosen, questions
