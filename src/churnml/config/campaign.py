"""The block ``campaign``: whom to contact, with what, and within which limits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from churnml.config.actions import Actions, Cap, ConsentHistory, Eligibility, Pauses, Teams
from churnml.config.fields import (
    Block,
    Channel,
    Column,
    InnerShare,
    IsoDate,
    PlainPath,
    Seed,
    Text,
    Texts,
    ascending,
    unique,
)
from churnml.config.list_files import ListFiles
from churnml.errors import ConfigError
from churnml.timeline import parse_instant

__all__ = ["SCORED_COLUMNS", "Campaign", "Policy"]

SCORED_COLUMNS = {
    "p_churn": True,
    "p_churn_30d": True,
    "p_churn_90d": True,
    "p_churn_180d": True,
    "clv": True,
    "clv_low": True,
    "clv_high": True,
    "value_at_risk": True,
    "value_tier": False,
    "risk_band": False,
    "cause": False,
}
"""Columns of the scores that a rule may name -> whether they are numbers; ``cause`` is that of the first reason."""

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Control = Literal["not_controllable", "involuntary"]
Share = Annotated[float, Field(ge=0, le=0.5)]
Amount = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]


def _distinct_channels(items: tuple[Channel, ...]) -> tuple[Channel, ...]:
    if len(set(items)) < len(items):
        raise ConfigError("names the same channel twice", rule="config.twice")
    return items


class Policy(Block):
    """Rules that take the place of those of the campaign from a day on; what is left out stays."""

    version: Text = Field(description="Version, written on every list made under it.")
    effective_from: IsoDate = Field(description="ISO date from which it holds.")
    actions: Actions | None = Field(default=None, description="As `campaign.actions`.")
    teams: Teams | None = Field(default=None, description="As `campaign.teams`.")
    budget: Amount | None = Field(default=None, description="As `campaign.budget`.")
    capacity: Count | None = Field(default=None, description="As `campaign.capacity`.")
    holdout_share: Share | None = Field(default=None, description="As `campaign.holdout_share`.")
    playbook: PlainPath | None = Field(default=None, description="As `campaign.playbook`.")
    cap: Cap | None = Field(default=None, description="As `campaign.cap`.")
    pause_days: Pauses | None = Field(default=None, description="As `campaign.pause_days`.")
    eligibility: tuple[Eligibility, ...] | None = Field(default=None, description="As `campaign.eligibility`.")
    stop_on: IsoDate | None = Field(default=None, description="As `campaign.stop_on`.")

    @property
    def changes(self) -> dict[str, object]:
        """Return the keys it sets, as the campaign names them."""
        said = {name: getattr(self, name) for name in type(self).model_fields if name != "version"}
        return {name: value for name, value in said.items() if value is not None} | {"policy_version": self.version}


class Campaign(Block):
    """Whom to contact: the economics, the limits and the hold-out of one campaign."""

    name: str = Field(
        default="retention", pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="Name and folder of the campaign."
    )
    language: Literal["en", "zh"] = Field(default="en", description="Language of the lists.")
    actions: Actions = Field(
        default={},
        description="Name -> what can be done; empty = one action by `action`, `effect`, `cost`, `channels`.",
    )
    action: str = Field(
        default="contact", pattern=r"^[a-z_]{1,64}$", description="Without `actions`: key word of what is done."
    )
    effect: float = Field(
        default=0.15,
        gt=0,
        le=1,
        description="Without `actions`: assumed share of churn probability that a contact removes, in (0, 1].",
    )
    cost: float = Field(
        default=0.0, ge=0, description="Without `actions`: cost of one contact, in the currency of the histories."
    )
    channels: Annotated[tuple[Channel, ...], Field(min_length=1), AfterValidator(_distinct_channels)] = Field(
        default=("phone", "email"), description="Without `actions`: channels in order of preference."
    )
    playbook: PlainPath | None = Field(
        default=None,
        description="CSV or YAML file, relative to the project: which actions for which cause, value tier and segment.",
    )
    playbook_digests: dict[Text, Text] = Field(
        default={}, description="Written by `configure`: SHA-256 of each playbook, so that a changed file is seen."
    )
    segment: Column | None = Field(
        default=None, description="Category of the customers table that playbook, effects and hold-out tell apart."
    )
    teams: Teams = Field(default={}, description="Name -> who makes contacts, and how many a day.")
    capacity: Count | None = Field(default=500, description="Contacts at most in all; null = no limit but the teams'.")
    budget: Amount | None = Field(
        default=None, description="Money to spend at most on contacts and what they give away; null = no limit."
    )
    cap: Cap | None = Field(default=None, description="How often a customer is contacted at most; null = no limit.")
    pause_days: Pauses = Field(
        default={}, description="Days without contact after any past one, or {any: days, phone: days} by channel."
    )
    eligibility: tuple[Eligibility, ...] = Field(
        default=(), description="Rules a customer must meet, looked at in order."
    )
    leave_out: Annotated[tuple[Control, ...], AfterValidator(unique)] = Field(
        default=(), description="Kinds of first causes left out: not_controllable, involuntary."
    )
    holdout_share: Share = Field(default=0.1, description="Share left uncontacted at random, 0 to 0.5.")
    contact_within_days: int = Field(default=14, ge=1, le=365, description="Days in which to contact, 1 to 365.")
    working_days: Annotated[tuple[Weekday, ...], Field(min_length=1), AfterValidator(unique)] = Field(
        default=("mon", "tue", "wed", "thu", "fri"), description="Days of the week on which contact is made."
    )
    holidays: Annotated[tuple[IsoDate, ...], Field(max_length=1000), AfterValidator(unique)] = Field(
        default=(), description="ISO dates on which no contact is made."
    )
    effective_from: IsoDate | None = Field(
        default=None, description="ISO date from which these rules hold; a list as of an earlier day is refused."
    )
    stop_on: IsoDate | None = Field(
        default=None, description="ISO date of the last contact; a list as of that day or later is refused."
    )
    policies: Annotated[tuple[Policy, ...], Field(max_length=100)] = Field(
        default=(), description="Later rules by date: the newest in effect as of the day of the list counts."
    )
    consent_values: Annotated[Texts, Field(min_length=1)] = Field(
        default=("yes",), description="Values of a consent column that allow contact; any other forbids it."
    )
    refusal_values: Texts = Field(
        default=("no", "n", "false", "0"), description="Values that are a plain refusal; any other is told as unknown."
    )
    unknown_consent_limit: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Share of unknown consent values of a channel above which no list is made, 0 to 1.",
    )
    consent: ConsentHistory | None = Field(
        default=None, description="Consents given and withdrawn over time, beside the columns of the customers table."
    )
    score_objectors: bool = Field(
        default=True, description="Score customers who objected; false = no probability, value or reason for them."
    )
    risk_bands: Annotated[tuple[InnerShare, ...], Field(min_length=3, max_length=3), AfterValidator(ascending)] = Field(
        default=(0.2, 0.4, 0.7), description="Probabilities where medium, high and very high begin, in (0, 1)."
    )
    value_column: Column | None = Field(
        default=None, description="Without a clv block: number column of the customers table, value per period."
    )
    value_periods: int = Field(default=12, ge=1, le=1000, description="Periods that `value_column` is counted for.")
    policy_version: Text = Field(default="1", description="Version of the rules, written on every list.")
    seed: Seed = Field(default=1, description="Seed of the hold-out draw.")
    files: ListFiles = Field(default_factory=ListFiles, description="How the files for people are written.")

    @property
    def usual(self) -> tuple[float, float]:
        """Return effect and cost by which models are judged: those of the first action that keeps anybody."""
        keeping = (action for action in self.actions.values() if action.effect.assumed > 0)
        first = next(keeping, None)
        return (self.effect, self.cost) if first is None else (first.effect.assumed, first.cost)

    @property
    def playbooks(self) -> tuple[str, ...]:
        """Return the files of all its playbooks, each once."""
        named = (self.playbook, *(policy.playbook for policy in self.policies))
        return tuple(dict.fromkeys(name for name in named if name is not None))

    def in_effect(self, as_of_us: int, *, timezone: str) -> Campaign:
        """Return the rules that hold for a list of that instant: those of the newest policy in effect.

        Raises
        ------
        ConfigError
            If none holds yet, or the campaign has stopped.
        """
        held = [p for p in self.policies if parse_instant(p.effective_from, timezone=timezone) <= as_of_us]
        newest = max(held, key=lambda p: parse_instant(p.effective_from, timezone=timezone), default=None)
        rules = self if newest is None else self.model_copy(update=newest.changes)
        since, stop = rules.effective_from, rules.stop_on
        if since is not None and as_of_us < parse_instant(since, timezone=timezone):
            raise ConfigError(
                f"no rules are in effect as of the list; these hold from {since}",
                rule="config.not_in_effect",
                file="params.yaml",
                column="campaign.effective_from",
                next_step="Make the list as of that date or later, or give the rules that held before.",
            )
        if stop is not None and as_of_us >= parse_instant(stop, timezone=timezone):
            raise ConfigError(
                f"the campaign makes no contact after {stop}",
                rule="config.stopped",
                file="params.yaml",
                column="campaign.stop_on",
                next_step="Set a later date, or take the list of an earlier day.",
            )
        return rules
