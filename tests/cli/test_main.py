"""The commands as a shell sees them: output, errors, exit status."""

import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from graphmill import __version__
from graphmill.cli.main import app
from graphmill.errors import ConfigInvalid, InvalidParameter
from tests.dsl.files import edges, node, workflow_text
from tests.forms import approval, asking, end, start
from tests.service.world import TEXT, echo, waiting

NUMBER = {"variable": "n", "type": "number"}
OBJECT = {"variable": "cfg", "type": "json_object"}
DOCUMENT = {"variable": "doc", "type": "file", "allowed_file_types": ["document"]}
DOCUMENTS = {"variable": "docs", "type": "file-list"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


KIT = Path(__file__).parent.parent / "conformance" / "apps"


def invoke(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, arguments, input=typed, catch_exceptions=False)


def test_version_is_told() -> None:
    assert (0, f"{__version__}\n") == (invoke("--version").exit_code, invoke("--version").stdout)


def test_help_names_the_commands() -> None:
    text = invoke("--help").stdout
    commands = ("serve", "run", "check", "graph", "doctor", "prune", "migrate")
    assert [] == [name for name in commands if f"  {name}  " not in text]


def test_cluster_has_no_command_yet() -> None:
    result = invoke("worker")
    assert (2, True) == (result.exit_code, "No such command 'worker'" in result.stderr)


# --- run -------------------------------------------------------------------------------------


def test_run_shows_nodes_and_outputs(folder: Path) -> None:
    (folder / "echo.yml").write_text(echo())
    result = invoke("run", "echo.yml", "-i", "q=hello = world")
    assert (0, "out: hello = world\n") == (result.exit_code, result.stdout)
    assert ["✓", "Start", "start"] == result.stderr.split()[:3]
    assert "End" in result.stderr


def test_run_asks_a_chatflow_its_question() -> None:
    path = str(KIT / "chat-echo.yml")
    assert "answer: Echo: Hi there\n" in invoke("run", path, "-i", "query=Hi there").stdout
    with pytest.raises(InvalidParameter, match="query is required in input form"):
        invoke("run", path)


def test_run_asks_the_terminal_what_a_form_asks(folder: Path) -> None:
    (folder / "hi.yml").write_text(approval())
    result = invoke("run", "hi.yml", "-i", "topic=tea", "--json", typed="fine\nok\n")
    said = {"said": "fine", "how": "Approve", "whole": "Approve tea? fine"}
    assert (0, said) == (result.exit_code, json.loads(result.stdout))
    assert "Approve tea? [note]" in result.stderr
    assert "ok: Approve" in result.stderr


def test_run_asks_again_until_the_answer_fits(folder: Path) -> None:
    team = {"type": "constant", "value": ["red", "blue"]}
    inputs = [
        {"type": "select", "output_variable_name": "team", "option_source": team},
        {"type": "file", "output_variable_name": "doc", "allowed_file_types": ["document"]},
        {"type": "file-list", "output_variable_name": "docs", "number_limits": 2},
    ]
    nodes = [start(), asking(inputs=inputs), end(docs="h.docs", doc="h.doc", team="h.team")]
    text = workflow_text(nodes, edges("start>h", "h:ok>end"))
    (folder / "hi.yml").write_text(text)
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(name)
    first = "green\nred\ngone.txt\n"
    second = "blue\na.txt\na.txt,a.txt,b.txt\nok\n"
    third = "blue\na.txt\na.txt, b.txt\nok\n"
    result = invoke("run", "hi.yml", "--json", typed=first + second + third)

    assert "doc: there is no file gone.txt." in result.stderr
    assert "it takes at most 2 files" in result.stderr
    outputs = json.loads(result.stdout)
    assert "blue" == outputs["team"]
    assert ["a.txt", "b.txt"] == [file["filename"] for file in outputs["docs"]]
    assert "a.txt" == outputs["doc"]["filename"]


def test_run_of_a_form_that_nobody_fills_in_fails(folder: Path) -> None:
    (folder / "hi.yml").write_text(approval())
    result = invoke("run", "hi.yml")
    assert (1, "") == (result.exit_code, result.stdout)
    assert "paused: nobody filled in the form." in result.stderr


def test_run_prints_json_and_nothing_else_on_stdout(folder: Path) -> None:
    (folder / "echo.yml").write_text(echo())
    result = invoke("run", "echo.yml", "-i", "q=né", "--json")
    assert {"out": "né"} == json.loads(result.stdout)


@pytest.mark.parametrize(
    ("variable", "arguments", "value"),
    [
        (TEXT, ["q=12"], "12"),
        (NUMBER, ["n=2.5"], 2.5),
        (NUMBER, ["n=7"], 7),
        (OBJECT, ['cfg={"a": [1]}'], {"a": [1]}),
        ({**TEXT, "type": "select", "options": ["a", "b"]}, ["q=b"], "b"),
        ({**TEXT, "type": "checkbox"}, ["q=yes"], True),
    ],
    ids=["text", "decimal", "integer", "object", "select", "checkbox"],
)
def test_inputs_become_what_their_variable_wants(
    folder: Path, variable: dict[str, object], arguments: list[str], value: object
) -> None:
    (folder / "echo.yml").write_text(echo(variable))
    result = invoke("run", "echo.yml", "--json", "-i", *arguments)
    assert {"out": value} == json.loads(result.stdout)


def test_file_is_given_by_its_path(folder: Path) -> None:
    (folder / "echo.yml").write_text(echo(DOCUMENT))
    (folder / "plan.txt").write_text("hello")
    result = invoke("run", "echo.yml", "--json", "-i", "doc=plan.txt")
    file = json.loads(result.stdout)["out"]
    assert ("plan.txt", "document", 5) == (file["filename"], file["type"], file["size"])
    assert (folder / "plan.txt").as_uri() == file["url"]


def test_file_is_given_by_its_url(folder: Path, echo_url: str) -> None:
    (folder / "echo.yml").write_text(echo(DOCUMENTS))
    (folder / "config.yaml").write_text("http_request: {allow: [127.0.0.0/8]}")
    urls = [f"{echo_url}/pic.png", f"{echo_url}/text.txt"]
    result = invoke("run", "echo.yml", "--json", *(f"-idocs={url}" for url in urls))
    assert urls == [file["url"] for file in json.loads(result.stdout)["out"]]


def test_files_are_shown_by_where_they_are(folder: Path) -> None:
    (folder / "echo.yml").write_text(echo(DOCUMENTS))
    (folder / "a.txt").write_text("a")
    (folder / "b.txt").write_text("b")
    result = invoke("run", "echo.yml", "-i", "docs=a.txt", "-i", "docs=b.txt")
    places = [(folder / name).as_uri() for name in ("a.txt", "b.txt")]
    assert f"out: {' '.join(places)}\n" == result.stdout


def test_inputs_come_from_a_file_as_well(folder: Path) -> None:
    (folder / "echo.yml").write_text(echo(DOCUMENTS, TEXT))
    (folder / "a.txt").write_text("a")
    (folder / "b.txt").write_text("b")
    (folder / "inputs.json").write_text(json.dumps({"docs": ["a.txt"], "q": "of the file"}))
    given = ["--inputs", "inputs.json", "-i", "docs=b.txt", "-i", "q=given"]
    result = invoke("run", "echo.yml", "--json", *given)
    assert ["a.txt", "b.txt"] == [file["filename"] for file in json.loads(result.stdout)["out"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-i", "q"], "'q' should be name=value"),
        (["-i", "x=1"], "There is no input 'x'; the workflow has cfg, doc."),
        (["-i", "cfg={"], "cfg wants a JSON object"),
        (["-i", "doc=none.txt"], "doc: there is no file none.txt"),
        (["--inputs", "none.json"], "none.json: No such file"),
        (["--inputs", "list.json"], "list.json is no JSON object"),
        (["--inputs", "echo.yml"], "echo.yml is no JSON"),
    ],
)
def test_mistake_in_the_inputs_is_told(folder: Path, arguments: list[str], message: str) -> None:
    (folder / "echo.yml").write_text(echo(OBJECT, DOCUMENT))
    (folder / "list.json").write_text("[]")
    result = invoke("run", "echo.yml", *arguments)
    assert 2 == result.exit_code
    assert message in result.stderr


def test_failed_run_ends_with_status_1(folder: Path) -> None:
    (folder / "waiting.yml").write_text(waiting())
    result = invoke("run", "waiting.yml", "-i", "url=http://127.0.0.1:9/")
    assert 1 == result.exit_code
    assert "failed: " in result.stderr
    assert "http_request.allow" in result.stderr


def test_configuration_counts_for_a_run(folder: Path) -> None:
    start = node("start", "start", title="Start", variables=[])
    outputs = [{"variable": "out", "value_selector": ["env", "token"]}]
    end = node("end", "end", title="End", outputs=outputs)
    variable = {"name": "token", "value_type": "string", "value": "from the file"}
    text = workflow_text([start, end], edges("start>end"), environment_variables=[variable])
    (folder / "token.yml").write_text(text)
    (folder / "config.yaml").write_text("apps: [{workflow: token.yml, environment: {token: mine}}]")
    assert "out: mine\n" == invoke("run", "token.yml").stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "flow.yml:1:1: error[file-unreadable]"),
        ("app: [", "flow.yml:2:1: error[yaml-syntax]"),
        (workflow_text([node("x", "no-such-type")]), "error[unknown-node-type]"),
    ],
    ids=["missing", "no YAML", "unknown node"],
)
def test_file_that_cannot_run_is_told_with_its_place(
    folder: Path, text: str | None, message: str
) -> None:
    if text is not None:
        (folder / "flow.yml").write_text(text)
    result = invoke("run", "flow.yml")
    assert (1, "") == (result.exit_code, result.stdout)
    assert message in result.stderr


