"""Arrays that behave like those of a GPU: they compute by NumPy, and refuse to be mixed with arrays of the host, as CuPy's do."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np


class DeviceArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array on a device that only ``get`` copies to the host."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = values

    def __array__(self, *_args, **_kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **kwargs):
        if out:
            kwargs["out"] = tuple(_bare(each) for each in out)
        return _wrapped(getattr(ufunc, method)(*(_bare(each) for each in inputs), **kwargs))

    def __array_function__(self, function, _types, args, kwargs):
        return _wrapped(function(*_bare(args), **{name: _bare(value) for name, value in kwargs.items()}))

    def __getitem__(self, key):
        return _wrapped(self._values[_bare(key)])

    def __setitem__(self, key, value):
        self._values[_bare(key)] = _bare(value)

    def __len__(self):
        return len(self._values)

    def __bool__(self):
        return bool(self._values)

    def __float__(self):
        return float(self._values)

    def get(self):
        return self._values.copy()

    @property
    def shape(self):
        return self._values.shape

    def __getattr__(self, name):
        if name not in ("astype", "copy", "view", "sum", "max", "all"):
            raise AttributeError(name)
        method = getattr(self._values, name)
        return lambda *args, **kwargs: _wrapped(method(*_bare(args), **kwargs))


def _bare(value):
    if isinstance(value, DeviceArray):
        return value._values
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    return type(value)(_bare(each) for each in value) if isinstance(value, tuple | list) else value


def _wrapped(value):
    return DeviceArray(np.asarray(value)) if isinstance(value, np.ndarray | np.generic) else value


device = SimpleNamespace(
    asarray=lambda values: values if isinstance(values, DeviceArray) else DeviceArray(np.array(values)),
    empty=lambda shape, dtype: DeviceArray(np.empty(shape, dtype)),
    **{name: getattr(np, name) for name in ("float16", "float32", "float64", "uint16", "uint32")},
)
