"""The model contract: everything that changes a vector, and its digest. Vectors of two contracts are never compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from facedb.core.errors import ModelError

PREPROCESSING: Final = 1
"""Version of decoding, detection and alignment; raised when a change to them would change vectors.

A contract is carried out as its version says, so that a photo can still be compared with vectors of an earlier one.
"""

AVERAGED_LANDMARKS: Final = 2
"""The version of contracts that align by landmarks averaged over all candidates of a face (YuNet)."""

LAYOUTS: Final = ("NCHW", "NHWC")
DTYPES: Final = ("float32", "float16", "uint8")
COLOURS: Final = ("rgb", "bgr")
TEMPLATES: Final = ("arcface", "box")
FACES: Final = ("fit", "centre", "largest", "all", "error")
"""Which faces of a photo are embedded; of all of them (fit) a scan takes the one that fits its folder."""
PROVIDERS: Final = ("cpu", "cuda")
PRECISIONS: Final = ("float32", "tf32", "float16")


@dataclass(frozen=True, slots=True)
class DetectorContract:
    """How faces are found: weights of YuNet or SCRFD (``kind``), the sizes a photo is brought to (pixels), and two thresholds.

    A photo is scaled so that its longer side lies between ``min_side`` and ``max_side``.
    """

    weights_sha256: str
    kind: str = "yunet"
    min_side: int = 320
    max_side: int = 640
    score_threshold: float = 0.7
    nms_iou: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.score_threshold < 1 or not 0 < self.nms_iou < 1:
            raise ModelError("The score threshold and the NMS overlap of a detector lie between 0 and 1.")
        if not 32 <= self.min_side <= self.max_side <= 4096:
            raise ModelError("The sides of a detector need 32 <= min_side <= max_side <= 4096.")


@dataclass(frozen=True, slots=True)
class ModelContract:
    """Everything that changes a vector.

    ``input_size`` is (height, width); a pixel enters as ``(value - mean) / std`` with value in 0..255 and mean and
    std in the channel order of ``colour``. ``template`` "arcface" aligns five landmarks, "box" cuts the square of the
    box widened by ``margin``; without a detector (and without landmarks or box from the source) the whole image is
    resized.
    """

    name: str
    weights_sha256: str
    input_name: str
    output_name: str
    input_size: tuple[int, int]
    layout: str
    dtype: str
    colour: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    template: str
    dim: int
    margin: float = 0.0
    detector: DetectorContract | None = None
    faces: str = "largest"
    provider: str = "cpu"
    precision: str = "float32"
    preprocessing: int = PREPROCESSING

    def __post_init__(self) -> None:
        for option, value, allowed in (
            ("layout", self.layout, LAYOUTS),
            ("dtype", self.dtype, DTYPES),
            ("colour", self.colour, COLOURS),
            ("template", self.template, TEMPLATES),
            ("faces", self.faces, FACES),
            ("provider", self.provider, PROVIDERS),
            ("precision", self.precision, PRECISIONS),
        ):
            if value not in allowed:
                raise ModelError(f"The {option} of a model is one of {', '.join(allowed)}, not '{value}'.")
        if min(self.input_size) < 8 or max(self.input_size) > 4096:
            raise ModelError(f"A model input of {self.input_size[0]} x {self.input_size[1]} pixels is not usable.")
        if not 1 <= self.dim <= 16_000:
            raise ModelError(f"A vector of dimension {self.dim} cannot be stored; pgvector takes 1 to 16,000.")
        if any(value == 0 for value in self.std):
            raise ModelError("The std of a model input must not be 0.")
        if not 0 <= self.margin <= 2:
            raise ModelError("The margin around a box lies between 0 and 2.")

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON-ready values."""
        values = asdict(self)
        for field in ("input_size", "mean", "std"):
            values[field] = list(values[field])
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelContract:
        """The contract that ``to_dict`` wrote; raises ModelError where fields are missing or unknown."""
        fields = dict(values)
        try:
            detector = fields.pop("detector", None)
            height, width = fields.pop("input_size")
            return cls(
                input_size=(int(height), int(width)),
                mean=_triple(fields.pop("mean")),
                std=_triple(fields.pop("std")),
                detector=None if detector is None else DetectorContract(**detector),
                **fields,
            )
        except (KeyError, TypeError, ValueError) as fault:
            raise ModelError(
                f"The stored model contract cannot be read ({fault}): use the facedb that wrote it, or embed again."
            ) from fault

    def digest(self) -> str:
        """sha256 (hex) over the canonical JSON of everything that changes a vector: all fields but the names."""
        values = self.to_dict()
        del values["name"], values["input_name"]
        if self.detector is None:
            del values["faces"]
        text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    @property
    def averages_landmarks(self) -> bool:
        """Whether a face is aligned by the mean of its candidates' landmarks, not by those of the best candidate."""
        return self.preprocessing >= AVERAGED_LANDMARKS

    def on(self, provider: str, precision: str) -> ModelContract:
        """The same contract carried out by this provider with this precision."""
        return replace(self, provider=provider, precision=precision)


def _triple(values: Any) -> tuple[float, float, float]:
    first, second, third = (float(value) for value in values)
    return first, second, third