# --- check and graph -------------------------------------------------------------------------


def test_check_ends_with_status_1_when_there_are_errors(folder: Path) -> None:
    (folder / "good.yml").write_text(echo())
    (folder / "bad.yml").write_text("app: [")
    assert (0, "0 errors, 0 warnings in 1 file\n") == (
        invoke("check", "good.yml").exit_code,
        invoke("check", "good.yml").stdout,
    )
    result = invoke("check", "good.yml", "bad.yml", "--format", "json")
    assert (1, 1) == (result.exit_code, json.loads(result.stdout)["errors"])


def test_graph_draws(folder: Path) -> None:
    (folder / "echo.yml").write_text(echo())
    assert invoke("graph", "echo.yml").stdout.startswith("flowchart")
    assert invoke("graph", "echo.yml", "--format", "svg").stdout.startswith("<svg")


# --- sandbox ---------------------------------------------------------------------------------


def test_packages_for_code_are_installed_where_code_finds_them(folder: Path) -> None:
    source = folder / "shelf"
    source.mkdir()
    (source / "shelf_of_tests.py").write_text("TITLE = 'found'\n")
    (source / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'build'\nbackend-path = ['.']\n"
        "[project]\nname = 'shelf-of-tests'\nversion = '1'\n"
    )
    (source / "build.py").write_text(BACKEND)
    result = invoke("sandbox", "install", str(source))
    assert (0, True) == (result.exit_code, "can import shelf_of_tests" in result.stdout)
    assert "shelf_of_tests" in invoke("doctor").stdout


