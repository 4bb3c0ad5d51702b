"""Which GPUs a process sees, as it names them to others."""

import sys
from types import SimpleNamespace

import pytest

from facedb.join.gpu import nvidia


@pytest.mark.parametrize(
    ("said", "count", "seen"),
    [(None, 2, ["0", "1"]), ("3, 5", 2, ["3", "5"]), ("GPU-8a,GPU-1c,9", 2, ["GPU-8a", "GPU-1c"])],
)
def test_gpus_are_named_as_the_user_named_them(monkeypatch, said, count, seen):
    # CuPy counts; CUDA leaves out what stands behind a name that it does not know.
    runtime = SimpleNamespace(getDeviceCount=lambda: count)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=SimpleNamespace(runtime=runtime)))
    monkeypatch.setattr(nvidia, "missing_gpu", lambda: None)
    if said is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", said)
    assert nvidia.visible_gpus() == seen


def test_where_no_gpu_can_be_used_none_is_seen(monkeypatch):
    monkeypatch.setattr(nvidia, "missing_gpu", lambda: "no NVIDIA driver, libcuda.so.1")
    assert nvidia.visible_gpus() == []
