"""From a model file and what a person says about it to a full contract."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from facedb.core.counting import counted
from facedb.core.errors import ModelError
from facedb.embedding.contract import AVERAGED_LANDMARKS, LAYOUTS, PREPROCESSING, DetectorContract, ModelContract
from facedb.embedding.detection.detect import heads_of
from facedb.embedding.detection.scrfd import NMS_IOU, SCORE_THRESHOLD
from facedb.embedding.model_files.model_hash import weights_sha256
from facedb.embedding.model_files.presets import KNOWN_WEIGHTS, PRESETS
from facedb.embedding.session import LIMIT_S, Graph, Tensor, graph_of, open_session, run_session

KEYS: Final = ("name", "size", "layout", "colour", "mean", "std", "template", "margin", "output", "precision", "faces")
DETECTOR_KEYS: Final = ("min_side", "max_side", "score_threshold", "nms_iou")


def load_contract(
    model_path: Path | str,
    *,
    preset: str | None = None,
    detector: Path | str | None = None,
    faces: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    notes: list[str] | None = None,
    limit_s: float = LIMIT_S,
) -> ModelContract:
    """The contract of an ONNX face model, for the CPU; ``Embedder.contract`` has the provider that really ran.

    What is explicit wins: ``faces`` and ``overrides`` (keys of KEYS and ``detector.`` + DETECTOR_KEYS; values as text
    or as TOML values), then ``preset``, then the TOML beside the model (``x.toml`` for ``x.onnx``: the same keys,
    ``preset``, and a table ``[detector]``), then weights known by sha256, then what the graph itself says. ``notes``
    receives a sentence for everything that was assumed. Raises ModelError that names the option to give where nothing
    says it, and where the first run takes longer than ``limit_s`` seconds.
    """
    path = Path(model_path)
    said = notes if notes is not None else []
    beside = _read_toml(path.with_suffix(".toml"))
    explicit = _checked(overrides or {}, "an option")
    if faces is not None:
        explicit["faces"] = faces
    if "preset" in explicit:
        preset = preset or str(explicit.pop("preset"))
    sha256 = weights_sha256(path)
    session = open_session(path)
    graph = graph_of(session)
    if heads_of(graph) is not None:
        raise ModelError(
            f"{path.name} is a face detector: give it as --detector, and a model that embeds faces as --model."
        )
    source = _input_of(graph, path)
    settings: dict[str, Any] = {"name": path.stem, "faces": "largest" if detector is None else "fit"}
    if sha256 in KNOWN_WEIGHTS and preset is None and "preset" not in beside:
        settings["name"], family = KNOWN_WEIGHTS[sha256]
        settings |= _preset(family)
        said.append(f"{path.name} is known by its sha256 as {settings['name']}: preset '{family}'.")
    if "preset" in beside:
        settings |= _preset(str(beside.pop("preset")))
    settings |= beside
    if preset is not None:
        settings |= _preset(preset)
    settings |= explicit
    layout, size = _layout_and_size(source, settings, path)
    if "colour" not in settings and size == (112, 112):
        settings = {**_preset("arcface"), **settings}
        said.append(
            f"Nothing says how {path.name} was trained; 112 x 112 is taken for the ArcFace family "
            "(RGB, (x - 127.5) / 127.5). If that is wrong, use --preset."
        )
    missing = [key for key in ("colour", "mean", "std", "template") if key not in settings]
    if missing:
        raise ModelError(
            f"Nothing says the {', '.join(missing)} of {path.name} ({size[0]} x {size[1]} input): use --preset "
            f"({', '.join(PRESETS)}) or write them in {path.with_suffix('.toml').name} beside it."
        )
    output = _output_of(graph, settings.get("output"), path)
    template = str(settings["template"])
    finder = _detector(detector, settings, template)
    averaged = finder is not None and finder.kind == "yunet" and template == "arcface"
    precision = "float16" if source.dtype == "float16" else str(settings.get("precision", "float32"))
    return ModelContract(
        name=str(settings["name"]),
        weights_sha256=sha256,
        input_name=source.name,
        output_name=output.name,
        input_size=size,
        layout=layout,
        dtype=source.dtype,
        colour=str(settings["colour"]),
        mean=_triple("mean", settings["mean"]),
        std=_triple("std", settings["std"]),
        template=template,
        margin=_number("margin", settings.get("margin", 0.0)),
        dim=_dimension(session, path, source, output, layout, size, limit_s),
        detector=finder,
        faces=str(settings["faces"]),
        precision=precision,
        preprocessing=AVERAGED_LANDMARKS if averaged else PREPROCESSING,
    )


def _detector(path: Path | str | None, settings: Mapping[str, Any], template: str) -> DetectorContract | None:
    if path is None:
        return None
    path = Path(path)
    heads = heads_of(graph_of(open_session(path)))
    if heads is None:
        raise ModelError(f"{path.name} is not a face detector of the families YuNet or SCRFD: give one as --detector.")
    if template == "arcface" and not heads.landmarks:
        raise ModelError(
            f"{path.name} finds faces without landmarks, and this model wants them aligned: take a detector with landmarks "
            "(det_10g.onnx, a name with bnkps, or yunet), or --set template=box."
        )
    usual = {"score_threshold": SCORE_THRESHOLD, "nms_iou": NMS_IOU} if heads.kind == "scrfd" else {}
    return DetectorContract(weights_sha256(path), kind=heads.kind, **(usual | detector_settings(settings)))


def detector_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The ``detector.`` values of some settings as numbers, by the names of DETECTOR_KEYS; raises ModelError for bad ones."""
    chosen: dict[str, Any] = {}
    for key in DETECTOR_KEYS:
        if (value := settings.get(f"detector.{key}")) is not None:
            number = _number(f"detector.{key}", value)
            chosen[key] = int(number) if key.endswith("side") else number
    return chosen