def test_packages_are_not_installed_for_a_dify_sandbox(folder: Path) -> None:
    (folder / "config.yaml").write_text("sandbox: {remote: {endpoint: 'http://sandbox:8194'}}")
    with pytest.raises(ConfigInvalid, match="packages are installed there"):
        invoke("sandbox", "install", "requests")


BACKEND = """
import zipfile

FILES = {
    "METADATA": ("Metadata-Version: 2.1", "Name: shelf-of-tests", "Version: 1"),
    "WHEEL": ("Wheel-Version: 1.0", "Root-Is-Purelib: true", "Tag: py3-none-any"),
    "RECORD": (),
}

def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "shelf_of_tests-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{directory}/{name}", "w") as wheel:
        wheel.write("shelf_of_tests.py")
        for file, lines in FILES.items():
            wheel.writestr(f"shelf_of_tests-1.dist-info/{file}", chr(10).join(lines))
    return name
"""
"""Makes a wheel without any tool, so nothing has to be fetched."""


# --- doctor, migrate, prune ------------------------------------------------------------------


def test_doctor_finds_a_sound_host(folder: Path) -> None:
    (folder / "echo.yml").write_text(echo())
    (folder / "config.yaml").write_text("apps: [{workflow: echo.yml}]")
    assert 0 == invoke("migrate").exit_code
    result = invoke("doctor")
    assert 0 == result.exit_code
    assert "graphmill.sqlite3 is sound" in result.stdout
    assert "app echo" in result.stdout
    assert "nodes that ask a model fail" in result.stdout
    absent = [line.split()[1] for line in result.stdout.splitlines() if line.startswith("- ")]
    assert ["models", "Postgres", "cluster"] == absent


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("apps: [{workflow: none.yml}]", "cannot run; see: graphmill check"),
        ("no_such_key: 1", "no_such_key is not a setting"),
        ("http_request: {allow: [':::']}", "http_request"),
        ("data_dir: config.yaml/data", "cannot be written"),
    ],
)
def test_doctor_tells_what_is_bad(folder: Path, config: str, message: str) -> None:
    (folder / "config.yaml").write_text(config)
    result = invoke("doctor")
    assert 1 == result.exit_code
    [line] = [line for line in result.stdout.splitlines() if line.startswith("BAD")]
    assert message in line


def test_doctor_sees_a_damaged_database(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "graphmill.sqlite3").write_text("this is no database" * 100)
    result = invoke("doctor")
    assert (1, True) == (result.exit_code, "file is not a database" in result.stdout)


def test_migrate_makes_the_tables(folder: Path) -> None:
    assert 0 == invoke("migrate").exit_code
    connection = sqlite3.connect(folder / "data" / "graphmill.sqlite3")
    names = {name for (name,) in connection.execute("select name from sqlite_master")}
    connection.close()
    assert names >= {"runs", "workflow_versions", "journal", "uploads"}


def test_prune_tells_how_much_it_deleted(folder: Path) -> None:
    assert invoke("prune").stdout.startswith("Deleted 0 runs, 0 rows of events, 0 files, ")


def test_prune_can_tell_beforehand(folder: Path) -> None:
    assert invoke("prune", "--dry-run").stdout.startswith("Would delete 0 runs, ")
