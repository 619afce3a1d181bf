from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading

import pytest

from churnml.campaign.quiet import quiet_output

LIBC = ctypes.CDLL(None)
SEARCH = """
import sys
from contextlib import nullcontext
import numpy as np
from scipy import optimize, sparse
from churnml.campaign import blocks

def talkative(*given, options, **named):
    return optimize.milp(*given, options={**options, "disp": True}, **named)

blocks.milp = talkative  # HiGHS itself prints, from C++; without being asked it does so only now and then
if sys.argv[1] == "loud":
    blocks.quiet_output = nullcontext
rows, once = np.arange(3), np.ones(3, dtype=np.intp)
uses = sparse.csr_array([[2.0, 3.0, 4.0]])
found = blocks.Blocks(rows, rows, once, rows, 0 * rows, np.array([3.0, 4.0, 6.0]), uses, np.array([6.0])).searched()
print("found", *found[0])
"""


def lowest_free() -> int:
    """Return the descriptor that would be given next."""
    found = os.dup(1)
    os.close(found)
    return found


def said(how: str) -> str:
    done = subprocess.run([sys.executable, "-c", SEARCH, how], capture_output=True, text=True, check=True)
    return done.stdout


def test_the_search_for_whole_numbers_writes_nothing_to_standard_output() -> None:
    assert said("quiet") == "found 1 0 1\n"


def test_the_solver_would_write_if_it_were_let() -> None:
    assert "HiGHS" in said("loud")


def test_what_is_written_before_and_after_arrives_and_what_is_written_between_does_not(capfd) -> None:
    LIBC.puts(b"before")
    with quiet_output():
        LIBC.puts(b"between")
        os.write(1, b"between")
    LIBC.puts(b"after")
    LIBC.fflush(None)
    assert capfd.readouterr().out == "before\nafter\n"


def test_output_is_back_after_an_error(capfd) -> None:
    with pytest.raises(ValueError, match="of the solver"), quiet_output():
        raise ValueError("of the solver")
    os.write(1, b"after")
    assert capfd.readouterr().out == "after"


def test_output_is_back_after_several_threads_and_no_descriptor_is_left_open(capfd) -> None:
    def work() -> None:
        for _ in range(20):
            with quiet_output():
                LIBC.puts(b"between")

    place, free = os.fstat(1), lowest_free()
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (os.fstat(1).st_ino, lowest_free()) == (place.st_ino, free)
    assert capfd.readouterr().out == ""


def test_a_process_without_standard_output_is_left_as_it_is() -> None:
    code = "import os; from churnml.campaign.quiet import quiet_output as q; os.close(1)\nwith q(): pass\n"
    code += "try: os.fstat(1)\nexcept OSError: raise SystemExit(7)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7
