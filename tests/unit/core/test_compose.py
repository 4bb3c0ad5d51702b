"""docker-compose.yml as a file: no container engine runs where it is tested."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

COMPOSE = Path(__file__).resolve().parents[3] / "docker-compose.yml"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services of the file."""
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    return found


def test_the_database_is_published_on_loopback_only_and_keeps_its_data(services: dict[str, Any]) -> None:
    db = services["db"]
    assert db["image"] == "pgvector/pgvector:pg18"
    assert all(port.startswith("127.0.0.1:") for port in db["ports"])
    assert db["volumes"] == ["database:/var/lib/postgresql"]
    assert db["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]


def test_no_password_is_written_down(services: dict[str, Any]) -> None:
    assert services["db"]["environment"]["POSTGRES_PASSWORD"].startswith("${FACEDB_DB_PASSWORD:?")
    for name in ("facedb", "facedb-gpu"):
        assert services[name]["environment"]["PGPASSWORD"].startswith("${FACEDB_DB_PASSWORD:?")
        assert "password" not in services[name]["environment"]["FACEDB_DSN"]


def test_facedb_sees_the_dataset_read_only_and_waits_for_a_healthy_database(services: dict[str, Any]) -> None:
    for name in ("facedb", "facedb-gpu"):
        assert "${FACEDB_DATASET:-.}:/data:ro" in services[name]["volumes"]
        assert services[name]["depends_on"] == {"db": {"condition": "service_healthy"}}


def test_only_the_gpu_profile_reserves_a_gpu(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if "deploy" in service] == ["facedb-gpu"]
    assert services["facedb-gpu"]["profiles"] == ["gpu"]
    assert services["facedb-gpu"]["build"]["args"] == {"EXTRA": "gpu"}


def test_the_image_is_built_from_what_the_package_needs(services: dict[str, Any]) -> None:
    recipe = services["facedb"]["build"]["dockerfile_inline"]
    copied = {word for line in recipe.splitlines() if line.startswith("COPY ") for word in line.split()[1:-1]}
    assert copied == {"pyproject.toml", "README.md", "LICENSE", "facedb", "migrations"}
    # Compose would replace a single dollar by a variable of the host.
    assert "$EXTRA" not in recipe.replace("$$", "")