def kept_settings(model_path: Path, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """What a person said of a model beside the file and by options, options first: keys of KEYS and ``detector.``."""
    return _read_toml(model_path.with_suffix(".toml")) | _checked(overrides, "an option")


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as fault:
        raise ModelError(
            f"{path} cannot be read: {fault}; make it a readable file of UTF-8 text, or move it away."
        ) from fault
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise ModelError(f"{path} is not valid TOML: {fault}.") from fault
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": content for inner, content in value.items()}
        else:
            flat[key] = value
    return _checked(flat, str(path))


def _checked(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    allowed = (*KEYS, "preset", *(f"detector.{key}" for key in DETECTOR_KEYS))
    for key in values:
        if key not in allowed:
            near = difflib.get_close_matches(key, allowed, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"it takes {', '.join(allowed)}."
            raise ModelError(f"{where} has no key '{key}' for a model; {hint}")
    return dict(values)


def _preset(name: str) -> dict[str, Any]:
    if name not in PRESETS:
        near = difflib.get_close_matches(name, PRESETS, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise ModelError(f"There is no preset '{name}'; there are {', '.join(PRESETS)}.{hint}")
    chosen = PRESETS[name]
    return {field: getattr(chosen, field) for field in chosen.__slots__}


def is_detector(path: Path) -> bool:
    """Whether an .onnx file is a face detector (YuNet or SCRFD); raises ModelError for one that cannot be read."""
    return heads_of(graph_of(open_session(path))) is not None


def _input_of(graph: Graph, path: Path) -> Tensor:
    if len(graph.inputs) != 1:
        names = ", ".join(tensor.name for tensor in graph.inputs)
        raise ModelError(
            f"{path.name} has {counted(len(graph.inputs), 'input')} ({names}); a face model takes one, the picture."
        )
    source = graph.inputs[0]
    if len(source.shape) != 4:
        raise ModelError(
            f"The input of {path.name} has {counted(len(source.shape), 'dimension')}; a batch of pictures has 4."
        )
    if source.dtype not in ("float32", "float16", "uint8"):
        raise ModelError(f"The input of {path.name} is {source.dtype}; float32, float16 and uint8 are supported.")
    return source


def _output_of(graph: Graph, wanted: Any, path: Path) -> Tensor:
    names = ", ".join(f"{tensor.name} {list(tensor.shape)}" for tensor in graph.outputs)
    if wanted is not None:
        chosen = [tensor for tensor in graph.outputs if tensor.name == wanted]
        if not chosen:
            raise ModelError(f"{path.name} has no output '{wanted}'; it has {names}.")
        return chosen[0]
    if len(graph.outputs) == 1:
        return graph.outputs[0]
    flat = [tensor for tensor in graph.outputs if len(tensor.shape) == 2]
    if len(flat) == 1:
        return flat[0]
    raise ModelError(f"{path.name} has several outputs ({names}); name the one with the vector with 'output'.")


def _layout_and_size(source: Tensor, settings: Mapping[str, Any], path: Path) -> tuple[str, tuple[int, int]]:
    """(layout, (height, width)) from what was said and what the graph fixes; ModelError where they contradict."""
    shape = source.shape
    layout = settings.get("layout")
    if layout is None:
        channels_first, channels_last = shape[1] == 3, shape[3] == 3
        if channels_first == channels_last:
            raise ModelError(
                f"The input of {path.name} is {list(shape)}: give 'layout' NCHW or NHWC; a picture needs 3 channels."
            )
        layout = "NCHW" if channels_first else "NHWC"
    layout = str(layout).upper()
    if layout not in LAYOUTS:
        raise ModelError(f"The layout of a model is NCHW or NHWC, not '{layout}'.")
    channels, fixed = (shape[1], shape[2:4]) if layout == "NCHW" else (shape[3], shape[1:3])
    if channels not in (3, None):
        raise ModelError(
            f"The input of {path.name} is {list(shape)}, which has {channels} channels as {layout}, not 3."
        )
    said = _size(settings["size"]) if "size" in settings else None
    if said is None:
        if fixed[0] is None or fixed[1] is None:
            raise ModelError(
                f"The input size of {path.name} is free: give 'size', for instance 112x112, or a --preset."
            )
        return layout, (fixed[0], fixed[1])
    for axis, wanted, there in zip(("high", "wide"), said, fixed, strict=True):
        if there is not None and there != wanted:
            raise ModelError(
                f"The input of {path.name} is {there} pixels {axis}, and the settings say {wanted}: "
                "the preset or the size does not fit this model."
            )
    return layout, said


def _dimension(
    session: Any, path: Path, source: Tensor, output: Tensor, layout: str, size: tuple[int, int], limit_s: float
) -> int:
    """The length of one vector, found by running the model on black: free dimensions and wrong ones show here."""
    batch = source.shape[0] or 1
    shape = (batch, 3, *size) if layout == "NCHW" else (batch, *size, 3)
    answer = run_session(session, source.name, np.zeros(shape, dtype=source.dtype), [output.name], limit_s=limit_s)[0]
    if answer.ndim < 2 or answer.shape[0] != batch or answer.size == 0 or answer.dtype.kind != "f":
        raise ModelError(
            f"The output '{output.name}' of {path.name} is {list(answer.shape)} {answer.dtype} for {counted(batch, 'picture')}; "
            "a face model gives one vector of floats for each: name another with 'output'."
        )
    if any(extent != 1 for extent in answer.shape[2:]):
        raise ModelError(
            f"The output '{output.name}' of {path.name} is {list(answer.shape)}: a map, not one vector a picture; "
            "name another with 'output'."
        )
    return int(answer.shape[1])


def _size(value: Any) -> tuple[int, int]:
    parts = str(value).lower().split("x") if isinstance(value, (str, int)) else list(value)
    try:
        numbers = [int(part) for part in parts]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) == 1:
        numbers *= 2
    if len(numbers) != 2:
        raise ModelError(f"The size of a model input is written 112 or 112x112 (height x width), not '{value}'.")
    return numbers[0], numbers[1]


def _triple(key: str, value: Any) -> tuple[float, float, float]:
    parts = value.split(",") if isinstance(value, str) else [value] if isinstance(value, (int, float)) else list(value)
    numbers = [_number(key, part) for part in parts]
    if len(numbers) == 1:
        numbers *= 3
    if len(numbers) != 3:
        raise ModelError(f"The {key} of a model input is one number or three, not '{value}'.")
    return numbers[0], numbers[1], numbers[2]


def _number(key: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ModelError(f"The {key} of a model is a number, not '{value}'.") from None
