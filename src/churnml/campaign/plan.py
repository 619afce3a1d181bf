"""What a campaign is: its actions, economics, limits and rules, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from churnml.histories.crises import Regime

__all__ = ["ALL", "ANY", "ActionPlan", "CampaignPlan", "Cap", "Eligibility", "Team"]

ANY = "any"
"""In a pause: contacts on whatever channel."""

ALL = "all"
"""Owner of a team that looks after everybody whom no other team does."""


@dataclass(frozen=True, slots=True)
class ActionPlan:
    """One thing that can be done with a customer.

    Parameters
    ----------
    name : str
        A key of the catalogue (``action.call``) or any word.
    channels : tuple of str
        Where it can be done, in order of preference.
    effect : float
        Share of the probability of leaving that it removes, in [-1, 1].
    cost : float
        Of one contact, >= 0.
    effect_low, effect_high : float or None
        What the effect may be at least and at most; None = not known.
    effect_by_segment : mapping of str to float
        Level of the segment -> effect there.
    is_learned : bool
        Whether a learned effect takes the place of ``effect`` where there is one.
    gives : float
        Margin given away to each who takes it, money.
    gives_share : float
        Share of the value to come given away to each who takes it.
    take_rate : float
        Share of those contacted who take it.
    label : mapping of str to str
        Language -> words on the lists; empty = those of the catalogue.
    """

    name: str
    channels: tuple[str, ...]
    effect: float
    cost: float = 0.0
    effect_low: float | None = None
    effect_high: float | None = None
    effect_by_segment: Mapping[str, float] = field(default_factory=dict)
    is_learned: bool = False
    gives: float = 0.0
    gives_share: float = 0.0
    take_rate: float = 1.0
    label: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Team:
    """Who makes contacts: owners whose customers it looks after, and contacts per working day and channel."""

    name: str
    owners: tuple[str, ...] = (ALL,)
    per_day: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so many contacts in so many days, the new one among them."""

    contacts: int
    days: int


@dataclass(frozen=True, slots=True)
class Eligibility:
    """A rule a customer must meet: a text among or not among some, or a number between bounds; and what to say."""

    column: str
    why: str
    one_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """One campaign.

    Parameters
    ----------
    name : str
        Name of the campaign; part of the hold-out draw, so a customer keeps its arm while the name stays.
    language : str
        ``en`` or ``zh``: language of the lists.
    actions : tuple of ActionPlan
        What can be done; empty = one action, described by ``action``, ``effect``, ``cost`` and ``channels``.
    action : str
        Without actions: what is done with a customer, a key of the catalogue (``action.contact``) or any text.
    effect : float
        Without actions: assumed share of the probability of leaving that the contact removes, in [0, 1].
    cost : float
        Without actions: of one contact, >= 0.
    channels : tuple of str
        Without actions: in order of preference.
    teams : tuple of Team
        Who makes contacts; a channel that no team names has no limit of its own.
    capacity : int or None
        Most contacts in all; None = no limit.
    budget : float or None
        Most money for contacts and what they give away; None = no limit.
    cap : Cap or None
        How often a customer is contacted at most, whatever the campaign.
    pause_days : mapping of str to int
        Channel, or :data:`ANY`, -> days without a contact on that channel after a past one there.
    eligibility : tuple of Eligibility
        Looked at in order.
    leave_out : tuple of str
        Kinds of first causes (``not_controllable``, ``involuntary``) whose customers are left out.
    segment : str
        Column of the customers that playbook, effects and hold-out tell apart; empty = none.
    holdout_share : float
        Share of the candidates that is set aside, in [0, 1).
    contact_within_days : int
        Days after ``as_of`` in which the contact is timely.
    working_days : tuple of int
        Days of the week on which contact is made, Monday = 0.
    holidays : tuple of date
        Days on which it is not.
    stop_on : date or None
        Day of the last contact.
    consent_values : tuple of str
        What a consent column says where the customer agreed; compared without case and blanks around. Anything else
        counts as no.
    refusal_values : tuple of str
        What it says where the customer refused: only to tell refusals from unknown values in the manifest.
    unknown_consent_limit : float
        Largest share of unknown consent values of a channel at which lists are still made, in [0, 1].
    all_channels : tuple of str
        What a history of consents writes for every channel.
    risk_bands : tuple of float
        Probabilities from which a risk is medium, high and very high, ascending.
    policy_version : str
        Version of all these rules, named by every list.
    effective_from : str
        Day since which they hold; empty = always.
    seed : int
        Of the hold-out draw.
    currency : str
        Code of the money amounts.
    timezone : str
        IANA name of the zone in which ``as_of`` and the last day of contact are calendar days.
    regime : Regime
        Whether the company is in its normal regime; every list says where it is not.
    """

    name: str
    language: str = "en"
    actions: tuple[ActionPlan, ...] = ()
    action: str = "contact"
    effect: float = 0.15
    cost: float = 0.0
    channels: tuple[str, ...] = ("phone", "email")
    teams: tuple[Team, ...] = ()
    capacity: int | None = 500
    budget: float | None = None
    cap: Cap | None = None
    pause_days: Mapping[str, int] = field(default_factory=dict)
    eligibility: tuple[Eligibility, ...] = ()
    leave_out: tuple[str, ...] = ()
    segment: str = ""
    holdout_share: float = 0.1
    contact_within_days: int = 14
    working_days: tuple[int, ...] = (0, 1, 2, 3, 4)
    holidays: tuple[date, ...] = ()
    stop_on: date | None = None
    consent_values: tuple[str, ...] = ("yes",)
    refusal_values: tuple[str, ...] = ("no", "n", "false", "0")
    unknown_consent_limit: float = 1.0
    all_channels: tuple[str, ...] = ("all",)
    risk_bands: tuple[float, float, float] = (0.2, 0.4, 0.7)
    policy_version: str = "1"
    effective_from: str = ""
    seed: int = 1
    currency: str = ""
    timezone: str = "UTC"
    regime: Regime = field(default_factory=Regime)

    @property
    def choices(self) -> tuple[ActionPlan, ...]:
        """Return what can be done: the actions, or the one that ``action`` and its economics describe."""
        return self.actions or (ActionPlan(self.action, self.channels, self.effect, self.cost),)

    @property
    def used_channels(self) -> tuple[str, ...]:
        """Return every channel an action takes, each once."""
        return tuple(dict.fromkeys(channel for action in self.choices for channel in action.channels))
