from pathlib import Path

import pytest

from flowtrace_mcp.errors import SettingsError
from flowtrace_mcp.settings import Settings, default_home, is_loopback, load_settings


def loaded(home: Path, text: str = "", **environ: str) -> Settings:
    """Return the settings of a data folder whose file holds a text."""
    if text:
        (home / "flowtrace.toml").write_text(text, encoding="utf-8")
    return load_settings({"FLOWTRACE_HOME": str(home), **environ})


def test_without_a_file_and_variables_all_is_default_and_within_the_data_folder(
    tmp_path: Path,
) -> None:
    assert loaded(tmp_path) == Settings(home=tmp_path, db_path=tmp_path / "flowtrace.db")


def test_the_token_and_the_log_lie_in_the_data_folder(tmp_path: Path) -> None:
    settings = loaded(tmp_path)

    assert settings.token_path == tmp_path / "token"
    assert settings.log_path == tmp_path / "flowtrace.log"


def test_the_file_wins_over_defaults(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        '[server]\nport = 9700\nlistener = "off"\n'
        '[memory]\nembedder = "off"\n'
        "[auth]\nrequire_auth = false\n",
    )

    assert (settings.port, settings.listener) == (9700, "off")
    assert settings.embedder == "off"
    assert settings.require_auth == "false"
    assert settings.otlp_http_port == 4318


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = '[server]\nport = 9700\ntools = "all"\n'

    settings = loaded(tmp_path, file, FLOWTRACE_PORT="9701")

    assert settings.port == 9701
    assert settings.tools == "all"


def test_an_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    assert loaded(tmp_path, "[server]\nport = 9700\n", FLOWTRACE_PORT="").port == 9700


def test_the_command_line_wins_over_everything_for_the_database(tmp_path: Path) -> None:
    environ = {"FLOWTRACE_HOME": str(tmp_path), "FLOWTRACE_DB_PATH": str(tmp_path / "b.db")}

    assert load_settings(environ).db_path == tmp_path / "b.db"
    assert load_settings(environ, db_path=tmp_path / "c.db").db_path == tmp_path / "c.db"


def test_a_path_may_begin_with_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    settings = loaded(tmp_path, FLOWTRACE_DB_PATH="~/notes.db")

    assert settings.db_path == Path("~/notes.db").expanduser()
    assert settings.db_path.is_absolute()


def test_a_file_that_is_not_toml_is_refused_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot read flowtrace\.toml") as refused:
        loaded(tmp_path, "[server]\nport = = 1\n")

    assert "line 2" in refused.value.why


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "flowtrace.toml").write_bytes(b'[memory]\nproject = "caf\xe9"\n')

    with pytest.raises(SettingsError, match="not readable"):
        loaded(tmp_path)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "flowtrace.toml").mkdir()

    with pytest.raises(SettingsError, match="not readable"):
        loaded(tmp_path)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[server]\nprot = 9700\n", "[server] prot"),
        ("[memory]\nport = 9700\n", "[memory] port"),
        ("port = 9700\n", "[port] port"),
    ],
)
def test_an_unknown_setting_is_refused_by_name(tmp_path: Path, text: str, shown: str) -> None:
    with pytest.raises(SettingsError, match="unknown setting") as refused:
        loaded(tmp_path, text)

    assert refused.value.what.endswith(shown)
    assert "[server] port" in refused.value.why


@pytest.mark.parametrize(
    ("variable", "text", "rule"),
    [
        ("FLOWTRACE_PORT", "65536", "from 0"),
        ("FLOWTRACE_PORT", "-1", "from 0"),
        ("FLOWTRACE_OTLP_GRPC_PORT", "http", "from 0"),
        ("FLOWTRACE_MAX_BODY_BYTES", "0", "above 0"),
        ("FLOWTRACE_MAX_BODY_BYTES", "64M", "above 0"),
        ("FLOWTRACE_LISTENER", "on", "auto, off, required"),
        ("FLOWTRACE_REQUIRE_AUTH", "maybe", "false, true, strict"),
        ("FLOWTRACE_TOOLS", "few", "core, memory, observe, all"),
        ("FLOWTRACE_CORS_ORIGINS", "https://e.test", "on this machine"),
        ("FLOWTRACE_CORS_ORIGINS", "http://localhost:3000, *", "on this machine"),
        ("FLOWTRACE_CORS_ORIGINS", "http://localhost/page", "on this machine"),
    ],
)
def test_a_value_that_breaks_its_rule_is_refused_with_the_rule(
    tmp_path: Path, variable: str, text: str, rule: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        loaded(tmp_path, **{variable: text})

    assert refused.value.what == f"{variable} cannot be {text!r}"
    assert rule in refused.value.why


def test_a_wrong_value_in_the_file_is_named_by_its_place_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"\[server\] port cannot be '70000'"):
        loaded(tmp_path, "[server]\nport = 70000\n")


