"""ONNX Runtime: what a graph says of itself, and sessions on the processor that was asked for."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from facedb.core.errors import ModelError, first_line
from facedb.core.machine import memory
from facedb.embedding import cuda
from facedb.embedding.model_files.model_hash import model_files

PROVIDERS: Final = ("auto", "cpu", "cuda")
LIMIT_S: Final = 30.0
"""A run of one picture that takes longer than this many seconds is assumed never to end."""

# While a graph is loaded its weights are there twice; the runtime itself, and what one photo needs of a detector and a model.
_SESSION_BYTES: Final = 64 << 20
_DTYPES: Final = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}

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
        if not cuda.built_with_cuda(ort):
            raise ModelError(_no_cuda(cuda.why_not(ort)))
        cuda.preload(ort)
        # Its complaints about missing libraries go to stderr as they come; the sentence of the error says it once.
        ort.set_default_logger_severity(4)
        providers.insert(0, (cuda.PROVIDER, {"use_tf32": "1" if precision == "tf32" else "0"}))
    # ONNX Runtime opens whatever files the graph names, so they are looked at first.
    size = sum(each.stat().st_size for each in model_files(path))
    memory.expect(2 * size + _SESSION_BYTES, f"Loading {path.name}", "free some, or raise the limit.")
    try:
        session = ort.InferenceSession(str(path), options, providers=providers)
    except Exception as fault:  # ONNX Runtime derives its exceptions from nothing narrower
        if provider == "cuda":
            raise ModelError(_no_cuda(cuda.why_not(ort) or first_line(fault))) from fault
        raise ModelError(f"ONNX Runtime cannot load {path.name}: {first_line(fault)}") from fault
    if provider == "cuda" and session.get_providers()[0] != cuda.PROVIDER:
        raise ModelError(_no_cuda(cuda.why_not(ort)))
    return session


def run_session(
    session: Any, name: str, value: NDArray[Any], outputs: list[str] | None, *, limit_s: float | None = None
) -> list[NDArray[Any]]:
    """One call of a session with a single input; raises ModelError where ONNX Runtime fails, and after ``limit_s`` seconds."""
    options, timer = None, None
    if limit_s is not None:
        # A graph may loop for ever, and Ctrl-C is not seen before it returns.
        options = runtime().RunOptions()
        options.log_severity_level = 4
        timer = threading.Timer(limit_s, setattr, (options, "terminate", True))
        timer.daemon = True
        timer.start()
    try:
        results: list[NDArray[Any]] = session.run(outputs, {name: value}, options)
    except Exception as fault:  # ONNX Runtime derives its exceptions from nothing narrower
        shape = "x".join(map(str, value.shape))
        if options is not None and options.terminate:
            raise ModelError(
                f"The model did not finish an input of {shape} in {limit_s:g} s: it may never end."
            ) from fault
        raise ModelError(f"The model failed on an input of {shape} {value.dtype}: {first_line(fault)}") from fault
    finally:
        if timer is not None:
            timer.cancel()
    return [np.asarray(result) for result in results]


def choose_provider(path: Path, wanted: str, precision: str) -> tuple[str, Any, str | None]:
    """(actual provider, session, note): ``cuda`` is CUDA or ModelError; ``auto`` is CUDA where it loads, else the CPU.

    The note says why a machine with a CUDA device, or an installation made for one, works on the CPU.
    """
    if wanted not in PROVIDERS:
        raise ModelError(f"There is no provider '{wanted}'; use auto, cpu or cuda.")
    if wanted == "cuda":
        return "cuda", open_session(path, "cuda", precision), None
    if wanted == "auto" and cuda.built_with_cuda(runtime()):
        try:
            return "cuda", open_session(path, "cuda", precision), None
        except ModelError as fault:
            return "cpu", open_session(path), f"Embedding runs on the CPU. {fault}"
    note = None
    if wanted == "auto" and cuda.device_count():
        note = "There is a CUDA device and it is not used: install facedb with the extra 'gpu' for it."
    return "cpu", open_session(path), note


def _no_cuda(reason: str) -> str:
    return (
        f"CUDA does not load: {reason or 'the provider gives no reason'}. Install facedb with the extra 'gpu' and a "
        "current NVIDIA driver, or use --provider cpu."
    )
