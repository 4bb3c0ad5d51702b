"""Trains the demo's embedder on drawn persons and writes ``embedder.onnx``: ``python -m facedb.demo.model.train``.

Needs PyTorch and onnx, which facedb itself does not. The model is for the drawings of ``facedb.demo`` only and useless
on photographs. The seeds are fixed; bfloat16 arithmetic differs a little between processors, and so do the last digits.

Measured with ``python -m facedb.demo.model.train --measure`` on 200 persons that training never saw, 8 pictures each (5,600
genuine and 1,273,600 impostor pairs): equal error rate 0.23 % at a score of 0.60. The default run (4,000 persons, 6
pictures each, 20 epochs) took 20 minutes on one shared core.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedb.core.errors import FacedbError, UsageError
from facedb.core.records import Int64Array
from facedb.demo.drawing.face import draw_face
from facedb.demo.drawing.quality import Separation, separation
from facedb.demo.model.onnx_export import INPUT, GraphWriter, fold

log = logging.getLogger(__name__)

SIZE = 112
DIMENSION = 64
# Seeds of persons: the demo's datasets stay below 900,000, so that no training person is ever shown.
HELD_OUT_FROM = 900_000
TRAINING_FROM = 1_000_000
# (channels in, channels out, kernel, stride) of each convolution.
LAYERS = ((3, 16, 5, 2), (16, 32, 3, 2), (32, 64, 3, 2), (64, 64, 3, 1), (64, 96, 3, 2), (96, 16, 1, 1))
PERSONS, PICTURES = 64, 3
GROUP = 8
TEMPERATURE = 0.08
MAX_RATE = 3e-3


def main() -> None:
    """Draw, train, measure on persons never seen, export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--identities", type=int, default=4000)
    parser.add_argument("--pictures", type=int, default=6, help="pictures of each identity")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cache", type=Path, help="a .npy file that keeps the drawings between runs")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("embedder.onnx"))
    parser.add_argument("--measure", action="store_true", help="train nothing, measure the file that --out names")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if options.measure:
        log.info("%s", measure_file(options.out))
        return
    torch = needed("torch")
    needed("onnx")
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)

    images, labels = drawn(TRAINING_FROM, options.identities, options.pictures, 1.1, options.cache)
    held_out, held_out_labels = drawn(HELD_OUT_FROM, 200, 8, 1.0, None)
    network = build(torch)
    train(torch, network, images, labels, options.epochs, held_out, held_out_labels)
    export(network, options.out)
    log.info("wrote %s, %d bytes: %s", options.out, options.out.stat().st_size, measure_file(options.out))


def needed(name: str) -> Any:
    """A package that training needs and facedb does not."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(f"Training the demo model needs {name}: pip install torch onnx, then run it again.") from error


def drawn(
    first: int, identities: int, pictures: int, strength: float, cache: Path | None
) -> tuple[NDArray[np.uint8], Int64Array]:
    """Drawings (n, 3, 112, 112) of the persons from seed ``first`` on, and the number of each one's person (n,)."""
    labels = np.repeat(np.arange(identities, dtype=np.int64), pictures)
    if cache is not None and cache.exists():
        return np.load(cache), labels
    images = np.empty((len(labels), 3, SIZE, SIZE), np.uint8)
    started = time.monotonic()
    for row, identity in enumerate(labels):
        image = draw_face(first + int(identity), row % pictures, size=SIZE, strength=strength)
        images[row] = image.transpose(2, 0, 1)
    log.info("drew %d pictures in %.0f s", len(labels), time.monotonic() - started)
    if cache is not None:
        np.save(cache, images)
    return images, labels


def build(torch: Any) -> Any:
    """The network: six convolutions, then one linear layer, batch normalisation after each; input in -1 .. 1."""
    nn = torch.nn
    parts: list[Any] = []
    for inputs, outputs, kernel, stride in LAYERS:
        parts.append(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False))
        parts.append(nn.BatchNorm2d(outputs))
        parts.append(nn.ReLU())
    side = SIZE // 16
    parts += [nn.Flatten(), nn.Linear(LAYERS[-1][1] * side * side, DIMENSION, bias=False), nn.BatchNorm1d(DIMENSION)]
    return nn.Sequential(*parts).to(memory_format=torch.channels_last)


