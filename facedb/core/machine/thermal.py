"""The temperature guard: work pauses between two steps while the hottest CPU or GPU sensor is above a limit.

Sensors are read from Linux' hwmon and thermal zones and from the NVIDIA management library; elsewhere there are none.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from facedb.core.errors import UsageError

AUTO_MAX: Final = 85.0
AUTO_COOL_TO: Final = 75.0
_DEFAULT_DROP: Final = 10.0

_CHIPS: Final = frozenset(
    {"coretemp", "k10temp", "k8temp", "zenpower", "via_cputemp", "cpu_thermal", "soc_thermal"}
    | {"amdgpu", "radeon", "nouveau", "i915", "xe"}
)
_ZONES: Final = ("x86_pkg_temp", "cpu", "soc", "gpu")
_NVML_TEMPERATURE_GPU: Final = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """One sensor: its name for a person, and degrees Celsius."""

    name: str
    celsius: float


class TemperatureGuard:
    """Pauses between batches and blocks while it is too hot.

    ``max_temp`` in degrees Celsius, "auto" (85, where there are sensors) or None (off); goes on at ``cool_to`` (default
    10 degrees lower). Sensors are read at most every ``interval`` seconds. ``tell`` receives one sentence for a person
    when a pause begins, goes on and ends. Raises UsageError where the limits do not fit, or a number was given and no
    sensor can be read.
    """

    def __init__(
        self,
        max_temp: float | Literal["auto"] | None,
        cool_to: float | None = None,
        *,
        tell: Callable[[str], None],
        sensors: Callable[[], Sequence[Reading]] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        interval: float = 5.0,
    ) -> None:
        self._sensors = sensors or read_sensors
        self._tell, self._sleep, self._clock, self._interval = tell, sleep, clock, interval
        self._next_look = float("-inf")
        self.paused_seconds = 0.0
        self.limit = AUTO_MAX if max_temp == "auto" else max_temp
        if self.limit is None:
            return
        self.cool_to = _resume_at(max_temp, self.limit, cool_to)
        if self.cool_to >= self.limit:
            raise UsageError(f"--cool-to {self.cool_to:g} must be below --max-temp {self.limit:g}.")
        if self.hottest() is None:
            if max_temp != "auto":
                raise UsageError("No temperature sensor can be read on this machine; leave --max-temp out or use auto.")
            tell("No temperature sensor can be read on this machine: it is not guarded against heat.")
            self.limit = None

    def hottest(self) -> Reading | None:
        """The hottest sensor now; None where none can be read."""
        return max(self._sensors(), key=lambda reading: reading.celsius, default=None)

    def wait_while_hot(self) -> float:
        """Return at once, or after the machine has cooled down; seconds paused. To be called between units of work."""
        if self.limit is None or self._clock() < self._next_look:
            return 0.0
        began = self._clock()
        self._next_look = began + self._interval
        reading = self.hottest()
        if reading is None or reading.celsius <= self.limit:
            return 0.0
        self._tell(
            f"{reading.name} is at {reading.celsius:.0f} °C (limit {self.limit:g}): cooling to {self.cool_to:g} °C."
        )
        while reading is not None and reading.celsius > self.cool_to:
            self._sleep(self._interval)
            reading = self.hottest()
            if reading is not None and reading.celsius > self.cool_to:
                self._tell(f"Cooling: {reading.name} is at {reading.celsius:.0f} °C, waiting for {self.cool_to:g} °C.")
        now = self._clock()
        self._tell(f"Going on after a pause of {now - began:.0f} s.")
        self.paused_seconds += now - began
        self._next_look = now + self._interval
        return now - began


def _resume_at(max_temp: float | str | None, limit: float, cool_to: float | None) -> float:
    if cool_to is not None:
        return cool_to
    return AUTO_COOL_TO if max_temp == "auto" else limit - _DEFAULT_DROP


def read_sensors(root: Path = Path("/sys")) -> tuple[Reading, ...]:
    """Every CPU and GPU temperature that this machine shows; empty where it shows none."""
    return (*_hwmon(root / "class" / "hwmon"), *_zones(root / "class" / "thermal"), *_nvidia())


def _hwmon(folder: Path) -> list[Reading]:
    found = []
    for chip in sorted(folder.glob("hwmon*")):
        name = _text(chip / "name")
        if name not in _CHIPS:
            continue
        for entry in sorted(chip.glob("temp*_input")):
            label = _text(entry.with_name(entry.name.replace("_input", "_label"))) or entry.name.removesuffix("_input")
            found += _reading(f"{name} {label}", entry)
    return found


def _zones(folder: Path) -> list[Reading]:
    found = []
    for zone in sorted(folder.glob("thermal_zone*")):
        kind = _text(zone / "type") or ""
        if kind.lower().startswith(_ZONES):
            found += _reading(kind, zone / "temp")
    return found


def _reading(name: str, entry: Path) -> list[Reading]:
    text = _text(entry)
    try:
        celsius = int(text or "") / 1000
    except ValueError:
        return []
    # Absent sensors show values such as -273 or 0 or 65261 degrees.
    return [Reading(name, celsius)] if 0 < celsius < 150 else []


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", errors="replace").strip()
    except OSError:
        return None


def _nvidia() -> list[Reading]:
    library = _nvml()
    if library is None:
        return []
    count = ctypes.c_uint(0)
    if library.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
        return []
    found = []
    for index in range(count.value):
        device, celsius = ctypes.c_void_p(), ctypes.c_uint(0)
        if library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(device)) != 0:
            continue
        if library.nvmlDeviceGetTemperature(device, _NVML_TEMPERATURE_GPU, ctypes.byref(celsius)) == 0:
            found.append(Reading(f"GPU {index}", float(celsius.value)))
    return found


def _nvml() -> ctypes.CDLL | None:
    """The NVIDIA management library, ready for use; it counts its initialisations, so a second one costs nothing."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    return library if library.nvmlInit_v2() == 0 else None