@pytest.mark.parametrize(
    "text",
    ["http://localhost:3000, https://127.0.0.1/", '["http://localhost:3000", "https://127.0.0.1"]'],
)
def test_origins_are_separated_by_commas_or_a_json_array(tmp_path: Path, text: str) -> None:
    origins = loaded(tmp_path, FLOWTRACE_CORS_ORIGINS=text).cors_origins

    assert origins == ("http://localhost:3000", "https://127.0.0.1")


@pytest.mark.parametrize("text", ["0", "65535"])
def test_the_first_and_last_port_are_ports(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, FLOWTRACE_PORT=text).port == int(text)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("1", "true"),
        ("Yes", "true"),
        ("on", "true"),
        ("0", "false"),
        ("off", "false"),
        ("no", "false"),
        (" STRICT ", "strict"),
        ("true", "true"),
    ],
)
def test_auth_understands_the_usual_words(tmp_path: Path, text: str, mode: str) -> None:
    assert loaded(tmp_path, FLOWTRACE_REQUIRE_AUTH=text).require_auth == mode


@pytest.mark.parametrize("auth", ["true", "false"])
@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::"])
def test_an_open_host_without_a_token_on_every_route_is_refused(
    tmp_path: Path, host: str, auth: str
) -> None:
    with pytest.raises(SettingsError, match="FLOWTRACE_HOST cannot be") as refused:
        loaded(tmp_path, FLOWTRACE_HOST=host, FLOWTRACE_REQUIRE_AUTH=auth)

    assert "strict" in refused.value.mend


def test_an_open_host_with_strict_auth_is_taken(tmp_path: Path) -> None:
    settings = loaded(tmp_path, FLOWTRACE_HOST="192.0.2.7", FLOWTRACE_REQUIRE_AUTH="strict")

    assert settings.host == "192.0.2.7"


@pytest.mark.parametrize(
    ("host", "is_ours_alone"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("192.0.2.7", False),
        ("", False),
        ("::", False),
    ],
)
def test_loopback_is_told_from_the_rest(host: str, *, is_ours_alone: bool) -> None:
    assert is_loopback(host) is is_ours_alone


@pytest.mark.parametrize(
    ("platform", "environ", "home"),
    [
        ("linux", {"HOME": "/u"}, "/u/.local/share/Flowtrace"),
        ("linux", {"HOME": "/u", "XDG_DATA_HOME": "/data"}, "/data/Flowtrace"),
        ("darwin", {"HOME": "/u"}, "/u/Library/Application Support/Flowtrace"),
        ("win32", {"HOME": "/u"}, "/u/AppData/Roaming/Flowtrace"),
        ("win32", {"HOME": "/u", "APPDATA": "/roaming"}, "/roaming/Flowtrace"),
    ],
)
def test_each_platform_has_its_data_folder(
    platform: str, environ: dict[str, str], home: str
) -> None:
    assert default_home(environ, platform) == Path(home)


def test_without_a_home_variable_the_system_says_where_home_is() -> None:
    assert default_home({}, "darwin").is_relative_to(Path.home())


def test_without_a_data_folder_named_the_platforms_own_is_taken(tmp_path: Path) -> None:
    settings = load_settings(
        {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "APPDATA": str(tmp_path)}
    )

    assert settings.home.is_relative_to(tmp_path)
    assert settings.db_path == settings.home / "flowtrace.db"


def test_a_list_of_the_file_is_taken_as_one(tmp_path: Path) -> None:
    settings = loaded(tmp_path, '[memory]\nredact = ["Blue Heron", "/E-[0-9]{4}/"]\n')

    assert [bool(pattern.search("blue heron")) for pattern in settings.redact] == [True, False]


def test_a_broken_expression_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"\[memory\] redact cannot be: repeats") as refused:
        loaded(tmp_path, '[memory]\nredact = ["/heron+/"]\n')

    assert "heron" not in str(refused.value)


@pytest.mark.parametrize("choice", ["minilm", "off", "sentence-transformers:a/b"])
def test_an_embedder_that_there_is_is_taken(choice: str) -> None:
    assert load_settings({"FLOWTRACE_EMBEDDER": f" {choice} "}).embedder == choice


@pytest.mark.parametrize("choice", ["bogus", "sentence-transformers", "sentence-transformers:"])
def test_an_embedder_that_there_is_not_is_told_at_once(choice: str) -> None:
    with pytest.raises(SettingsError, match="FLOWTRACE_EMBEDDER cannot be"):
        load_settings({"FLOWTRACE_EMBEDDER": choice})


def test_relative_paths_hold_when_the_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    settings = load_settings({"FLOWTRACE_HOME": "data"})
    told = load_settings({"FLOWTRACE_DB_PATH": "other.db"}, db_path=Path("told.db"))

    assert (settings.home, settings.db_path) == (tmp_path / "data", tmp_path / "data/flowtrace.db")
    assert told.db_path == tmp_path / "told.db"