def train(
    torch: Any,
    network: Any,
    images: NDArray[np.uint8],
    labels: Int64Array,
    epochs: int,
    held_out: NDArray[np.uint8],
    held_out_labels: Int64Array,
) -> None:
    """Train with the supervised contrastive loss of Khosla et al. 2020 on batches of PERSONS persons, PICTURES each."""
    people = int(labels.max()) + 1
    rows_of = np.arange(len(labels)).reshape(people, -1)
    rounds = rows_of.shape[1] // PICTURES
    steps = epochs * rounds * (people // PERSONS)
    optimiser = torch.optim.AdamW(network.parameters(), lr=MAX_RATE, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=MAX_RATE, total_steps=steps, pct_start=0.1)
    rng = np.random.default_rng(2)
    started = time.monotonic()
    centres = None
    step = 0
    for epoch in range(epochs):
        network.train()
        found: dict[int, Any] = {}
        for first in range(rounds):
            chosen = rng.permuted(rows_of, axis=1)[:, first * PICTURES : (first + 1) * PICTURES]
            order = rng.permutation(people) if centres is None else look_alikes(centres, rng)
            for start in range(0, people - PERSONS + 1, PERSONS):
                persons = order[start : start + PERSONS]
                inputs = varied(torch, torch.from_numpy(images[chosen[persons].ravel()]), rng)
                # bfloat16 and channels last: 2.5 times the pictures a second on one core with AMX.
                with torch.autocast("cpu", torch.bfloat16):
                    vectors = network(inputs.to(memory_format=torch.channels_last)).float()
                unit = torch.nn.functional.normalize(vectors)
                loss = contrastive_loss(torch, unit)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                schedule.step()
                step += 1
                means = unit.detach().numpy().reshape(PERSONS, PICTURES, -1).mean(axis=1)
                found.update(zip(persons.tolist(), means, strict=True))
                if step % 50 == 0:
                    log.info("step %d of %d, loss %.3f, %.0f s", step, steps, loss.item(), time.monotonic() - started)
        # From the second epoch on, batches are full of persons that the network still takes for each other.
        centres = np.stack([found.get(person, np.zeros(DIMENSION, np.float32)) for person in range(people)])
        if epoch % 2 == 1 or epoch == epochs - 1:
            log.info("after epoch %d: %s", epoch + 1, measure(torch, network, held_out, held_out_labels))


def contrastive_loss(torch: Any, unit: Any) -> Any:
    """The loss of unit vectors (PERSONS * PICTURES, d), the pictures of a person one after the other."""
    n = len(unit)
    person = torch.arange(n) // PICTURES
    itself = torch.eye(n, dtype=torch.bool)
    mates = (person[:, None] == person[None, :]) & ~itself
    logits = (unit @ unit.T / TEMPERATURE).masked_fill(itself, -1e9)
    shares = torch.log_softmax(logits, dim=1)
    return -shares[mates].mean()


def look_alikes(centres: NDArray[np.float32], rng: np.random.Generator) -> Int64Array:
    """All persons in an order that puts GROUP persons with similar centres (n, d) next to each other."""
    scores = centres @ centres.T
    groups = []
    free = np.ones(len(centres), bool)
    for person in rng.permutation(len(centres)):
        if not free[person]:
            continue
        near = np.where(free, scores[person], -2.0)
        near[person] = 2.0
        group = np.argpartition(near, -GROUP)[-GROUP:] if free.sum() > GROUP else np.flatnonzero(free)
        free[group] = False
        groups.append(group)
    return np.concatenate([groups[int(k)] for k in rng.permutation(len(groups))])


def varied(torch: Any, pixels: Any, rng: np.random.Generator) -> Any:
    """A batch (n, 3, h, w) of bytes as network input, each picture shifted and recoloured a little."""
    x = (pixels.float() - 127.5) / 127.5
    n = len(x)
    gain = torch.from_numpy(rng.uniform(0.9, 1.1, (n, 3, 1, 1)).astype(np.float32))
    offset = torch.from_numpy(rng.uniform(-0.08, 0.08, (n, 1, 1, 1)).astype(np.float32))
    dx, dy = rng.integers(-3, 4, 2)
    return torch.roll(x * gain + offset, (int(dy), int(dx)), (2, 3))


def measure(torch: Any, network: Any, images: NDArray[np.uint8], labels: Int64Array) -> Separation:
    """How well the network separates the persons of ``labels``."""
    network.eval()
    with torch.no_grad():
        parts = [
            network((torch.from_numpy(images[k : k + 200]).float() - 127.5) / 127.5) for k in range(0, len(images), 200)
        ]
    return separation(torch.cat(parts).numpy(), labels)


def measure_file(path: Path) -> Separation:
    """How well the written model separates 200 persons that it never saw, 8 pictures each."""
    session = needed("onnxruntime").InferenceSession(path, providers=["CPUExecutionProvider"])
    images, labels = drawn(HELD_OUT_FROM, 200, 8, 1.0, None)
    parts = [session.run(None, {INPUT: images[k : k + 64].astype(np.float32)})[0] for k in range(0, len(images), 64)]
    return separation(np.concatenate(parts), labels)


def export(network: Any, path: Path) -> None:
    """Write the network as ONNX: raw RGB 0 .. 255 in, embedding (not normalised) out."""
    state = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    writer = GraphWriter(SIZE)
    writer.add("Sub", writer.constant(np.array(127.5, np.float32), half=False))
    writer.add("Mul", writer.constant(np.array(1 / 127.5, np.float32), half=False))

    def layer(at: int) -> tuple[str, str]:
        prefix = f"{at + 1}."
        norm = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        weight, bias = fold(state[f"{at}.weight"], norm)
        return writer.constant(weight), writer.constant(bias)

    for number, (_, _, kernel, stride) in enumerate(LAYERS):
        weight, bias = layer(3 * number)
        pad = [kernel // 2] * 4
        writer.add("Conv", weight, bias, kernel_shape=[kernel, kernel], strides=[stride, stride], pads=pad)
        writer.add("Relu")
    writer.add("Flatten", axis=1)
    weight, bias = layer(3 * len(LAYERS) + 1)
    writer.add("Gemm", weight, bias, transB=1)
    writer.write(path, DIMENSION)


if __name__ == "__main__":
    try:
        main()
    except FacedbError as fault:
        log.error("%s", fault)  # noqa: TRY400 - a sentence for a person, no trace
        sys.exit(fault.exit_code)
