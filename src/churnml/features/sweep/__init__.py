"""The backward sweep: one walk from the newest usable row of a customer gives every window at once.

A row may be used at *t* when it has happened, is known, and no later version of it is known (``occurred <= t``,
``known_from <= t < known_until``); it lies in a window of length *w* when ``t - w < occurred <= t``. Windows are
nested, so running totals are written out as each window's edge is passed, and the walk ends at the longest one. What
concerns the whole history is carried forward from one snapshot of a customer to the next. Where rows became known
later than they happened, or were corrected, the usable ones are gathered for each snapshot and the same steps run
over them: the order of every addition depends on the usable rows alone, so results are equal to the last bit.

Places in arrays are unsigned where a loop runs for every row: Numba looks for negative ones otherwise. No array is
viewed inside such a loop: each view is counted, which costs more than what is done with it.

All kernels take rows sorted by (customer, occurred), snapshots sorted by (customer, date), and write columns: row
``place[measure, window]`` of ``out``, shape (n_columns, n_snapshots); a place of -1 is left out. ``windows`` ends with
:data:`churnml.timeline.NEVER`: the whole history.
"""

from churnml.features.sweep.levels import sweep_levels
from churnml.features.sweep.rhythm import sweep_rhythm
from churnml.features.sweep.values import sweep_values

__all__ = ["sweep_levels", "sweep_rhythm", "sweep_values"]
