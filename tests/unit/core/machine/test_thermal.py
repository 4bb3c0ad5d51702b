"""The temperature guard, with sensors and time played by the test."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from facedb.core.errors import UsageError
from facedb.core.machine.thermal import Reading, TemperatureGuard, read_sensors


class Machine:
    """A machine whose temperature follows a script; one step a look."""

    def __init__(self, *celsius: float) -> None:
        self.script = list(celsius)
        self.now = 0.0
        self.said: list[str] = []

    def sensors(self) -> list[Reading]:
        value = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return [Reading("disk-like", value - 20), Reading("cpu", value)]

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def guard(self, limit: float | Literal["auto"] | None, cool_to: float | None = None) -> TemperatureGuard:
        return TemperatureGuard(
            limit, cool_to, tell=self.said.append, sensors=self.sensors, sleep=self.sleep, clock=lambda: self.now
        )


def test_a_cool_machine_is_never_paused_and_hears_nothing() -> None:
    machine = Machine(40)
    guard = machine.guard(75, 65)
    for _ in range(10):
        machine.now += 10
        assert guard.wait_while_hot() == 0
    assert machine.said == []


def test_a_hot_machine_pauses_until_it_has_cooled_down_and_goes_on_by_itself() -> None:
    machine = Machine(40, 80, 78, 70, 66, 64, 50)
    guard = machine.guard(75, 65)
    assert guard.wait_while_hot() == 20
    assert guard.paused_seconds == 20
    assert "cpu is at 80" in machine.said[0]
    assert "Going on" in machine.said[-1]
    assert guard.wait_while_hot() == 0


def test_exactly_at_the_limit_is_not_above_it() -> None:
    assert Machine(75).guard(75, 65).wait_while_hot() == 0


def test_sensors_are_read_only_every_few_seconds() -> None:
    machine = Machine(40, 40, 90, 50)
    guard = machine.guard(75)
    assert guard.wait_while_hot() == 0
    machine.now += 1
    assert guard.wait_while_hot() == 0
    machine.now += 5
    assert guard.wait_while_hot() > 0


def test_auto_without_sensors_says_so_once_and_works_on() -> None:
    said: list[str] = []
    guard = TemperatureGuard("auto", tell=said.append, sensors=list)
    for _ in range(3):
        assert guard.wait_while_hot() == 0
    assert len(said) == 1
    assert "not guarded" in said[0]


def test_a_limit_without_sensors_is_refused() -> None:
    with pytest.raises(UsageError, match="No temperature sensor"):
        TemperatureGuard(75, tell=lambda _: None, sensors=list)


def test_no_limit_reads_no_sensor() -> None:
    def broken() -> list[Reading]:
        raise AssertionError("read")

    assert TemperatureGuard(None, tell=lambda _: None, sensors=broken).wait_while_hot() == 0


def test_cool_to_lies_below_the_limit() -> None:
    with pytest.raises(UsageError, match="--cool-to"):
        Machine(40).guard(65, 65)
    assert Machine(40).guard(75).cool_to == 65
    assert Machine(40).guard("auto").limit == 85


def test_sensors_that_vanish_end_the_pause() -> None:
    machine = Machine(90)
    guard = machine.guard(75)
    readings = [[Reading("cpu", 90.0)], []]
    guard._sensors = lambda: readings.pop(0)
    assert guard.wait_while_hot() == 5


def test_cpu_and_gpu_sensors_are_read_and_others_left_out(tmp_path: Path) -> None:
    def write(path: str, text: str) -> None:
        target = tmp_path / "class" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text + "\n", encoding="utf-8")

    write("hwmon/hwmon0/name", "coretemp")
    write("hwmon/hwmon0/temp1_input", "61500")
    write("hwmon/hwmon0/temp1_label", "Package id 0")
    write("hwmon/hwmon0/temp2_input", "broken")
    write("hwmon/hwmon0/temp3_input", "-273000")
    write("hwmon/hwmon1/name", "nvme")
    write("hwmon/hwmon1/temp1_input", "99000")
    write("hwmon/hwmon2/name", "amdgpu")
    write("hwmon/hwmon2/temp1_input", "70000")
    write("thermal/thermal_zone0/type", "x86_pkg_temp")
    write("thermal/thermal_zone0/temp", "58000")
    write("thermal/thermal_zone1/type", "acpitz")
    write("thermal/thermal_zone1/temp", "90000")
    found = {reading.name: reading.celsius for reading in read_sensors(tmp_path) if not reading.name.startswith("GPU ")}
    assert found == {"coretemp Package id 0": 61.5, "amdgpu temp1": 70.0, "x86_pkg_temp": 58.0}


def test_a_machine_without_sys_has_no_cpu_sensors(tmp_path: Path) -> None:
    assert [reading for reading in read_sensors(tmp_path) if not reading.name.startswith("GPU ")] == []
