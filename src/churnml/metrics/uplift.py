"""Whether those ranked highest by uplift are those whom a contact keeps, judged on a randomised trial.

``y_true`` is 1 = churned, as everywhere, so what counts as gain is churn avoided: Radcliffe's outcome is 1 - y_true.
Contacts are assumed to have been given by lot; where they were not, none of these numbers is an effect.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from churnml.metrics.arrays import (
    Floats,
    as_amounts,
    as_flags,
    as_labels,
    cumulative_by_score,
    n_of_fraction,
    same_length,
)

__all__ = ["auuc_score", "qini_curve", "qini_score", "uplift_at_capacity_score", "uplift_curve"]


def _arms(y_true: npt.ArrayLike, uplift: npt.ArrayLike, is_treated: npt.ArrayLike) -> tuple[Floats, ...]:
    """Count customers, treated, and churners of either arm from the highest score down, one step per distinct score."""
    labels, scores = as_labels(y_true), as_amounts(uplift, name="uplift")
    treated = as_flags(is_treated, name="is_treated")
    same_length(labels, scores, treated)
    if treated.min() == treated.max():
        raise ValueError("is_treated holds one arm only, so there is nothing to compare with")
    _, n, (n_treated, lost, lost_treated) = cumulative_by_score(scores, treated, labels, labels * treated)
    return n, n_treated, n - n_treated, lost_treated, lost - lost_treated


def qini_curve(y_true: npt.ArrayLike, uplift: npt.ArrayLike, is_treated: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Churn avoided per treated customer against the share of customers targeted, highest uplift first.

    Parameters
    ----------
    y_true : array_like, shape (n_customers,)
        1 = churned within the horizon.
    uplift : array_like, shape (n_customers,)
        Any score that grows with P(stay) if treated minus P(stay) if not.
    is_treated : array_like, shape (n_customers,)
        1 = contacted, 0 = control, by lot.

    Returns
    -------
    fraction_targeted : ndarray, shape (n_points,)
        From 0 to 1; one point per distinct score.
    gain : ndarray, shape (n_points,)
        ``(Yt - Yc * Nt / Nc) / N_treated``: customers kept (Y) and customers (N) of both arms among the targeted,
        over all treated. Ends at the average effect.

    Raises
    ------
    ValueError
        If there is one class or one arm only, a value is missing, or lengths differ.

    Notes
    -----
    Between two points, that is within ties, the curve is a straight line; so it is from the origin to the first
    point with a control customer, before which Nt / Nc means nothing. Some programs count the treated alone there,
    and some (among them R's ``uplift``) scale by the arms' sizes in the whole trial instead of among the targeted.

    References
    ----------
    .. [1] Radcliffe (2007). Using control groups to target on predicted lift: building and assessing uplift models.
       Direct Marketing Analytics Journal 3, 14-21.

    Examples
    --------
    >>> targeted, gain = qini_curve([0, 1, 0, 1], [4, 3, 2, 1], [1, 0, 0, 1])
    >>> targeted.tolist(), gain.tolist()
    ([0.0, 0.5, 0.75, 1.0], [0.0, 0.5, 0.25, 0.0])
    """
    n, n_treated, n_control, lost_treated, lost_control = _arms(y_true, uplift, is_treated)
    met = (n_control > 0) | (n == 0)
    expected = lost_control[met] * n_treated[met] / np.maximum(n_control[met], 1.0)
    return n[met] / n[-1], (expected - lost_treated[met]) / n_treated[-1]


def qini_score(y_true: npt.ArrayLike, uplift: npt.ArrayLike, is_treated: npt.ArrayLike) -> float:
    """Area between `qini_curve` and the straight line of targeting at random: Radcliffe's Qini measure.

    Parameters
    ----------
    y_true, uplift, is_treated
        As in `qini_curve`.

    Returns
    -------
    float
        Customers kept per treated customer; about 0 for random order, negative for a harmful one.

    Raises
    ------
    ValueError
        As `qini_curve`.

    Notes
    -----
    The literature disagrees about what is called the Qini coefficient. This is the area itself (little q), in
    customers. Radcliffe's Q and q0 divide it by the area of a best possible curve, scikit-uplift by that of a best
    curve of its own; what is best differs from trial to trial. On one trial all put models into the same order.

    References
    ----------
    .. [1] Radcliffe (2007). Using control groups to target on predicted lift: building and assessing uplift models.
       Direct Marketing Analytics Journal 3, 14-21.
    .. [2] Devriendt, Van Belle, Guns, Verbeke (2022). Learning to rank for uplift modeling. IEEE TKDE 34(10).

    Examples
    --------
    >>> qini_score([0, 1, 0, 1], [4, 3, 2, 1], [1, 0, 0, 1])
    0.25
    """
    targeted, gain = qini_curve(y_true, uplift, is_treated)
    return float(np.trapezoid(gain, targeted)) - float(gain[-1]) / 2


