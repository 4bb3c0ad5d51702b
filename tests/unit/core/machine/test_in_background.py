"""Work beside other work ends with the block that wanted it, and never holds the process up or takes it down."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from facedb.core.machine.in_background import Aside, checkpoint


def test_the_result_and_the_error_of_the_work_come_back() -> None:
    with Aside(lambda: 41 + 1) as aside:
        assert aside.result() == 42
    with Aside(lambda: 1 // 0) as broken, pytest.raises(ZeroDivisionError):
        broken.result()


def test_the_work_ends_at_its_next_checkpoint_when_the_block_ends() -> None:
    steps = []
    begun = threading.Event()

    def work() -> None:
        for step in range(10_000):
            checkpoint()
            steps.append(step)
            begun.set()
            time.sleep(0.001)

    with Aside(work):
        assert begun.wait(60)
    assert 0 < len(steps) < 10_000
    assert not any(thread.name == "facedb-aside" for thread in threading.enumerate())


def test_a_checkpoint_elsewhere_does_nothing() -> None:
    checkpoint()


def test_a_process_that_fails_while_numpy_works_aside_ends_by_its_own_error() -> None:
    script = (
        "import numpy as np\n"
        "from facedb.core.machine.in_background import Aside, checkpoint\n"
        "a = np.random.default_rng(0).random((400, 400))\n"
        "def work():\n"
        "    for _ in range(10_000):\n"
        "        checkpoint(); a @ a; np.unique(a)\n"
        "with Aside(work):\n"
        "    raise SystemExit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 9
