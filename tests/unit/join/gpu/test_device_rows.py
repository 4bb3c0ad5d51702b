import numpy as np
import pytest

from facedb.join.error_bounds import score_error
from facedb.join.gpu.device_rows import DeviceRows, rounded, widened
from tests.unit.join.galleries import clustered, make_gallery
from tests.vectors import unit


@pytest.mark.parametrize("precision", ["float16", "bfloat16", "float32", "int8"])
@pytest.mark.parametrize("dim", [64, 100, 512])
def test_the_measured_error_bounds_the_scores_of_the_rounded_rows(precision, dim):
    gallery = clustered(np.random.default_rng(dim), 300, dim, 20)
    rows = DeviceRows(np, gallery, precision, 1 << 30)
    wide = widened(np, rows.rows(0, 300), precision, rows.scale)[:, :dim]
    exact = gallery.vectors.astype(np.float64)
    assert np.linalg.norm(wide - exact, axis=1).max() <= rows.error
    assert np.abs(wide @ wide.T - exact @ exact.T).max() <= score_error(rows.error, dim, 0.0)
    half_a_step = np.sqrt(dim) / rows.scale / 2
    largest = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-10, "int8": half_a_step}[precision]
    assert rows.error <= largest * 1.01


def test_bfloat16_rounds_to_nearest_even():
    values = np.array([[1.0, 1.0 + 2**-8, 1.0 + 3 * 2**-8, -0.5]], np.float32)
    assert widened(np, rounded(np, values, "bfloat16", 1.0), "bfloat16", 1.0).tolist() == [
        [1.0, 1.0, 1.0 + 2**-6, -0.5]
    ]


@pytest.mark.parametrize("precision", ["float16", "bfloat16", "float32", "int8"])
def test_rows_that_do_not_fit_are_streamed_and_stay_within_the_limit(precision):
    gallery = make_gallery(unit(np.random.default_rng(0).standard_normal((1_000, 64))), np.arange(1_000))
    whole = DeviceRows(np, gallery, precision, 1 << 30)
    item = 64 * {"float32": 4, "int8": 1}.get(precision, 2)
    limit = 400 * item
    streamed = DeviceRows(np, gallery, precision, limit)
    assert whole.resident
    assert not streamed.resident
    step = streamed.panel_rows(least=1)
    assert step == 100
    for start in [*range(0, 1_000, step), 0, 900, 100]:
        part = streamed.rows(start, start + step)
        assert (part == whole.rows(start, start + step)).all()
        assert streamed._bytes == sum((b - a) * item for a, b in streamed._parts) <= limit
    some = np.array([3, 999, 20])
    assert (streamed.gather(some) == whole.gather(some)).all()
    assert (streamed.gather(np.arange(5, 9)) == whole.gather(np.arange(5, 9))).all()
    streamed.close()
    assert streamed._bytes == 0
