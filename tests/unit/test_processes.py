"""What tests wait for has an end that says so: a gate that hangs tells nothing."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from tests.processes import Process, join, until

ENDLESS = [sys.executable, "-c", "import sys, time; sys.stdout.write('no line'); sys.stdout.flush(); time.sleep(600)"]


def endless() -> Process:
    return Process(ENDLESS, seconds=0.5, stdout=subprocess.PIPE)


def test_a_process_that_does_not_end_is_killed_in_a_sentence_however_it_is_waited_for() -> None:
    with endless() as process, pytest.raises(subprocess.TimeoutExpired, match="timed out"):
        process.communicate()
    with endless() as process, pytest.raises(subprocess.TimeoutExpired, match="timed out"):
        process.wait()
    with endless() as process, pytest.raises(AssertionError, match="did not come to its end"):
        until(process.poll, "its end")
    with endless() as process, pytest.raises(AssertionError, match="printed no line"):
        process.line()


def test_a_process_does_not_outlive_the_test_that_fails_beside_it() -> None:
    with pytest.raises(ZeroDivisionError), Process(ENDLESS, stdout=subprocess.PIPE) as process:
        raise ZeroDivisionError
    assert process.returncode == -9


def test_a_state_that_does_not_come_and_a_thread_that_does_not_end_are_named() -> None:
    with pytest.raises(AssertionError, match="the spring did not come"):
        until(lambda: False, "the spring", seconds=0)
    done = threading.Thread(target=int)
    done.start()
    join(done)
    assert not done.is_alive()
