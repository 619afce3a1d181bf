"""What a campaign is: its action, economics, limits and rules, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CampaignPlan"]


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """One campaign.

    Parameters
    ----------
    name : str
        Name of the campaign; part of the hold-out draw, so a customer keeps its arm while the name stays.
    language : str
        ``en`` or ``zh``: language of the lists.
    action : str
        What is done with a customer, a key of the catalogue (``action.contact``) or any text.
    effect : float
        Assumed share of the probability of leaving that the contact removes, in [0, 1].
    cost : float
        Of one contact, >= 0.
    capacity : int or None
        Most contacts the team can make; None = no limit.
    budget : float or None
        Most money for contacts; None = no limit.
    holdout_share : float
        Share of the customers walked past in the ranking that is set aside, in [0, 1).
    contact_within_days : int
        Days after ``as_of`` in which the contact is timely.
    channels : tuple of str
        In order of preference.
    consent_values : tuple of str
        What a consent column says where the customer agreed; compared without case and blanks around. Anything else
        counts as no.
    refusal_values : tuple of str
        What it says where the customer refused: only to tell refusals from unknown values in the manifest.
    unknown_consent_limit : float
        Largest share of unknown consent values of a channel at which lists are still made, in [0, 1].
    risk_bands : tuple of float
        Probabilities from which a risk is medium, high and very high, ascending.
    policy_version : str
        Version of all these rules, named by every list.
    seed : int
        Of the hold-out draw.
    currency : str
        Code of the money amounts.
    timezone : str
        IANA name of the zone in which ``as_of`` and the last day of contact are calendar days.
    """

    name: str
    language: str = "en"
    action: str = "contact"
    effect: float = 0.15
    cost: float = 0.0
    capacity: int | None = 500
    budget: float | None = None
    holdout_share: float = 0.1
    contact_within_days: int = 14
    channels: tuple[str, ...] = ("phone", "email")
    consent_values: tuple[str, ...] = ("yes",)
    refusal_values: tuple[str, ...] = ("no", "n", "false", "0")
    unknown_consent_limit: float = 1.0
    risk_bands: tuple[float, float, float] = (0.2, 0.4, 0.7)
    policy_version: str = "1"
    seed: int = 1
    currency: str = ""
    timezone: str = "UTC"
