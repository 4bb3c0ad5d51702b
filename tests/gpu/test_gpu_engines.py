"""The property tests of the join on a real GPU: the same rows as the definition, whatever the route, block and memory limit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb.bench.synthetic import synthetic_gallery
from facedb.join.engine import choose_engine, open_searcher, self_test
from facedb.join.gallery import Gallery
from facedb.join.gpu import cuda, faiss_gpu
from facedb.join.gpu.cuda_device import CudaDevice
from facedb.join.gpu.faiss_devices import FaissRoute
from facedb.join.gpu.half_precision_device import HalfPrecisionDevice
from facedb.join.score import pair_scores
from facedb.join.sieve import Sieve
from tests.unit.join.galleries import clustered, every_pair, make_gallery, run, searched
from tests.vectors import unit

pytestmark = pytest.mark.gpu

SLOW = settings(max_examples=25)
MODULES = {"faiss-gpu": faiss_gpu, "cuda": cuda}
ROUTES = [
    FaissRoute("bfloat16", way="tiles"),
    FaissRoute("float16", way="tiles"),
    FaissRoute("float16", way="index"),
    FaissRoute("float16", cuvs=True, way="index"),
    FaissRoute("float32"),
    FaissRoute("float32", cuvs=True),
    FaissRoute("float16"),
    FaissRoute("bfloat16"),
]


@pytest.fixture(params=list(MODULES))
def engine(request: pytest.FixtureRequest) -> str:
    """A GPU engine that this machine has; skips with what is missing."""
    info = MODULES[request.param].probe()
    if not info.available:
        pytest.skip(f"{request.param}: {info.reason}")
    name: str = request.param
    return name


@pytest.fixture(params=ROUTES, ids=str)
def route(request: pytest.FixtureRequest) -> FaissRoute:
    """A FAISS route that this machine has."""
    info = faiss_gpu.probe()
    if not info.available:
        pytest.skip(f"faiss-gpu: {info.reason}")
    import faiss

    route: FaissRoute = request.param
    if route.cuvs and "CUVS" not in faiss.get_compile_options():
        pytest.skip("this FAISS was built without cuVS")
    return route


def test_a_gpu_engine_finds_exactly_the_pairs_of_the_definition(engine):
    @SLOW
    @given(
        seed=st.integers(0, 2**31),
        rows=st.integers(0, 220),
        dim=st.sampled_from([64, 128, 256, 512, 1280]),
        identities=st.integers(1, 40),
        threshold=st.floats(-0.2, 0.9),
        target=st.integers(1, 250),
        data=st.data(),
    )
    def check(seed, rows, dim, identities, threshold, target, data):
        gallery = clustered(np.random.default_rng(seed), rows, dim, identities)
        first_new = data.draw(st.integers(0, rows))
        rows_found = run(gallery, threshold, engine, target_rows=target, first_new=first_new)
        assert rows_found == every_pair(gallery, threshold, first_new)

    check()


@pytest.mark.parametrize("dim", [64, 128, 256, 512, 1280])
def test_a_pair_exactly_at_the_threshold_is_flagged_on_the_gpu(engine, dim):
    gallery = clustered(np.random.default_rng(dim), 300, dim, 60)
    rows_a, rows_b = np.triu_indices(300, k=1)
    for score in np.quantile(pair_scores(gallery.vectors, rows_a, rows_b), [0.9, 0.999], method="nearest"):
        assert run(gallery, float(score), engine) == every_pair(gallery, float(score))


def test_a_large_gallery_has_the_same_rows_as_on_the_cpu(engine):
    gallery = synthetic_gallery(40_000, 512, seed=2).gallery
    assert run(gallery, 0.4, engine, target_rows=8_192) == run(gallery, 0.4, "int8", target_rows=8_192)


def test_an_identity_of_5000_faces_hides_nothing_on_the_gpu(engine):
    rng = np.random.default_rng(5)
    vectors = unit(rng.standard_normal(64) + 0.2 * rng.standard_normal((5_400, 64)))
    gallery = make_gallery(vectors, np.concatenate([np.zeros(5_000), np.ones(2), np.arange(2, 400)]))
    assert run(gallery, 0.97, engine, target_rows=2_048) == run(gallery, 0.97, "exact", target_rows=2_048)


def test_the_self_test_of_a_gpu_engine_stays_below_epsilon(engine):
    for dim in (64, 512, 1280):
        gallery = clustered(np.random.default_rng(dim), 4_000, dim, 300)
        searcher = open_searcher(engine, gallery, Sieve(gallery, 0.4), 1)
        assert self_test(engine, searcher, gallery) <= searcher.epsilon
        searcher.close()


def test_auto_takes_the_gpu(engine):
    assert choose_engine("auto").name in MODULES
    assert choose_engine(engine).name == engine


@pytest.mark.parametrize("max_bytes", [None, 4 << 20])
def test_every_faiss_route_is_exact_resident_and_streamed(route, max_bytes):
    gallery = synthetic_gallery(12_000, 512, seed=4).gallery
    searcher = faiss_gpu.open_route(gallery, Sieve(gallery, 0.4), route, max_bytes=max_bytes)
    assert self_test("faiss-gpu", searcher, gallery) <= searcher.epsilon
    assert searched(searcher, gallery, 5_000) == run(gallery, 0.4, "int8", target_rows=5_000)
    searcher.close()


@pytest.fixture(params=["int8", "float16"])
def kind(request: pytest.FixtureRequest) -> type[CudaDevice]:
    """The two ways of the engine ``cuda`` to multiply."""
    info = cuda.probe()
    if not info.available:
        pytest.skip(f"cuda: {info.reason}")
    if request.param == "float16":
        return HalfPrecisionDevice
    pytest.importorskip("triton")
    from facedb.join.gpu.int8_device import Int8Device

    return Int8Device


# Buffers that run over, galleries that are streamed, shapes that keep a strip of rows and such that do not.
@pytest.mark.parametrize("dim", [64, 100, 192, 512, 1280])
@pytest.mark.parametrize(("max_bytes", "capacity"), [(None, 1 << 20), (None, 64), (4 << 20, 64), (4 << 20, 1 << 20)])
def test_cuda_is_exact_when_the_buffer_overflows_and_the_gallery_is_streamed(kind, max_bytes, capacity, dim):
    gallery = synthetic_gallery(12_000, dim, seed=4).gallery
    searcher = cuda.open_devices(gallery, Sieve(gallery, 0.4), kind, max_bytes=max_bytes, capacity=capacity)
    assert self_test("cuda", searcher, gallery) <= searcher.epsilon
    assert searched(searcher, gallery, 5_000) == run(gallery, 0.4, "int8", target_rows=5_000)
    searcher.close()


def test_adversarial_vectors_are_found_by_both_ways(kind):
    rng = np.random.default_rng(3)
    signs = np.where(rng.random((600, 256)) < 0.5, -1.0, 1.0)
    signs[300:] = signs[:300]
    axes = np.eye(256)[rng.integers(0, 256, 400)] * np.where(rng.random(400) < 0.5, -1.0, 1.0)[:, None]
    gallery = make_gallery(unit(np.concatenate([signs, axes, axes + 1e-4])), np.arange(1_400) // 2)
    for threshold in (0.0, 0.5, 1.0 - 1e-7):
        searcher = cuda.open_devices(gallery, Sieve(gallery, threshold), kind)
        assert searched(searcher, gallery, 300) == every_pair(gallery, threshold)
        searcher.close()


def test_a_gallery_that_int8_codes_blur_is_searched_in_float16_and_says_so():
    info = cuda.probe()
    if not info.available:
        pytest.skip(f"cuda: {info.reason}")
    vectors = unit(np.random.default_rng(0).standard_normal((2_000, 512)))
    vectors[0] = np.eye(512)[0]
    gallery = Gallery(vectors, np.arange(2_000), np.arange(2_000))
    searcher = open_searcher("cuda", gallery, Sieve(gallery, 0.1), 1)
    assert "too coarse" in searcher.method
    assert searched(searcher, gallery, 700) == every_pair(gallery, 0.1)
    searcher.close()
