"""The layers of settings."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from facedb.core.errors import ConfigError
from facedb.core.settings import load_settings


@pytest.fixture
def personal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's configuration directory of this test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    directory = platformdirs.user_config_path("facedb", appauthor=False)
    directory.mkdir(parents=True)
    return directory


@pytest.fixture
def work(tmp_path: Path, personal: Path) -> Path:
    """A working directory below a project, with nothing configured anywhere."""
    assert personal.is_dir()
    directory = tmp_path / "project" / "deep" / "down"
    directory.mkdir(parents=True)
    return directory


def test_without_any_setting_the_database_is_embedded_in_the_data_directory_of_the_user(work: Path) -> None:
    settings = load_settings(environ={}, directory=work)
    assert settings.dsn is None
    assert settings.home == platformdirs.user_data_path("facedb", appauthor=False)
    assert settings.origin["home"] == "default"


def test_an_argument_wins_over_the_environment_and_that_over_a_file(work: Path) -> None:
    (work / "facedb.toml").write_text('dsn = "dbname=file"\nhome = "store"\n')
    environ = {"FACEDB_DSN": "dbname=environment", "FACEDB_HOME": ""}
    settings = load_settings(environ=environ, directory=work)
    assert settings.dsn == "dbname=environment"
    assert settings.origin == {"dsn": "environment", "home": str(work / "facedb.toml"), "service_dir": "default"}
    assert load_settings(dsn="dbname=argument", environ=environ, directory=work).dsn == "dbname=argument"
    assert load_settings(environ={}, directory=work).dsn == "dbname=file"


def test_the_nearest_file_counts_and_the_users_own_fills_what_it_leaves_out(work: Path, personal: Path) -> None:
    (work.parent.parent / "facedb.toml").write_text('dsn = "dbname=far"')
    (work.parent / "facedb.toml").write_text('dsn = "dbname=near"')
    (personal / "facedb.toml").write_text('dsn = "dbname=personal"\nhome = "/somewhere"')
    settings = load_settings(environ={}, directory=work)
    assert settings.dsn == "dbname=near"
    assert settings.home == Path("/somewhere")


def test_a_relative_path_in_a_file_is_relative_to_the_file(work: Path) -> None:
    (work.parent / "facedb.toml").write_text('home = "store"')
    assert load_settings(environ={}, directory=work).home == work.parent / "store"


def test_an_unknown_key_names_the_file_and_the_nearest_key(work: Path) -> None:
    file = work / "facedb.toml"
    file.write_text('hom = "x"')
    with pytest.raises(ConfigError, match=r"unknown key 'hom': did you mean 'home'\?") as caught:
        load_settings(environ={}, directory=work)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("text", ["dsn = 5", 'dsn = ""', "dsn = [", "[dsn]\na = 1"])
def test_a_value_that_is_no_text_names_the_file(work: Path, text: str) -> None:
    (work / "facedb.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"facedb\.toml"):
        load_settings(environ={}, directory=work)


def test_a_user_without_a_home_is_told_to_set_one(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(*_: object, **__: object) -> Path:
        raise RuntimeError

    monkeypatch.setattr(platformdirs, "user_data_path", no_home)
    monkeypatch.setattr(platformdirs, "user_config_path", no_home)
    with pytest.raises(ConfigError, match="FACEDB_HOME"):
        load_settings(environ={}, directory=work)
    assert load_settings(environ={"FACEDB_HOME": "/store"}, directory=work).home == Path("/store")


def test_settings_do_not_show_the_dsn(work: Path) -> None:
    assert "s3cr3t" not in repr(load_settings(dsn="password=s3cr3t", environ={}, directory=work))
