"""Buy-till-you-die models: BG/NBD, MBG/CNBD-k and Gamma-Gamma by maximum likelihood.

The notation is that of the literature: ``x`` repeat transactions, ``t_x`` time from the first to the last
transaction, ``T`` time from the first transaction to the observation date; ``t_x``, ``T`` and every horizon in
one and the same unit, whichever it is.
"""

from churnml.btyd.bgnbd import BgNbd, BuyingModel, MbgCnbd
from churnml.btyd.fitting import fit_bgnbd, fit_buying, fit_mbgcnbd
from churnml.btyd.gammagamma import GammaGamma, fit_gammagamma

__all__ = ["BgNbd", "BuyingModel", "GammaGamma", "MbgCnbd", "fit_bgnbd", "fit_buying", "fit_gammagamma", "fit_mbgcnbd"]
