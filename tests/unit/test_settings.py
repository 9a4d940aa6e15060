"""Settings come from five places, the nearest wins, and a project asks before it reaches further."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.config import consent
from orchestra.config.settings import BUILT_IN, RULES, Settings, load, project_wishes
from orchestra.errors import BadConfig, Refused


class Files:
    """The person's and the project's directory of settings."""

    def __init__(self, root: Path) -> None:
        self.person = root / "person" / "config.yaml"
        self.project = root / "project" / ".orchestra" / "config.yaml"
        for file in (self.person, self.project):
            file.parent.mkdir(parents=True)

    def load(
        self,
        person: str = "",
        project: str = "",
        environment: Mapping[str, str] | None = None,
        flags: Mapping[str, object] | None = None,
        consented: str | None = None,
    ) -> Settings:
        self.person.write_text(person)
        self.project.write_text(project)
        return load(self.person, self.project, environment=environment or {}, flags=flags, consented=consented)

    def consent(self, project: str) -> str:
        self.project.write_text(project)
        return consent.content_hash(project_wishes(self.project))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_without_files_everything_is_built_in(tmp_path: Path) -> None:
    settings = load(tmp_path / "none.yaml", tmp_path / "nowhere" / "none.yaml", environment={})
    assert settings == Settings(origins=settings.origins)
    assert set(settings.origins.values()) == {BUILT_IN}
    assert set(settings.origins) == set(RULES)


def test_each_place_wins_over_the_one_before_and_is_the_origin(files: Files) -> None:
    project = "{model: project, layout: project, agent: project, prefix_key: Q}"
    settings = files.load(
        person="{model: person, layout: person, agent: person, prefix_key: P, memory: 1g}",
        project=project,
        environment={"ORCHESTRA_MODEL": "variable", "ORCHESTRA_LAYOUT": "variable", "ORCHESTRA_AGENT": "variable"},
        flags={"model": "flag", "layout": "flag"},
        consented=files.consent(project),
    )
    found = {key: (getattr(settings, key), settings.origins[key]) for key in ("model", "agent", "prefix_key", "memory")}
    assert found == {
        "model": ("flag", "--model"),
        "agent": ("variable", "ORCHESTRA_AGENT"),
        "prefix_key": ("Q", str(files.project)),
        "memory": ("1g", str(files.person)),
    }


def test_settings_cannot_be_changed_once_merged(files: Files) -> None:
    settings = files.load()
    with pytest.raises(FrozenInstanceError):
        settings.agent = "other"  # type: ignore[misc]  # what is tested
    with pytest.raises(TypeError):
        settings.origins["agent"] = "other"  # type: ignore[index]  # what is tested


def test_own_keys_and_colours_are_read_by_name(files: Files) -> None:
    settings = files.load(
        person='keys: {merge: X, next: [n, Down], next-need: "", jump: 1}\n'
        'colours: {accent: "#ff8700", bad: red, good: 40}'
    )
    assert settings.keys == {"merge": ("X",), "next": ("n", "Down"), "next-need": (), "jump": ("1",)}
    assert settings.colours == {"accent": "#ff8700", "bad": "red", "good": "40"}


def test_a_flag_or_variable_without_a_value_was_not_given(files: Files) -> None:
    settings = files.load(person="model: kept", environment={"ORCHESTRA_MODEL": ""}, flags={"model": None, "agent": ""})
    assert (settings.model, settings.agent) == ("kept", Settings().agent)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sandbx: host", "there is no setting 'sandbx' (did you mean sandbox?)"),
        ("zzz: 1", "there is no setting 'zzz' (there are: agent, allow, answer_timeout, base_image,"),
        ("1: 2", "there is no setting '1'"),
        ("sandbox: chroot", "sandbox must be auto, docker or host, not 'chroot'"),
        ("model: 4", "model must be text (in quotes if it looks like a number, yes or no), not '4'"),
        ("prefix_key: y e", "prefix_key must be one tmux key"),
        ("prefix_key: yes", "prefix_key must be text"),
        ("network_internal: 1", "network_internal must be true or false, not '1'"),
        ("cpus: much", "cpus must be a number, not 'much'"),
        ("cpus: true", "cpus must be a number, not 'True'"),
        ("pids: true", "pids must be a whole number, not 'True'"),
        ("cpus: .nan", "cpus must be at least 0, not 'nan'"),
        ("pids: 1", "pids must be at least 16"),
        ("max_sessions: 1.5", "max_sessions must be a whole number"),
        ("setup: pip install", "setup must be a list of texts"),
        ("setup: [1]", "setup must be a list of texts"),
        ("memory: lots", "memory must be a size, such as 512m or 4g"),
        ("branch_prefix: --force", "branch_prefix must be part of a branch name"),
        ("agent: a\nmodel: [", "line 2: expected the node content"),
        ("agent: a\n\tmodel: b", "line 2: found character"),
        ("- agent", "must hold keys and values"),
        ("agent: \x07", "special characters are not allowed"),
        ("? [a]\n: b", "found unhashable key"),
        ("agent: 2026-02-31", "day is out of range"),
        ("keys: {merg: X}", "there is no action 'merg' (did you mean merge?)"),
        ("keys: {review-dwn: X}", "there is no action 'review-dwn' (did you mean review-down?)"),
        ("keys: {viewed: n}", "keys: n would be the key of next-match and of viewed"),
        ("keys: {merge: Control-x}", "keys: merge cannot have the key 'Control-x'"),
        ("keys: {merge: [D]}", "keys: D would be the key of delete and of merge"),
        ("keys: {allow: j}", "keys: j would be the key of next and of allow"),
        ("keys: [merge]", "keys must be names and texts"),
        ("keys: {merge: [[X]]}", "keys must be names and texts"),
        ("theme: pink", "theme must be dark, light or mono, not 'pink'"),
        ("notify: [bell, beep]", "osc777, desktop or urls, not ['bell', 'beep']"),
        ("notify: ['ntfys://me:secret@example.invalid']", "osc777, desktop or urls, not ['ntfys://…']"),
        ("base_image: 'oci://me:secret@example.invalid x'", "base_image must be an image name, not 'oci://… x'"),
        ("colours: {accnt: red}", "there is no colour 'accnt' (did you mean accent?)"),
        ("colours: {accent: reddish}", "colours: accent cannot be 'reddish'"),
        ("colours: {accent: 256}", "colours: accent cannot be '256'"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_file(files: Files, text: str, said: str) -> None:
    with pytest.raises(BadConfig) as caught:
        files.load(person=text)
    assert said in str(caught.value)
    assert str(files.person) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_who_writes_an_address_for_notifications_is_told_where_it_belongs(files: Files) -> None:
    with pytest.raises(BadConfig) as caught:
        files.load(person="notify: ['ntfys://me:secret@example.invalid']")
    assert "~/.orchestra/secrets/NOTIFY_URLS" in caught.value.hint
    assert "secret@" not in f"{caught.value}{caught.value.hint}"


def test_a_file_that_is_not_text_is_told(files: Files) -> None:
    files.person.write_bytes(b"model: caf\xe9")
    with pytest.raises(BadConfig, match="cannot be read"):
        load(files.person, environment={})


def test_variables_are_read_in_the_type_of_their_setting(files: Files) -> None:
    variables = {
        "ORCHESTRA_CPUS": "1.5",
        "ORCHESTRA_PIDS": "99",
        "ORCHESTRA_NETWORK_INTERNAL": "Yes",
        "ORCHESTRA_SETUP": "apt-get update\n\nmake deps\n",
        "ORCHESTRA_BASE_IMAGE": "alpine:3",
    }
    found = files.load(environment=variables)
    assert (found.cpus, found.pids, found.network_internal, found.base_image) == (1.5, 99, True, "alpine:3")
    assert found.setup == ("apt-get update", "make deps")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ORCHESTRA_PIDS", "many", "ORCHESTRA_PIDS: pids must be a whole number, not 'many'"),
        ("ORCHESTRA_CPUS", "-1", "ORCHESTRA_CPUS: cpus must be at least 0"),
        ("ORCHESTRA_NETWORK_INTERNAL", "perhaps", "network_internal must be true or false"),
        ("ORCHESTRA_SANDBX", "host", "ORCHESTRA_SANDBX is not a setting (did you mean ORCHESTRA_SANDBOX?)"),
    ],
)
def test_a_mistake_in_a_variable_names_the_variable(files: Files, name: str, value: str, said: str) -> None:
    with pytest.raises(BadConfig) as caught:
        files.load(environment={name: value})
    assert said in str(caught.value)


def test_variables_that_say_something_else_are_left_alone(files: Files) -> None:
    told = ("HOME", "SESSION", "ROLE", "WORKTREE", "TASK_FILE", "MCP_URL", "TOKEN_FILE", "HOOK_URL", "SOMETHING_ELSE")
    settings = files.load(environment={f"ORCHESTRA_{name}": "x" for name in told} | {"PATH": "/bin"})
    assert set(settings.origins.values()) == {BUILT_IN}


@pytest.mark.parametrize("versions", ["[claude]", "[claude@]", "['claude@1; rm -rf /']", "[claude@1, '@2']"])
def test_what_goes_into_a_shell_line_of_an_image_has_the_form_of_a_version(files: Files, versions: str) -> None:
    with pytest.raises(BadConfig, match="versions must be a list of PROFILE@VERSION"):
        files.load(person=f"versions: {versions}")


def test_a_flag_nobody_knows_is_refused(files: Files) -> None:
    with pytest.raises(BadConfig, match="did you mean layout"):
        files.load(flags={"layuot": "x"})


WISHES = st.dictionaries(st.sampled_from(sorted(RULES)), st.text())


class TestConsent:
    REACHING = "{image: evil, setup: [make], sandbox: host, pids: 100, editor: xeyes, network_internal: false}"

    def test_what_a_project_may_not_decide_alone_is_ignored_and_named(self, files: Files) -> None:
        settings = files.load(person="network_internal: true", project=self.REACHING)
        assert settings.ignored == ("editor", "image", "network_internal", "sandbox", "setup")
        assert (settings.image, settings.setup, settings.sandbox, settings.editor) == ("", (), "auto", "")
        assert settings.network_internal is True
        assert settings.pids == 100
        assert settings.origins["network_internal"] == str(files.person)

    def test_what_was_consented_to_counts_until_it_changes(self, files: Files) -> None:
        asked = files.consent(self.REACHING)
        settings = files.load(project=self.REACHING, consented=asked)
        assert (settings.ignored, settings.image, settings.sandbox) == ((), "evil", "host")
        assert files.load(project=self.REACHING.replace("100", "90"), consented=asked).ignored == ()
        changed = files.load(project=self.REACHING.replace("evil", "worse"), consented=asked)
        assert changed.ignored == settings_asked(files)
        assert changed.image == ""

    def test_the_person_is_not_asked_about_their_own_words(self, files: Files) -> None:
        settings = files.load(person=self.REACHING, environment={"ORCHESTRA_CHECK": "make"})
        assert (settings.ignored, settings.image, settings.check) == ((), "evil", "make")

    def test_a_project_in_the_home_directory_has_the_persons_own_file(self, files: Files) -> None:
        files.person.write_text(self.REACHING)
        assert load(files.person, files.person, environment={}).image == "evil"

    def test_a_project_that_asks_for_nothing_needs_no_consent(self, files: Files) -> None:
        text = "{memory: 1g, sandbox: docker, network_internal: true}"
        assert (files.load(project=text).ignored, files.consent(text)) == ((), "")

    def test_a_consent_that_was_given_for_more_does_not_stay_for_less(self, files: Files) -> None:
        asked = files.consent("{image: a, check: b}")
        assert files.load(project="image: a", consented=asked).ignored == ("image",)

    @pytest.mark.parametrize(
        ("person", "project", "expected"),
        [
            ("", "memory: 900g", "4g"),
            ("", "memory: 4194305k", "4g"),
            ("", "memory: 4096m", "4096m"),
            ("memory: 16g", "memory: 8g", "8g"),
            ("", "pids: 4000000", 512),
            ("pids: 100", "pids: 512", 100),
            ("", "max_sessions: 100000", 12),
            ("", "max_sessions: 2", 2),
            ("", "cpus: 2", 2.0),
            ("cpus: 1.5", "cpus: 0", 1.5),
            ("cpus: 1.5", "cpus: 2", 1.5),
            ("cpus: 1.5", "cpus: 1", 1.0),
        ],
    )
    def test_a_project_may_lower_a_limit_and_never_raise_it(
        self, files: Files, person: str, project: str, expected: object
    ) -> None:
        key = project.partition(":")[0]
        settings = files.load(person=person, project=project, consented=files.consent(project))
        assert getattr(settings, key) == expected
        kept = settings.origins[key] == str(files.project)
        assert settings.raised == (() if kept else (key,))

    def test_a_projects_file_is_no_link_and_not_endless(self, files: Files) -> None:
        with files.project.open("wb") as file:
            file.truncate(1 << 40)
        with pytest.raises(BadConfig, match="holds more than"):
            load(files.person, files.project, environment={})
        files.project.unlink()
        files.project.symlink_to("/dev/zero")
        with pytest.raises(Refused, match="is a symlink"):
            load(files.person, files.project, environment={})

    @pytest.mark.parametrize("key", sorted(RULES))
    def test_every_setting_has_been_judged(self, key: str) -> None:
        """A new setting needs consent; what a project may choose freely is put here on purpose."""
        widest = {"sandbox": "host", "network_internal": False}.get(key, "x")
        assert bool(consent.asked({key: widest})) is (key not in consent.LIMITS)

    @given(one=WISHES, two=WISHES)
    def test_two_lists_of_wishes_have_one_hash_only_when_they_are_the_same(
        self, one: dict[str, str], two: dict[str, str]
    ) -> None:
        wishes = [{key: values[key] for key in consent.asked(values)} for values in (one, two)]
        same = consent.content_hash(one) == consent.content_hash(two)
        assert same is (wishes[0] == wishes[1])


def settings_asked(files: Files) -> tuple[str, ...]:
    return files.load(project=TestConsent.REACHING).ignored


def test_every_setting_says_what_it_is_about_and_holds_what_it_may() -> None:
    for field in fields(Settings):
        if field.name in RULES:
            assert RULES[field.name].about
            assert type(getattr(Settings(), field.name)) is RULES[field.name].type


def test_without_files_yaml_is_not_loaded(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from orchestra.config.settings import load;"
        "load(Path('none'), Path('none/none')); print('yaml' in sys.modules)"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ORCHESTRA_")}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
