"""The configuration: precedence, all mistakes at once, the shipped file equal to the defaults."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest

from secwatch.core.errors import ConfigurationInvalid
from secwatch.system.config import load
from secwatch.system.paths import shipped, workspace_at
from secwatch.system.settings import Settings, as_builtins
from tests.conftest import Run, run_secwatch


def test_the_shipped_file_states_every_key_with_its_default() -> None:
    """An annotated example that says something else than the program does is worse than none."""
    text = (shipped("configs") / "secwatch.toml").read_text(encoding="utf-8")
    stated = tomllib.loads(text)
    assert msgspec.convert(stated, Settings) == Settings()
    defaults = as_builtins(Settings())
    for section, values in defaults.items():
        assert isinstance(values, dict)
        for key, value in values.items():
            if value != {}:
                assert key in stated[section], f"[{section}] {key} is not in configs/secwatch.toml"


def test_every_mistake_is_reported_at_once_with_file_table_and_key(tmp_path: Path) -> None:
    """Three mistakes, three sentences."""
    (tmp_path / "secwatch.toml").write_text(
        '[scan]\nthreads = 0\n[general]\nlangage = "zh"\n[sensor]\ntcp_idle = "five minutes"\n'
    )
    with pytest.raises(ConfigurationInvalid) as caught:
        load(workspace_at(tmp_path))
    problems = caught.value.problems
    assert len(problems) == 3
    assert all(str(tmp_path / "secwatch.toml") in problem for problem in problems)
    joined = "\n".join(problems)
    assert "[scan], key threads" in joined
    assert "[general]: unknown key 'langage'" in joined
    assert "[sensor], key tcp_idle: not a valid value: 'five minutes'" in joined


def test_the_stronger_source_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """environment > --config > workspace > built-in."""
    (tmp_path / "secwatch.toml").write_text('[scan]\nthreads = 3\ntimeout = "5s"\n[warn]\nminimum_severity = 3\n')
    other = tmp_path / "other.toml"
    other.write_text('[scan]\nthreads = 4\ntimeout = "6s"\n')
    assert load(workspace_at(tmp_path)).scan.threads == 3
    assert load(workspace_at(tmp_path), str(other)).scan.threads == 4
    monkeypatch.setenv("SECWATCH_SCAN__THREADS", "5")
    settings = load(workspace_at(tmp_path), str(other))
    assert (settings.scan.threads, settings.scan.timeout, settings.warn.minimum_severity) == (5, "6s", 3)


def test_config_is_strongest_wherever_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the file named is the user's own, and when it begins with a mark as Notepad writes it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    user = tmp_path / "xdg" / "secwatch" / "secwatch.toml"
    user.parent.mkdir(parents=True)
    user.write_text("[scan]\nthreads = 9\n", encoding="utf-8-sig")
    (tmp_path / "secwatch.toml").write_text("[scan]\nthreads = 3\n")
    assert load(workspace_at(tmp_path)).scan.threads == 3
    assert load(workspace_at(tmp_path), str(user)).scan.threads == 9


def test_variables_that_contradict_each_other_are_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value and a table of the same name."""
    monkeypatch.setenv("SECWATCH_SCAN__THREADS", "4")
    monkeypatch.setenv("SECWATCH_SCAN__THREADS__X", "1")
    with pytest.raises(ConfigurationInvalid, match="environment"):
        load(workspace_at(tmp_path))


def test_a_job_inherits_the_defaults_and_overrides_single_keys(tmp_path: Path) -> None:
    """[backup.defaults] is under every job's policy."""
    (tmp_path / "secwatch.toml").write_text(_job('policy = { rto = "1h" }'))
    policy = load(workspace_at(tmp_path)).backup.jobs["files"].policy
    assert (policy.rpo, policy.rto, policy.every) == ("2h", "1h", "24h")


def _job(more: str = "", repository: str = "centre", secret: str = 'password_file = "p"') -> str:
    return (
        f'[backup.defaults]\nrpo = "2h"\n[backup.repositories.centre]\nlocation = "x"\n{secret}\n'
        f'[backup.jobs.files]\norganisation = "FIN"\nrepository = "{repository}"\n{more}\n'
        '[[backup.jobs.files.sources]]\nkind = "files"\npaths = ["a"]\n'
    )


def test_a_job_must_name_a_known_repository_with_one_password(tmp_path: Path) -> None:
    """References between tables are checked too."""
    both = 'password_file = "p"\npassword_command = ["pass", "x"]'
    (tmp_path / "secwatch.toml").write_text(_job(repository="nowhere", secret=both))
    with pytest.raises(ConfigurationInvalid) as caught:
        load(workspace_at(tmp_path))
    joined = "\n".join(caught.value.problems)
    assert "there is no repository 'nowhere' (known: centre)" in joined
    assert "exactly one of password_file" in joined


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[scan", "not TOML"),
        ('scan = "x"', "table [scan]: must be a table"),
        ('[[backup.jobs.j.sources]]\nkind = "tape"\n', "[backup.jobs.j.sources.#1], key kind: must be 'files'"),
        ('[backup.jobs."a b"]\norganisation = "X"\nrepository = "r"\nsources = []\n', "a b"),
    ],
)
def test_what_is_no_configuration_is_said(tmp_path: Path, text: str, expected: str) -> None:
    """Broken TOML and wrong shapes are mistakes like any other."""
    (tmp_path / "secwatch.toml").write_text(text)
    with pytest.raises(ConfigurationInvalid) as caught:
        load(workspace_at(tmp_path))
    assert expected in "\n".join(caught.value.problems)


def test_check_reports_a_job_of_an_unknown_organisation(workspace: Path) -> None:
    """The registry and the configuration must agree."""
    (workspace / "secwatch.toml").write_text(_job())
    before = _check(workspace)
    assert before.code == 13
    assert "the registry knows no organisation 'FIN'" in before.stderr
    assert run_secwatch("-w", workspace, "org", "import").code == 0
    after = _check(workspace)
    assert (after.code, after.json["valid"]) == (0, True)


def _check(workspace: Path) -> Run:
    return run_secwatch("-w", workspace, "config", "check", "--json")


def test_the_effective_configuration_is_a_configuration(workspace: Path, tmp_path: Path) -> None:
    """What `config show --effective` prints can be used as a file."""
    (workspace / "secwatch.toml").write_text(_job())
    shown = run_secwatch("-w", workspace, "config", "show", "--effective")
    assert shown.code == 0
    (workspace / "secwatch.toml").write_text(shown.stdout)
    assert run_secwatch("-w", workspace, "config", "show", "--effective").stdout == shown.stdout


def test_the_example_is_the_shipped_file() -> None:
    """`config example > secwatch.toml` starts a configuration."""
    text = (shipped("configs") / "secwatch.toml").read_text(encoding="utf-8")
    assert run_secwatch("config", "example").stdout == text
