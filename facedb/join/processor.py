"""The processor: what it is called and which instructions for integer products it has."""

from __future__ import annotations

import importlib.util
import platform
from pathlib import Path

# NumKong's names for sets of instructions, best first.
_INSTRUCTIONS = {
    "sapphireamx": "AMX",
    "icelake": "AVX-512 VNNI",
    "alder": "AVX-VNNI",
    "skylake": "AVX-512",
    "haswell": "AVX2",
    "neonsdot": "NEON dot",
    "neon": "NEON",
}
_EXACT_UNSIGNED = ("AMX", "AVX-512 VNNI", "AVX-VNNI")


def instructions() -> tuple[str, ...]:
    """The instruction sets that matter to integer products, best first; empty where NumKong knows none of them."""
    if importlib.util.find_spec("numkong") is None:
        return ()
    import numkong

    has = numkong.get_capabilities()
    return tuple(word for name, word in _INSTRUCTIONS.items() if has.get(name))


def best_instructions() -> str:
    """The best of `instructions` in words."""
    return next(iter(instructions()), "plain C")


def saturates_unsigned() -> bool:
    """Whether sums of unsigned by signed bytes may saturate in int16 here: x86 without VNNI (`VPMADDUBSW`)."""
    return platform.machine().lower() in ("x86_64", "amd64", "i686") and not set(instructions()) & set(_EXACT_UNSIGNED)


def processor_name() -> str:
    """The name the processor gives itself."""
    told = Path("/proc/cpuinfo")
    if told.exists():
        for line in told.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def openblas_core() -> str | None:
    """The `OPENBLAS_CORETYPE` this processor should get from an OpenBLAS that does not know it; None if no x86 type fits."""
    has = instructions()
    return "SkylakeX" if "AVX-512" in has else "Haswell" if "AVX2" in has else None
