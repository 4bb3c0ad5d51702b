"""The models that facedb offers by name, and how they get here: verified, resumable, atomic."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from facedb.core.errors import ModelError, NotFoundError

BASE_URL: Final = "https://github.com/opencv/opencv_zoo/raw/main/models/"
_CHUNK: Final = 1 << 16
_TIMEOUT_S: Final = 30.0

Progress = Callable[[int, int], None]
"""Called with (bytes here, bytes in all)."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A published file: ``path`` below the base address, ``size`` in bytes, sha256 in hex, SPDX licence."""

    name: str
    role: str
    path: str
    size: int
    sha256: str
    licence: str
    source: str
    title: str

    @property
    def file_name(self) -> str:
        """The name of the file here."""
        return self.path.rsplit("/", 1)[-1]


KNOWN: Final = (
    KnownModel(
        name="yunet",
        role="detector",
        path="face_detection_yunet/face_detection_yunet_2023mar.onnx",
        size=232_589,
        sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        licence="MIT",
        source="Shiqi Yu and others, opencv_zoo",
        title="YuNet",
    ),
    KnownModel(
        name="sface",
        role="model",
        path="face_recognition_sface/face_recognition_sface_2021dec.onnx",
        size=38_696_353,
        sha256="0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
        licence="Apache-2.0",
        source="Yaoyao Zhong and others, opencv_zoo",
        title="SFace",
    ),
)


def known(name: str) -> KnownModel:
    """The model of this name; raises NotFoundError that lists the names there are."""
    for model in KNOWN:
        if model.name == name:
            return model
    names = ", ".join(model.name for model in KNOWN)
    raise NotFoundError(f"There is no model '{name}' to pull; there are {names}. Other files: 'facedb model add FILE'.")


def identify(sha256: str) -> KnownModel | None:
    """The known model with this sha256, if there is one."""
    return next((model for model in KNOWN if model.sha256 == sha256), None)


def is_here(model: KnownModel, folder: Path) -> bool:
    """Whether ``folder`` holds the published file of a known model, byte for byte."""
    path = folder / model.file_name
    return path.is_file() and path.stat().st_size == model.size and _sha256(path) == model.sha256


def address(model: KnownModel, base_url: str = BASE_URL) -> str:
    """Where the file of a known model is published."""
    return base_url.rstrip("/") + "/" + model.path


def pull(
    name: str,
    folder: Path,
    *,
    base_url: str = BASE_URL,
    progress: Progress | None = None,
    among: Iterable[KnownModel] | None = None,
) -> Path:
    """Bring a known model into ``folder`` and return its path; a file that is there and right is not fetched again.

    The bytes go to ``FILE.part``, which a later call continues; only a file of the right sha256 gets its name. Raises
    NotFoundError for an unknown name and ModelError that says where to put the file by hand.
    """
    model = next((entry for entry in among or KNOWN if entry.name == name), None) or known(name)
    target = folder / model.file_name
    if target.is_file() and _sha256(target) == model.sha256:
        return target
    part = target.with_name(target.name + ".part")
    url = address(model, base_url)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _fetch(url, part, model, progress)
    except (OSError, http.client.HTTPException) as fault:
        reason = getattr(fault, "reason", None) or str(fault) or type(fault).__name__
        raise ModelError(
            f"{model.file_name} could not be downloaded ({reason}). Try again, or fetch {url} on another machine "
            f"and put it at {target}."
        ) from fault
    found = _sha256(part)
    if found != model.sha256:
        part.unlink()
        raise ModelError(
            f"{url} did not give the published file (sha256 {found[:12]}… instead of {model.sha256[:12]}…); nothing was kept: "
            f"try again, or fetch it elsewhere and put it at {target}."
        )
    part.replace(target)
    return target


def _fetch(url: str, part: Path, model: KnownModel, progress: Progress | None) -> None:
    """Append what is missing of the file to ``part``."""
    have = part.stat().st_size if part.exists() else 0
    if have > model.size:
        part.unlink()
        have = 0
    if have == model.size:
        return
    with _open(url, have) as answer:
        # A server that ignores the range sends the whole file again.
        resumed = have > 0 and answer.status == http.HTTPStatus.PARTIAL_CONTENT
        done = have if resumed else 0
        with part.open("ab" if resumed else "wb") as stream:
            while chunk := answer.read(_CHUNK):
                stream.write(chunk[: model.size - done])
                done = min(done + len(chunk), model.size)
                if progress is not None:
                    progress(done, model.size)
                if done == model.size:
                    break
            stream.flush()
            os.fsync(stream.fileno())
    if done < model.size:
        raise OSError(f"the connection ended after {done:,} of {model.size:,} bytes")


def _open(url: str, start: int) -> Any:
    if not url.startswith(("https://", "http://")):
        raise ModelError(f"A model is fetched over http or https, not from {url}: correct models_url.")
    request = urllib.request.Request(url, headers={"User-Agent": "facedb"})  # noqa: S310 - the scheme is checked above
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        return urllib.request.urlopen(request, timeout=_TIMEOUT_S)  # noqa: S310 - the scheme is checked above
    except urllib.error.HTTPError as fault:
        fault.close()
        raise OSError(f"the server answers {fault.code} {fault.reason}") from None


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
