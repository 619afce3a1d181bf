"""After which reasons of leaving a customer may be asked to come back; what is not known keeps the door closed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from churnml.matching import beginning_with, plain_words

__all__ = ["LISTABLE", "NEVER_LISTED", "ReasonRule", "Verdict"]

Verdict = Literal["never", "listable", "other", "none"]

NEVER_LISTED = (
    *("deceased", "died", "dead", "death", "insolven", "bankrupt", "liquidat", "wound up", "out of business"),
    *("business closed", "ceased trading", "erased", "erasure", "anonymi", "fraud"),
    *(
        "去世",
        "死亡",
        "身故",
        "逝世",
        "病故",
        "过世",
        "破产",
        "倒闭",
        "清算",
        "资不抵债",
        "歇业",
        "停业",
        "删除",
        "欺诈",
    ),
)
"""Words after which nobody is asked to come back, whatever the configuration says."""

LISTABLE = (
    *("price", "pricing", "cost", "expensive", "fee", "service", "support", "quality", "complaint", "dissatisf"),
    *("unhappy", "competitor", "competition", "switch", "payment", "card", "expired", "expiry", "not renewed"),
    *("renewal", "plan", "contract", "cancel", "customer request", "voluntary"),
    *("价格", "费用", "太贵", "服务", "支持", "质量", "投诉", "不满", "竞争", "对手", "转网", "付款", "支付", "扣款"),
    *("到期", "未续", "套餐", "合同", "取消", "退订", "自愿"),
)
"""Words after which a customer may be asked."""


@dataclass(frozen=True)
class ReasonRule:
    """What a reason says about coming back.

    A reason is recognised by a word that begins with one of the given texts, whatever the capitals, underscores and
    accents; a text in Chinese may stand anywhere, for its words are not set apart.

    Parameters
    ----------
    never, listable : tuple of str
        Beside :data:`NEVER_LISTED` and :data:`LISTABLE`.
    lists_others : bool
        Whether a reason that is neither may be listed.

    Examples
    --------
    >>> rule = ReasonRule(listable=("moved",))
    >>> [rule.verdict(text) for text in ("Customer_Deceased", "已破产", "too expensive", "moved away", "???", "")]
    ['never', 'never', 'listable', 'listable', 'other', 'none']
    """

    never: tuple[str, ...] = ()
    listable: tuple[str, ...] = ()
    lists_others: bool = False

    def verdict(self, text: str | None) -> Verdict:
        """Return what a reason says: ``never`` wins over ``listable``; ``none`` where there is no text."""
        if not (text or "").strip():
            return "none"
        plain = plain_words(text or "")
        if self._never.search(plain):
            return "never"
        return "listable" if self._listable.search(plain) else "other"

    def is_open(self, verdict: Verdict) -> bool:
        """Return whether a last reason lets a customer be listed."""
        return verdict in {"none", "listable"} or (verdict == "other" and self.lists_others)

    @cached_property
    def _never(self) -> re.Pattern[str]:
        return beginning_with((*NEVER_LISTED, *self.never))

    @cached_property
    def _listable(self) -> re.Pattern[str]:
        return beginning_with((*LISTABLE, *self.listable))
