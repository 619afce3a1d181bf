"""What the data leave open: asked where somebody can answer, listed where nobody can."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from churnml.onboarding.draft import Question
from churnml.onboarding.proposal import Proposal

__all__ = ["Answers", "answers", "open_lines"]

Choose = Callable[[str, Sequence[str]], str]


class Answers:
    """Answers questions that have options, and remembers which a person answered.

    Parameters
    ----------
    choose : callable or None
        Shows a text and options and returns one; None = nobody is there, the likelier one is taken.
    """

    def __init__(self, choose: Choose | None) -> None:
        self._choose = choose
        self.answered: set[str] = set()

    def __call__(self, question: Question) -> str:
        """Return the option to take."""
        if self._choose is None:
            return question.options[0]
        self.answered.add(question.key)
        return self._choose(question.text, question.options)


def answers(choose: Choose | None) -> Answers:
    """Return who answers the questions of a proposal."""
    return Answers(choose)


def open_lines(proposal: Proposal, *, answered: set[str]) -> Iterator[str]:
    """Yield, for the terminal, what was made of the files, what is left open, and what comes next."""
    for draft in proposal.drafts:
        yield f"{draft.name}: {draft.kind}, {draft.source.n_rows:,} rows; {draft.why}"
    for file, why in proposal.left_out.items():
        yield f"{file}: no table ({why})"
    churn = proposal.blocks["churn"]
    what = f"{churn['definition'].value} of {churn['table'].value}"
    within = f" within {churn['horizon_days'].value} days" if "horizon_days" in churn else ""
    yield f"churn: {what}{within}; as of {proposal.histories['as_of'].value}"
    left = [question for question in proposal.questions if question.key not in answered]
    if left:
        yield "\nTo be confirmed in params.yaml:"
    for question in left:
        options = f" ({' | '.join(question.options)})" if question.options else ""
        yield f"  {question.key}: {question.text}{options}"
    if proposal.notes:
        yield f"\nThe data check has {len(proposal.notes)} remarks: they stand at the end of params.yaml."
    yield "\nNext: read params.yaml, then `churnml check` and `churnml run`."
