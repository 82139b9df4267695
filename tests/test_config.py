"""config.yaml: what it may say, what is said of mistakes, and that its page is complete."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, SecretStr

from graphmill.config import Settings, load_settings
from graphmill.errors import ConfigInvalid

ROOT = Path(__file__).parents[1]

EVERYTHING = """\
server: {host: 0.0.0.0, port: 9000, public_url: "https://host/", cors_origins: [https://a]}
data_dir: ./elsewhere
database_url: postgresql://user:hush-url@host/name
storage:
  kind: s3
  s3: {bucket: b, prefix: p, region: r, endpoint_url: http://s3, access_key_id: i,
       secret_access_key: hush-s3}
apps:
  - workflow: flows/hello.yml
    api_keys: [hush-app, hush-other]
    name: Hello
    slug: hi
    published: false
    api_enabled: false
    environment: {OPENAI_KEY: hush-environment}
models:
  - provider: "langgenius/openai/*"
    kind: openai
    base_url: https://api.openai.com/v1
    api_key: hush-model
    rename: {a: b}
    prices: {gpt-4o-mini: {input: 0.15, output: 0.60, unit: 0.000001, currency: USD}}
speech:
  text_to_speech: {kind: openai, base_url: http://tts, api_key: hush-tts, model: m, voice: v}
  speech_to_text: {kind: openai, base_url: http://stt, api_key: hush-stt, model: m}
http_request:
  allow: [127.0.0.1:9101, 10.0.0.0/8]
  timeout_seconds: {connect: 1, read: 2.5, write: 3}
  max_response_bytes: {text: 1, binary: 2}
sandbox: {limits: {wall_seconds: 5}}
limits:
  run_seconds: 1
  run_steps: 2
  runs_per_app: 3
  uploads_mb: {document: 1, image: 2, audio: 3, video: 4}
retention: {runs_days: 1, events_minutes: 2, files_days: 3}
ocs: {users: [{id: alice, password_hash: hush-ocs}]}
cluster: {role: worker, dispatcher: dbos, event_bus: nats, worker_concurrency: 1, lease_seconds: 2}
"""


def load(folder: Path, text: str, **environ: str) -> Settings:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environ=environ)


def complaints(folder: Path, text: str, **environ: str) -> list[str]:
    """What is wrong with a file, without its name."""
    with pytest.raises(ConfigInvalid) as caught:
        load(folder, text, **environ)
    prefix = f"{folder / 'config.yaml'}:"
    lines = str(caught.value).splitlines()
    assert all(line.startswith(prefix) for line in lines)
    return [line.removeprefix(prefix) for line in lines]


def test_every_key_is_taken(tmp_path: Path) -> None:
    settings = load(tmp_path, EVERYTHING)
    assert 9000 == settings.server.port
    assert "https://host" == settings.server.base_url
    [app] = settings.apps
    assert ("hi", "Hello", False, False) == (app.slug, app.name, app.published, app.api_enabled)
    assert ["hush-app", "hush-other"] == [key.get_secret_value() for key in app.api_keys]
    assert "0.15" == str(settings.models[0].prices["gpt-4o-mini"].input)
    assert 2.5 == settings.http_request.timeout_seconds.read
    assert "hush-ocs" == settings.ocs.users[0].password_hash.get_secret_value()


def test_no_secret_is_shown(tmp_path: Path) -> None:
    settings = load(tmp_path, EVERYTHING)
    assert "hush" not in repr(settings) + str(settings)


@pytest.mark.parametrize(
    "text",
    ["", "# only a comment\n", "{}", "server:\nlimits:\n  run_steps: null\n"],
    ids=["empty", "comment", "nothing", "nulls"],
)
def test_every_key_may_be_left_out(tmp_path: Path, text: str) -> None:
    expected = Settings(data_dir=tmp_path / "data")
    assert expected == load(tmp_path, text)


def test_without_a_file_everything_is_as_by_default() -> None:
    assert Settings() == load_settings(None, environ={})


def test_file_of_the_samples_is_sound() -> None:
    settings = load_settings(ROOT / "config.yaml", environ={})
    assert all(app.workflow.exists() for app in settings.apps)


def test_relative_paths_count_from_the_file(tmp_path: Path) -> None:
    settings = load(tmp_path, "data_dir: ../d\napps: [{workflow: a/b.yml}, {workflow: /c.yml}]")
    assert tmp_path / "../d" == settings.data_dir
    assert [tmp_path / "a/b.yml", Path("/c.yml")] == [app.workflow for app in settings.apps]


def test_an_app_is_called_by_the_name_of_its_file(tmp_path: Path) -> None:
    text = "apps: [{workflow: a/b.c.yml}, {workflow: d.yml, slug: null}]"
    assert ["b.c", "d"] == [app.slug for app in load(tmp_path, text).apps]


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:8000"), ("::1", "http://[::1]:8000")],
    ids=["IPv4", "IPv6"],
)
def test_the_server_knows_its_own_url(tmp_path: Path, host: str, url: str) -> None:
    assert url == load(tmp_path, f"server: {{host: '{host}'}}").server.base_url


@pytest.mark.parametrize(
    ("written", "environ", "name"),
    [
        pytest.param("${NAME}", {"NAME": "x"}, "x", id="set"),
        pytest.param("a-${NAME}-${OTHER}", {"NAME": "x", "OTHER": "y"}, "a-x-y", id="two"),
        pytest.param("${NAME:-default}", {}, "default", id="default"),
        pytest.param("${NAME:-default}", {"NAME": ""}, "default", id="empty takes the default"),
        pytest.param("${NAME:-default}", {"NAME": "x"}, "x", id="default not needed"),
        pytest.param("${NAME:-}", {}, None, id="empty default is nothing"),
        pytest.param("${NAME}", {"NAME": "${OTHER}"}, "${OTHER}", id="only once"),
        pytest.param("$NAME {x} $", {"NAME": "x"}, "$NAME {x} $", id="other dollars"),
    ],
)
def test_the_environment_is_filled_in(
    tmp_path: Path, written: str, environ: Mapping[str, str], name: str | None
) -> None:
    settings = load(tmp_path, f"apps: [{{workflow: a.yml, name: '{written}'}}]", **environ)
    assert name == settings.apps[0].name


def test_a_number_may_come_from_the_environment(tmp_path: Path) -> None:
    assert 9000 == load(tmp_path, "server: {port: '${PORT}'}", PORT="9000").server.port


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "server:\n  prot: 1", "2:3: server.prot is not a setting; did you mean 'port'?",
            id="typing error",
        ),
        pytest.param("servers: 1", "1:1: servers is not a setting; did you mean 'server'?",
            id="typing error on top"),
        pytest.param("zzz: null", "1:1: zzz is not a setting", id="nothing like it"),
        pytest.param(
            "apps:\n  - workflow: a.yml\n    slag: x",
            "3:5: apps[0].slag is not a setting; did you mean 'slug'?", id="in a list",
        ),
        pytest.param(
            "models: [{provider: x, kind: demo, prices: {m: {inputs: 1, input: 1}}}]",
            "1:49: models[0].prices.m.inputs is not a setting; did you mean 'input'?",
            id="in a mapping",
        ),
        pytest.param("apps:\n  - {slug: x}", "2:5: apps[0].workflow is missing", id="missing"),
        pytest.param(
            "server: {port: 70000}", "1:10: server.port: Input should be less than or equal to ",
            id="out of range",
        ),
        pytest.param(
            "apps: [{workflow: a.yml, api_keys: [12345]}]",
            "1:37: apps[0].api_keys[0]: Input should be a valid string; put it in quotes",
            id="number for a text",
        ),
        pytest.param(
            "storage: {kind: s3}", "1:1: storage: kind s3 needs s3.bucket", id="S3 without bucket"
        ),
        pytest.param(
            "a: 1\na: 2", "2:1: The key 'a' stands twice", id="twice"
        ),
        pytest.param(
            "apps: [{workflow: a/x.yml}, {workflow: b/x.yml}]",
            "1:29: Two apps are named 'x'; give one of them another `slug`", id="same slug",
        ),
        pytest.param(
            "apps: [{workflow: a.yml, api_keys: [k]}, {workflow: b.yml, api_keys: [k]}]",
            "1:71: Two apps have the same API key", id="same key",
        ),
        pytest.param(
            "apps: [{workflow: a.yml, api_keys: ['${KEY:-}']}]",
            "1:37: apps[0].api_keys[0] must not be empty",
            id="empty key",
        ),
        pytest.param(
            "server:\n  host: ${HOST}",
            "2:3: The environment variable HOST is not set; set it, or write ${HOST:-default}",
            id="variable not set",
        ),
        pytest.param(
            "server: {host: '${HOST'}", "1:10: Write ${NAME} or ${NAME:-default}",
            id="half a reference",
        ),
        pytest.param(
            "speech: {text_to_speech: {base_url: localhost:9}}",
            "1:27: speech.text_to_speech.base_url: String should match pattern",
            id="no URL",
        ),
        pytest.param(
            "models: [{provider: x, kind: openai, base_url: 'http://a b/v1'}]",
            "1:38: models[0].base_url: String should match pattern",
            id="a blank in a URL",
        ),
        pytest.param(
            "tools: [{provider: x, kind: mcp, url: 'http://[::1/mcp'}]",
            "1:34: tools[0].url: Invalid IPv6 URL",
            id="half an address",
        ),
        pytest.param(
            "speech: {speech_to_text: {model: w, base_url: 'http://host:99999'}}",
            "1:37: speech.speech_to_text.base_url: Port out of range 0-65535",
            id="no port",
        ),
        pytest.param("server: [", "2:1: Invalid YAML format", id="no YAML"),
        pytest.param("- a", "1:1: The file should hold keys with values", id="a list"),
        pytest.param("server: 1", "1:1: server should hold keys with values", id="no section"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    [line] = complaints(tmp_path, text)
    assert line.startswith(expected)


def test_all_mistakes_are_told_at_once_in_their_order(tmp_path: Path) -> None:
    text = "server: {port: x}\nlimits: {run_steps: 0}\nretention: {runs_days: -1}"
    places = [line.split(":")[:2] for line in complaints(tmp_path, text)]
    assert [["1", "10"], ["2", "10"], ["3", "13"]] == places


def test_a_mistake_does_not_show_a_secret(tmp_path: Path) -> None:
    text = "apps: [{workflow: a.yml, api_keys: '${KEY}'}]"
    assert "hush" not in "".join(complaints(tmp_path, text, KEY="hush"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"none\.yaml cannot be read: No such file"):
        load_settings(tmp_path / "none.yaml", environ={})


def documented_keys() -> dict[str, str]:
    """The rows of the page: key → default."""
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `([^`]+)` \| (.*?) \|", page, flags=re.MULTILINE))


def keys_of(section: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key that holds no further keys, with its default."""
    for name, field in section.model_fields.items():
        inner, infix = section_of(field.annotation)
        if inner is None:
            yield prefix + name, ... if field.is_required() else field.default
        else:
            yield from keys_of(inner, f"{prefix}{name}{infix}.")


def section_of(annotation: object) -> tuple[type[BaseModel] | None, str]:
    """The section that a value of this type consists of, and how the page writes the way there."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    infix = {tuple: "[]", dict: ".*"}.get(getattr(annotation, "__origin__", None), "")
    for argument in get_args(annotation):
        section, deeper = section_of(argument)
        if section is not None:
            return section, infix + deeper
    return None, ""


def test_page_lists_every_key_and_no_other() -> None:
    assert {key for key, _ in keys_of(Settings)} == set(documented_keys())


IN_WORDS = {"apps[].slug", "apps[].api_keys"}
"""Keys whose default depends on something; so do those whose default is None."""


@pytest.mark.parametrize(
    ("key", "default"), [pytest.param(*entry, id=entry[0]) for entry in keys_of(Settings)]
)
def test_page_tells_the_default(key: str, default: Any) -> None:
    told = documented_keys()[key]
    if key in IN_WORDS or default is None:
        assert told
    elif default is ...:
        assert "needed" == told
    elif default == "":
        assert "empty" == told
    else:
        plain = default.get_secret_value() if isinstance(default, SecretStr) else default
        text = told.strip("`")
        if isinstance(plain, str | Path):
            assert plain == type(plain)(text)
        else:
            assert json.loads(json.dumps(plain, default=float)) == json.loads(text)
