"""Settings in layers: explicit argument, then environment, then facedb.toml, then defaults.

facedb.toml is looked for in the working directory and its parents (the nearest one counts), then in the user's
configuration directory; a key that the nearer file leaves out is taken from the farther one. Nothing is read at import.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from facedb.core.defaults import KEEP_SCANS
from facedb.core.errors import ConfigError

FILE_NAME = "facedb.toml"
_KEYS = ("dsn", "home", "service_dir", "models_url", "max_pixels", "keep_scans")
_NUMBERS = ("max_pixels", "keep_scans")
_TEXTS = ("dsn", "models_url", *_NUMBERS)
DEFAULT_SERVICE_DIR = Path("/var/lib/facedb")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a call of facedb works with.

    ``dsn`` is a PostgreSQL connection string in any libpq form, None for the embedded server; ``home`` the directory of
    the embedded server, models and caches; ``service_dir`` where root keeps what its embedded server needs outside a
    private home; ``models_url`` the address that `facedb model pull` fetches from, None for where the models are published;
    ``max_pixels`` the largest photo that is decoded, None for the usual limit; ``keep_scans`` how many finished scans of a gallery stay,
    0 for all; ``origin`` says for every name where its value came from.
    """

    dsn: str | None = field(repr=False)
    home: Path
    service_dir: Path
    origin: Mapping[str, str]
    models_url: str | None = None
    max_pixels: int | None = None
    keep_scans: int = KEEP_SCANS

    @property
    def models(self) -> Path:
        """The directory of models that facedb fetched or was given by name."""
        return self.home / "models"

    @property
    def cache(self) -> Path:
        """The directory of everything that can be rebuilt from the database."""
        return self.home / "cache"


def load_settings(
    *,
    dsn: str | None = None,
    home: Path | None = None,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Settings:
    """Read the settings; ``environ`` and ``directory`` default to this process's.

    Raises ConfigError with the file, the key and the nearest valid key where a file cannot be understood.
    """
    environ = os.environ if environ is None else environ
    directory = Path.cwd() if directory is None else directory
    layers: list[tuple[str, Mapping[str, str | Path]]] = [
        ("argument", _present({"dsn": dsn, "home": home})),
        ("environment", _present({key: environ.get(f"FACEDB_{key.upper()}") for key in _KEYS})),
        *((str(file), _read(file)) for file in _files(directory)),
        ("default", _present({"home": _personal("data"), "service_dir": DEFAULT_SERVICE_DIR})),
    ]
    values: dict[str, str | Path] = {}
    origin: dict[str, str] = {}
    for name, layer in layers:
        for key, value in layer.items():
            if key not in values:
                values[key] = value
                origin[key] = name
    if "home" not in values:
        raise ConfigError("This user has no home directory: set FACEDB_HOME to a directory for the data of facedb.")
    chosen = values.get("dsn")
    return Settings(
        dsn=None if chosen is None else str(chosen),
        home=Path(values["home"]).expanduser().absolute(),
        service_dir=Path(values["service_dir"]).expanduser().absolute(),
        origin=origin,
        models_url=None if "models_url" not in values else str(values["models_url"]),
        max_pixels=_count("max_pixels", values, origin),
        keep_scans=KEEP_SCANS if (kept := _count("keep_scans", values, origin, least=0)) is None else kept,
    )


def _count(key: str, values: Mapping[str, str | Path], origin: Mapping[str, str], least: int = 1) -> int | None:
    """The value of a key as a number from ``least`` up; raises ConfigError where it is none."""
    if key not in values:
        return None
    text = str(values[key]).replace("_", "").replace(",", "")
    if not text.isdecimal() or int(text) < least:
        wanted = "above 0" if least else "from 0 up"
        raise ConfigError(f"{origin[key]} gives {key!r} the value {values[key]!s}: write a whole number {wanted}.")
    return int(text)


def _present(layer: Mapping[str, str | Path | None]) -> dict[str, str | Path]:
    return {key: value for key, value in layer.items() if value is not None and value != ""}


def _files(directory: Path) -> list[Path]:
    """The settings files that exist, nearest first."""
    directory = directory.absolute()
    nearest = next(
        (place / FILE_NAME for place in (directory, *directory.parents) if (place / FILE_NAME).is_file()), None
    )
    personal = _personal("config")
    candidates = [nearest, None if personal is None else personal / FILE_NAME]
    return list(dict.fromkeys(file for file in candidates if file is not None and file.is_file()))


def _personal(kind: Literal["data", "config"]) -> Path | None:
    """A directory of the user; None for a user without a home, as in some containers."""
    # Imported only here: help needs no settings.
    import platformdirs

    place = platformdirs.user_data_path if kind == "data" else platformdirs.user_config_path
    try:
        return place("facedb", appauthor=False)
    except RuntimeError:
        return None


def _read(file: Path) -> dict[str, str | Path]:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not valid TOML; correct it: {error}.") from error
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror}); make it readable or remove it.") from error
    values: dict[str, str | Path] = {}
    for key, value in table.items():
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, n=1, cutoff=0.5)
            advice = f"did you mean {near[0]!r}?" if near else f"valid keys are {', '.join(_KEYS)}."
            raise ConfigError(f"{file} has the unknown key {key!r}: {advice}")
        if key in _NUMBERS and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value:
            raise ConfigError(f'{file} gives {key!r} a value that is not text: write {key} = "…".')
        # A relative path in a file means relative to that file.
        values[key] = value if key in _TEXTS else file.parent / Path(value).expanduser()
    return values
