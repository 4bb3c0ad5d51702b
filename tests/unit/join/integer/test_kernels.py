import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb.join import processor
from facedb.join.integer import kernels, onnx_kernel
from facedb.join.integer.kernels import KERNELS, fastest, in_words, measure, multiply, why_not
from facedb.join.integer.onnx_kernel import LARGEST_IN_INT16, OnnxRuntime

HERE = [kernel for kernel in (*KERNELS, OnnxRuntime(LARGEST_IN_INT16)) if why_not(kernel, 64) is None]
each_kernel = pytest.mark.parametrize("kernel", HERE, ids=[kernel.name for kernel in HERE])


def wide_products(rows, columns):
    return rows.astype(np.int64) @ columns.astype(np.int64).T


@each_kernel
@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**31),
    m=st.integers(1, 70),
    n=st.integers(1, 70),
    width=st.sampled_from([32, 64, 96, 128, 320, 512, 1280]),
)
def test_every_kernel_adds_the_products_of_any_codes_exactly(kernel, seed, m, n, width):
    rng = np.random.default_rng(seed)
    most = kernel.largest
    rows, columns = (rng.integers(-most, most + 1, (count, width), dtype=np.int8) for count in (m, n))
    assert (multiply(kernel, rows, columns) == wide_products(rows, columns)).all()


@each_kernel
@pytest.mark.parametrize("width", [64, 512, 1280])
def test_every_kernel_adds_the_largest_products_there_are_exactly(kernel, width):
    rows = np.full((600, width), kernel.largest, np.int8)
    rows[1::2] *= -1
    columns = np.full((513, width), -kernel.largest, np.int8)
    columns[::2, ::3] *= -1
    assert (multiply(kernel, rows, columns) == wide_products(rows, columns)).all()


@each_kernel
def test_codes_converted_twice_are_the_codes(kernel):
    codes = np.random.default_rng(0).integers(-127, 128, (20, 64), dtype=np.int8)
    assert (kernel.convert(kernel.convert(codes.copy())).view(np.int8) == codes).all()


@each_kernel
def test_a_multiplier_keeps_its_output_and_fills_it_again(kernel):
    rng = np.random.default_rng(1)
    output = np.empty((30, 40), np.int32)
    product = kernel.multiplier(output)
    for _ in range(3):
        rows, columns = (rng.integers(-79, 80, (count, 64), dtype=np.int8) for count in (30, 40))
        expected = wide_products(rows, columns)
        product(kernel.convert(rows), kernel.pack(columns))
        assert (output == expected).all()


class Saturating:
    """A kernel whose sums of two products saturate in int16, as those of x86 without VNNI do."""

    name = "saturating"
    height = width = 64

    def __init__(self, largest=127):
        self.largest = largest

    def missing(self):
        return None

    def pack(self, codes):
        return codes.astype(np.int32)

    def convert(self, codes):
        return codes

    def multiplier(self, output):
        def product(rows, panel):
            pairs = (rows.astype(np.int32)[:, None, :] + 128) * panel[None, :, :]
            sums = np.clip(pairs[..., ::2] + pairs[..., 1::2], -(2**15), 2**15 - 1).sum(axis=2)
            output[:] = sums - 128 * panel.sum(axis=1)

        return product


def test_a_kernel_that_saturates_is_kept_out_and_never_the_fastest(monkeypatch):
    monkeypatch.setattr(kernels, "KERNELS", (*KERNELS, Saturating()))
    small = np.ones((4, 64), np.int8)
    assert (multiply(Saturating(), small, small) == 64).all()  # With small codes it looks right.
    measured = {speed.name: speed for speed in measure.__wrapped__(64)}
    assert measured["saturating"].tera_per_s is None
    assert "+-127" in (measured["saturating"].why_not or "")


def test_the_codes_taken_without_vnni_are_the_largest_that_int16_sums_add_exactly():
    assert why_not(Saturating(LARGEST_IN_INT16), 128) is None
    assert f"+-{LARGEST_IN_INT16 + 1}" in (why_not(Saturating(LARGEST_IN_INT16 + 1), 128) or "")


def test_the_fastest_kernel_is_the_one_that_measured_fastest():
    speeds = measure(256)
    assert fastest(256).name == speeds[0].name
    assert speeds[0].tera_per_s == max(speed.tera_per_s for speed in speeds if speed.tera_per_s is not None)
    assert all(speed.name in in_words(speeds) for speed in speeds)


@pytest.mark.parametrize(
    ("machine", "instructions", "largest"),
    [
        ("x86_64", ("AVX-512", "AVX2"), LARGEST_IN_INT16),
        ("AMD64", ("AVX2",), LARGEST_IN_INT16),
        ("x86_64", ("AVX-VNNI", "AVX2"), 127),
        ("aarch64", ("NEON dot",), 127),
    ],
)
def test_onnx_runtime_takes_smaller_codes_on_x86_without_vnni_alone(monkeypatch, machine, instructions, largest):
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(processor, "instructions", lambda: instructions)
    assert OnnxRuntime().largest == largest
    assert OnnxRuntime().missing() is None
    assert ("codes to 79" in OnnxRuntime().name) == (largest == 79)


def test_without_onnx_runtime_the_other_kernels_work(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "onnxruntime" else object())
    speeds = measure.__wrapped__(64)
    assert speeds[0].name == "NumKong"
    assert "not installed" in (speeds[-1].why_not or "")


def test_the_hand_written_model_is_what_onnx_would_write():
    model = onnx.load_from_string(onnx_kernel.model())
    onnx.checker.check_model(model, full_check=True)
    helper, types = onnx.helper, onnx.TensorProto

    def matrix(name, kind):
        return helper.make_tensor_value_info(name, kind, [None, None])

    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["rows", "columns", "zero"], ["products"])],
        "products",
        [matrix("rows", types.UINT8), matrix("columns", types.INT8)],
        [matrix("products", types.INT32)],
        [helper.make_tensor("zero", types.UINT8, [], [128])],
    )
    assert model.graph == graph
