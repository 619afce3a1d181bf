"""The campaign block as the plain plan that the campaign package takes."""

from __future__ import annotations

from datetime import date

from churnml.campaign.plan import ActionPlan, CampaignPlan, Cap, Eligibility, Team
from churnml.config import Campaign, Params
from churnml.histories.crises import Regime
from churnml.timeline import parse_instant, us_to_date

__all__ = ["campaign_plan"]

_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def campaign_plan(params: Params, *, regime: Regime | None = None) -> CampaignPlan:
    """Return the rules in effect at ``as_of`` as a plan; every list made by it says where the regime is not normal.

    Raises
    ------
    ConfigError
        If no rules are in effect yet, or the campaign has stopped.
    """
    zone = params.histories.timezone
    campaign = params.campaign.in_effect(params.histories.as_of_us, timezone=zone)
    low = campaign.risk_bands
    return CampaignPlan(
        name=campaign.name,
        language=campaign.language,
        actions=_actions(campaign),
        action=campaign.action,
        effect=campaign.effect,
        cost=campaign.cost,
        channels=tuple(dict.fromkeys(a.channel for a in campaign.actions.values())) or campaign.channels,
        teams=tuple(
            Team(name, team.owners, {str(channel): n for channel, n in team.per_day.items()})
            for name, team in campaign.teams.items()
        ),
        capacity=campaign.capacity,
        budget=campaign.budget,
        cap=None if campaign.cap is None else Cap(campaign.cap.contacts, campaign.cap.days),
        pause_days={str(channel): days for channel, days in campaign.pause_days.items()},
        eligibility=_eligibility(campaign),
        leave_out=campaign.leave_out,
        segment=campaign.segment or "",
        holdout_share=campaign.holdout_share,
        contact_within_days=campaign.contact_within_days,
        working_days=tuple(sorted(_WEEK.index(day) for day in campaign.working_days)),
        holidays=tuple(_day(holiday, zone) for holiday in campaign.holidays),
        stop_on=None if campaign.stop_on is None else _day(campaign.stop_on, zone),
        consent_values=campaign.consent_values,
        refusal_values=campaign.refusal_values,
        unknown_consent_limit=campaign.unknown_consent_limit,
        all_channels=campaign.consent.all_channels if campaign.consent is not None else (),
        risk_bands=(low[0], low[1], low[2]),
        policy_version=campaign.policy_version,
        effective_from=campaign.effective_from or "",
        seed=campaign.seed,
        currency=params.histories.currency,
        timezone=zone,
        regime=regime or Regime(),
    )


def _actions(campaign: Campaign) -> tuple[ActionPlan, ...]:
    return tuple(
        ActionPlan(
            name=name,
            channels=(action.channel,),
            effect=action.effect.assumed,
            cost=action.cost,
            effect_low=action.effect.low,
            effect_high=action.effect.high,
            effect_by_segment=dict(action.effect.by_segment),
            is_learned=action.effect.learned,
            gives=action.gives,
            gives_share=action.gives_share,
            take_rate=action.take_rate,
            label={} if action.label is None else action.label.model_dump(),
        )
        for name, action in campaign.actions.items()
    )


def _eligibility(campaign: Campaign) -> tuple[Eligibility, ...]:
    return tuple(
        Eligibility(rule.column, rule.why, rule.one_of, rule.none_of, rule.min, rule.max)
        for rule in campaign.eligibility
    )


def _day(text: str, timezone: str) -> date:
    return us_to_date(parse_instant(text, timezone=timezone), timezone=timezone)
