"""ONNX Runtime: what a graph says of itself, and sessions on the processor that was asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from facedb.core.errors import ModelError

PROVIDERS: Final = ("auto", "cpu", "cuda")
_DTYPES: Final = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}
_LIBRARY: Final = re.compile(r"(lib[\w.+-]+\.so[\w.]*|[\w.-]+\.dll)")

Dimensions = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output of a graph: ``shape`` has None where a dimension is free; ``dtype`` is NumPy's name."""

    name: str
    shape: Dimensions
    dtype: str


@dataclass(frozen=True, slots=True)
class Graph:
    """What an ONNX file says of itself."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


def runtime() -> ModuleType:
    """The onnxruntime module; raises ModelError that says which extra to install where there is none."""
    try:
        import onnxruntime
    except ImportError as fault:
        raise ModelError(
            f"ONNX Runtime cannot be imported ({fault}); install facedb with the extra 'cpu' or 'gpu'."
        ) from fault
    module: ModuleType = onnxruntime
    return module


def graph_of(session: Any) -> Graph:
    """Names, shapes and types of the inputs and outputs of a session."""
    return Graph(_tensors(session.get_inputs()), _tensors(session.get_outputs()))


def _tensors(nodes: Any) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(
            node.name,
            tuple(size if isinstance(size, int) and size > 0 else None for size in node.shape or ()),
            _DTYPES.get(node.type, node.type),
        )
        for node in nodes
    )


def open_session(path: Path, provider: str = "cpu", precision: str = "float32") -> Any:
    """A session of one ONNX file on ``cpu`` (one thread a call, calls may overlap) or ``cuda``.

    ``precision`` "tf32" lets a GPU round the factors of float32 products. Raises ModelError where the file cannot be
    loaded, and where CUDA was asked for and does not load.
    """
    ort = runtime()
    options = ort.SessionOptions()
    # Several calls at a time on one thread each beat one call on several threads, and give the same bits every time.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Free input sizes would otherwise leave one memory plan behind for every size that was ever seen.
    options.enable_mem_pattern = False
    providers: list[Any] = ["CPUExecutionProvider"]
    if provider == "cuda":
        ort.preload_dlls()
        providers.insert(0, ("CUDAExecutionProvider", {"use_tf32": "1" if precision == "tf32" else "0"}))
    if not path.is_file():
        raise ModelError(f"There is no model file {path}; check the path, or get it with 'facedb model pull'.")
    try:
        session = ort.InferenceSession(str(path), options, providers=providers)
    except Exception as fault:  # ONNX Runtime derives its exceptions from nothing narrower
        if provider == "cuda":
            raise ModelError(_no_cuda(str(fault))) from fault
        raise ModelError(f"ONNX Runtime cannot load {path.name}: {_first_line(fault)}") from fault
    if provider == "cuda" and session.get_providers()[0] != "CUDAExecutionProvider":
        raise ModelError(_no_cuda(cuda_fault()))
    return session


def run_session(session: Any, name: str, value: NDArray[Any], outputs: list[str] | None) -> list[NDArray[Any]]:
    """One call of a session with a single input; raises ModelError where ONNX Runtime fails."""
    try:
        results: list[NDArray[Any]] = session.run(outputs, {name: value})
    except Exception as fault:  # ONNX Runtime derives its exceptions from nothing narrower
        shape = "x".join(map(str, value.shape))
        raise ModelError(f"The model failed on an input of {shape} {value.dtype}: {_first_line(fault)}") from fault
    return [np.asarray(result) for result in results]


def cuda_fault() -> str:
    """Why CUDA does not load here, in the loader's words; empty where it could load."""
    ort = runtime()
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        return "this build of ONNX Runtime has no CUDA provider"
    import ctypes

    library = Path(str(ort.__file__)).parent / "capi" / "libonnxruntime_providers_cuda.so"
    try:
        ctypes.CDLL(str(library.with_name("libonnxruntime_providers_shared.so")), mode=ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(library))
        ctypes.CDLL("libcuda.so.1")
    except OSError as fault:
        return str(fault)
    return ""


def choose_provider(path: Path, wanted: str, precision: str) -> tuple[str, Any]:
    """(actual provider, session): ``auto`` is CUDA where it loads and else the CPU; ``cuda`` never falls back."""
    if wanted not in PROVIDERS:
        raise ModelError(f"There is no provider '{wanted}'; use auto, cpu or cuda.")
    if wanted == "cpu":
        return "cpu", open_session(path)
    if wanted == "auto" and (cuda_fault() or not _has_device()):
        return "cpu", open_session(path)
    try:
        return "cuda", open_session(path, "cuda", precision)
    except ModelError:
        if wanted == "cuda":
            raise
        return "cpu", open_session(path)


def _has_device() -> bool:
    """Whether the driver counts at least one CUDA device."""
    import ctypes

    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def _no_cuda(text: str) -> str:
    found = _LIBRARY.search(text.replace("libonnxruntime_providers_cuda.so", ""))
    reason = f"the library {found.group(1)} is missing or does not load" if found else text or "no CUDA device answers"
    return (
        f"CUDA was asked for and does not load: {reason}. Install facedb with the extra 'gpu' and a current NVIDIA "
        "driver, or use --provider cpu."
    )


def _first_line(fault: BaseException) -> str:
    return (str(fault).strip().splitlines() or [type(fault).__name__])[0]
