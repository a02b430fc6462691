"""Pressure and flow of one injection, and the fault a service person can find and clear.

Pure: time comes in as seconds elapsed. Pressures are in kilopascal, flows in millilitres a
second, volumes in millilitres, temperatures in degrees Celsius.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

__all__ = [
    "Fault",
    "Injector",
    "Phase",
    "clear_fault",
    "power_cut",
    "start_exam",
    "step",
    "stop_exam",
    "zero",
]

SENSOR_DRIFT = 38.0
"""What the pressure sensor reads wrongly, after a power cut, until it is zeroed (kPa)."""
_RESISTANCE = 210.0
_HALF_RISE_S = 0.8


class Phase(StrEnum):
    """What the injector is doing."""

    STANDBY = "standby"
    EXAM = "exam"


class Fault(StrEnum):
    """What the injector reports as wrong."""

    NONE = "none"
    E12 = "E12"


@dataclass(frozen=True)
class Injector:
    """Everything the simulated injector is at one moment."""

    phase: Phase = Phase.STANDBY
    fault: Fault = Fault.NONE
    sensor_offset: float = 0.0
    pressure: float = 0.0
    flow: float = 0.0
    volume: float = 0.0
    temperature: float = 36.8
    since_start: float = 0.0
    injections: int = 4127

    def to_dict(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return {
            name: value.value if isinstance(value, StrEnum) else value
            for name, value in vars(self).items()
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Injector":
        """Return the state read from `to_dict` values; raises TypeError or ValueError."""
        known = dict(values)
        return cls(phase=Phase(known.pop("phase")), fault=Fault(known.pop("fault")), **known)


def step(injector: Injector, seconds: float) -> Injector:
    """Return the injector `seconds` later; a fault stops any flow."""
    flowing = injector.phase is Phase.EXAM and injector.fault is Fault.NONE
    wanted = 4.5 if flowing else 0.0
    rise = 1.0 - math.exp(-seconds / _HALF_RISE_S)
    flow = injector.flow + (wanted - injector.flow) * rise
    age = injector.since_start + seconds
    return replace(
        injector,
        flow=round(flow, 3),
        pressure=round(flow * _RESISTANCE + injector.sensor_offset, 2),
        volume=round(injector.volume + flow * seconds, 2),
        temperature=round(36.8 + 0.4 * math.sin(age / 40.0), 2),
        since_start=round(age, 2),
    )


def start_exam(injector: Injector) -> Injector:
    """Return the injector with an examination running on it."""
    return replace(injector, phase=Phase.EXAM, volume=0.0, injections=injector.injections + 1)


def stop_exam(injector: Injector) -> Injector:
    """Return the injector back in standby, its flow fallen to nothing."""
    return step(replace(injector, phase=Phase.STANDBY), 10.0)


def power_cut(injector: Injector) -> Injector:
    """Return the injector after a power cut: the sensor has drifted and E12 is set."""
    return replace(
        injector,
        phase=Phase.STANDBY,
        fault=Fault.E12,
        sensor_offset=SENSOR_DRIFT,
        flow=0.0,
        since_start=0.0,
    )


def zero(injector: Injector) -> Injector:
    """Return the injector with its pressure sensor zeroed; the fault stays until cleared."""
    return replace(injector, sensor_offset=0.0, pressure=round(injector.flow * _RESISTANCE, 2))


def clear_fault(injector: Injector) -> Injector:
    """Return the injector without fault, or raise ValueError while its cause is still there."""
    if abs(injector.sensor_offset) > 1.0:
        raise ValueError("the pressure sensor still reads wrong at zero flow: zero it first")
    return replace(injector, fault=Fault.NONE)
