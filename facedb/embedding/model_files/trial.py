"""A first run of a model that nobody knows yet, in a process of its own with bounds on time and memory.

A graph is a program: it may loop for ever or ask for more memory than there is, and neither can be stopped from within the
process that runs it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from facedb.core.errors import ModelError
from facedb.embedding.contract import ModelContract
from facedb.embedding.model_files.model_hash import model_files
from facedb.embedding.session import LIMIT_S

_START_S: Final = 60.0
_MEMORY_PER_BYTE: Final = 4


def try_out(
    path: Path,
    *,
    preset: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    notes: list[str] | None = None,
    limit_s: float = LIMIT_S,
    memory: int = 4 << 30,
) -> ModelContract | None:
    """As ``load_contract`` without a detector, in a bounded process; None where the file is a face detector.

    Raises ModelError as ``load_contract`` does, and in one sentence where the model does not end within ``limit_s`` seconds, needs
    more than ``memory`` bytes and four times its own size, or takes its process down.
    """
    size = sum(file.stat().st_size for file in model_files(path))
    memory += _MEMORY_PER_BYTE * size
    request = {
        "path": str(path),
        "preset": preset,
        "overrides": dict(overrides or {}),
        "memory": memory,
        "limit_s": limit_s,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-c", "from facedb.embedding.model_files.trial import main; main()"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=limit_s + _START_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelError(
            f"{path.name} did not end its first run in {limit_s + _START_S:g} s, so it is not taken."
        ) from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        raise ModelError(
            f"{path.name} took its process down at the first run ({how}), so it is not taken: the file is damaged, or asks for more "
            f"than {memory / 2**30:.0f} GiB of memory."
        ) from None
    if "fault" in answer:
        raise ModelError(answer["fault"])
    if notes is not None:
        notes += answer["notes"]
    contract = answer["contract"]
    return None if contract is None else ModelContract.from_dict(contract)


def main() -> None:
    """The other side: reads a request as JSON from stdin, answers on stdout."""
    request = json.load(sys.stdin)
    _bound(request["memory"])
    from facedb.embedding.model_files.resolve import is_detector, load_contract

    path = Path(request["path"])
    notes: list[str] = []
    answer: dict[str, Any]
    try:
        contract = None
        if not is_detector(path):
            contract = load_contract(
                path, preset=request["preset"], overrides=request["overrides"], notes=notes, limit_s=request["limit_s"]
            )
        answer = {"contract": None if contract is None else contract.to_dict(), "notes": notes}
    except (ModelError, MemoryError) as fault:
        answer = {"fault": str(fault)}
        # What ONNX Runtime says when it gets none, as long as it is the C++ library that notices.
        if isinstance(fault, MemoryError) or "bad_alloc" in str(fault):
            much = f"{request['memory'] / 2**30:.0f} GiB"
            answer = {"fault": f"{path.name} asks for more than {much} of memory, so it is not taken."}
    sys.stdout.write(json.dumps(answer))


def _bound(memory: int) -> None:
    """Let this process have so many bytes and no more, where the system can hold it to that."""
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