def uplift_curve(y_true: npt.ArrayLike, uplift: npt.ArrayLike, is_treated: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Churn avoided per customer of the trial against the share of customers targeted, highest uplift first.

    Parameters
    ----------
    y_true, uplift, is_treated
        As in `qini_curve`.

    Returns
    -------
    fraction_targeted : ndarray, shape (n_points,)
        From 0 to 1; one point per distinct score.
    gain : ndarray, shape (n_points,)
        ``(Yt / Nt - Yc / Nc) * (Nt + Nc) / N``: the effect among the targeted, times their share. Ends at the
        average effect.

    Raises
    ------
    ValueError
        If there is one class or one arm only, a value is missing, or lengths differ.

    Notes
    -----
    A straight line within ties, and from the origin to the first point at which both arms have a customer.
    Unlike `qini_curve` it weighs both arms by their rates, so it is steady where the arms differ in size.

    References
    ----------
    .. [1] Gutierrez, Gerardy (2017). Causal inference and uplift modelling: a review of the literature. PMLR 67.

    Examples
    --------
    >>> targeted, gain = uplift_curve([0, 1, 0, 1], [4, 3, 2, 1], [1, 0, 0, 1])
    >>> targeted.tolist(), gain.tolist()
    ([0.0, 0.5, 0.75, 1.0], [0.0, 0.5, 0.375, 0.0])
    """
    n, n_treated, n_control, lost_treated, lost_control = _arms(y_true, uplift, is_treated)
    met = (np.minimum(n_treated, n_control) > 0) | (n == 0)
    control, treated = np.maximum(n_control[met], 1.0), np.maximum(n_treated[met], 1.0)
    targeted = n[met] / n[-1]
    return targeted, (lost_control[met] / control - lost_treated[met] / treated) * targeted


def auuc_score(y_true: npt.ArrayLike, uplift: npt.ArrayLike, is_treated: npt.ArrayLike) -> float:
    """Area under `uplift_curve`.

    Parameters
    ----------
    y_true, uplift, is_treated
        As in `qini_curve`.

    Returns
    -------
    float
        Churn avoided per customer, mean over all shares targeted; half the average effect for random order.

    Raises
    ------
    ValueError
        As `uplift_curve`.

    Notes
    -----
    The literature also subtracts that half, or divides by an ideal ranking's area; neither changes which of two
    models is better on one trial.

    References
    ----------
    .. [1] Gutierrez, Gerardy (2017). Causal inference and uplift modelling: a review of the literature. PMLR 67.

    Examples
    --------
    >>> auuc_score([0, 1, 0, 1], [4, 3, 2, 1], [1, 0, 0, 1])
    0.28125
    """
    targeted, gain = uplift_curve(y_true, uplift, is_treated)
    return float(np.trapezoid(gain, targeted))


def uplift_at_capacity_score(
    y_true: npt.ArrayLike, uplift: npt.ArrayLike, is_treated: npt.ArrayLike, *, fraction: float
) -> float:
    """Churn avoided per customer targeted, when as many are targeted as can be: a slope of `uplift_curve`.

    Parameters
    ----------
    y_true, uplift, is_treated
        As in `qini_curve`.
    fraction : float
        Share of customers who can be contacted, in (0, 1], rounded down to whole customers of the trial.

    Returns
    -------
    float
        Churn rate of the control minus that of the treated among the highest scores, in [-1, 1]. Ties at the edge
        share the places left; where the highest scores hold one arm only, that of the smallest list with both.

    Raises
    ------
    ValueError
        If fraction leaves no customer to contact, or as `uplift_curve`.

    Examples
    --------
    >>> uplift_at_capacity_score([0, 1, 0, 1], [4, 3, 2, 1], [1, 0, 0, 1], fraction=0.75)
    0.5
    """
    targeted, gain = uplift_curve(y_true, uplift, is_treated)
    n_customers = np.size(y_true)
    share = n_of_fraction(fraction, n_customers) / n_customers
    return float(np.interp(share, targeted, gain)) / share
