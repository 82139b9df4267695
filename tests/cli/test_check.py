import json
import os
from pathlib import Path

import jsonschema
import pytest

from graphmill.cli.check import (
    check_files,
    find_problems,
    importable_packages,
    served_datasets,
    served_models,
    served_tools,
)
from graphmill.config import Settings
from graphmill.dsl.reader import MAX_BYTES
from tests.cli.sarif_schema import LOG
from tests.dsl.files import START, edges, node, workflow_text

APPS = Path(__file__).parents[1] / "conformance/apps"

SOUND = """\
app: {name: Sound, mode: workflow}
version: 0.5.0
workflow:
  graph:
    nodes:
    - {id: start, data: {type: start, title: Start}}
    - id: end
      data:
        type: end
        title: End
        outputs: []
    edges:
    - {source: start, target: end}
"""
WARNED = SOUND.replace("outputs: []", "outputs: [{variable: q, value_selector: [start, q]}]")
WRONG = SOUND.replace(
    "    edges:",
    "    - {id: a, data: {type: endd, title: Ünd}}\n    edges:\n    - {source: a, target: end}",
).replace("{source: start, target: end}", "{source: start, target: a}")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder of a test, with a file of each kind."""
    monkeypatch.chdir(tmp_path)
    for name, text in {"sound": SOUND, "warned": WARNED, "wrong file": WRONG}.items():
        Path(f"{name}.yml").write_text(text, encoding="utf-8")
    return tmp_path


def report(*names, format="text"):
    """Exit status and report of a check."""
    lines = []
    status = check_files([Path(name) for name in names], format, lines.append)
    return status, "\n".join(lines)


def test_a_sound_file_has_no_problems(folder):
    assert (0, "0 errors, 0 warnings in 1 file") == report("sound.yml")


def test_warnings_alone_do_not_fail(folder):
    status, text = report("warned.yml")
    assert 0 == status
    assert [
        "warned.yml:11:33: warning[unknown-variable] 'start' has no variable 'q' "
        "(node End (end), field outputs[0].value_selector) - It has sys.app_id, sys.files, "
        "sys.timestamp, sys.user_id, sys.workflow_id, sys.workflow_run_id.",
        "0 errors, 1 warning in 1 file",
    ] == text.splitlines()


def test_errors_fail_and_every_file_is_told(folder):
    status, text = report("wrong file.yml", "sound.yml", "warned.yml")
    first, second, summary = text.splitlines()
    assert 1 == status
    assert first.startswith("wrong file.yml:12:22: error[unknown-node-type] No class mapping found")
    assert "(node Ünd (a), field type) - Did you mean 'end'?" in first
    assert second.startswith("warned.yml:")
    assert "1 error, 1 warning in 3 files" == summary


def test_a_file_named_twice_is_checked_once(folder):
    assert "0 errors, 0 warnings in 1 file" == report("sound.yml", "sound.yml")[1]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("missing.yml", "file-unreadable"),
        (".", "file-unreadable"),
        ("binary.yml", "not-utf-8"),
        ("nul.yml", "yaml-syntax"),
        ("empty.yml", "empty-file"),
        ("huge.yml", "file-too-large"),
        ("list.yml", "bad-root"),
        ("chat.yml", "no-graph"),
    ],
)
def test_whatever_lies_at_a_path_its_problem_is_told(folder, name, code):
    contents = {
        "binary.yml": b"\x89PNG\r\n\x1a\n\xff\xfe",
        "nul.yml": b"a: \0",
        "empty.yml": b"",
        "list.yml": b"- a",
        "chat.yml": b"app: {name: x, mode: chat}\nmodel_config: {}",
    }
    if name in contents:
        Path(name).write_bytes(contents[name])
    if name == "huge.yml":
        Path(name).touch()
        os.truncate(name, 20 * MAX_BYTES)
    status, text = report(name)
    assert 1 == status
    problem, summary = text.splitlines()
    assert problem.startswith(f"{name}:1:")
    assert f"error[{code}]" in problem
    assert "1 error, 0 warnings in 1 file" == summary


def test_problems_of_reading_compiling_and_checking_come_together(folder):
    outputs = [{"variable": "q", "value_selector": ["start", "q"]}]
    text = workflow_text(
        [START, node("a", "no-such-type"), node("end", "end", outputs=outputs)],
        edges("start>end", "start>gone"),
        environment_variables=[{"name": "e"}],
    )
    Path("all.yml").write_text(text, encoding="utf-8")
    assert [
        "unreachable",
        "unknown-node-type",
        "unknown-variable",
        "missing-node",
        "bad-variable",
    ] == [problem.code for problem in find_problems(Path("all.yml"))]


def test_what_an_unreadable_part_of_the_graph_is_missed_by_is_not_told(folder):
    nodes = [START, {"id": "a"}, node("end", "end", outputs=[])]
    text = workflow_text(nodes, edges("start>a", "a>end"))
    Path("part.yml").write_text(text, encoding="utf-8")
    assert ["bad-node"] == [problem.code for problem in find_problems(Path("part.yml"))]


def test_the_json_report_has_every_part_of_a_problem(folder):
    status, text = report("wrong file.yml", "sound.yml", format="json")
    assert 1 == status
    data = json.loads(text)
    assert (1, 0) == (data["errors"], data["warnings"])
    (problem,) = data["problems"]
    hint = problem.pop("hint")
    assert hint.startswith("Did you mean 'end'?")
    assert {
        "file": "wrong file.yml",
        "line": 12,
        "column": 22,
        "severity": "error",
        "code": "unknown-node-type",
        "message": "No class mapping found for node type: endd",
        "node_id": "a",
        "node_title": "Ünd",
        "field": "type",
    } == problem


def test_the_sarif_log_is_valid_and_points_to_the_lines(folder):
    status, text = report("wrong file.yml", "missing.yml", "warned.yml", format="sarif")
    assert 1 == status
    log = json.loads(text)
    jsonschema.validate(log, LOG, format_checker=jsonschema.FormatChecker())
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [
        ("unknown-node-type", "error", "wrong%20file.yml", 12),
        ("file-unreadable", "error", "missing.yml", 1),
        ("unknown-variable", "warning", "warned.yml", 11),
    ] == [
        (
            rules[result["ruleIndex"]],
            result["level"],
            result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            result["locations"][0]["physicalLocation"]["region"]["startLine"],
        )
        for result in run["results"]
    ]
    assert [rules[result["ruleIndex"]] for result in run["results"]] == [
        result["ruleId"] for result in run["results"]
    ]
    name = run["results"][0]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"]
    assert "a.type" == name


def test_the_sarif_log_of_sound_files_has_no_results(folder):
    status, text = report(folder / "sound.yml", format="sarif")
    assert 0 == status
    log = json.loads(text)
    jsonschema.validate(log, LOG)
    (run,) = log["runs"]
    assert [] == run["results"]
    (artifact,) = run["artifacts"]
    assert (folder / "sound.yml").as_uri() == artifact["location"]["uri"]


def test_every_conformance_app_can_be_reported_in_every_format():
    paths = sorted(APPS.glob("*.yml"))
    assert len(paths) > 300
    for format in ("text", "json", "sarif"):
        status, text = report(*paths, format=format)
        assert 1 == status
        assert "ifelse-invalid.yml" in text


def test_what_is_installed_for_code_is_known(folder):
    source = "import shelf, requests\ndef main(): return {}"
    code = node(
        "code", "code", title="Code", code_language="python3", code=source, variables=[], outputs={}
    )
    nodes = [START, code, node("end", "end", title="End", outputs=[])]
    Path("code.yml").write_text(workflow_text(nodes, edges("start>code", "code>end")))
    Path("data/packages/shelf").mkdir(parents=True)
    packages = importable_packages(Settings.model_validate({"data_dir": "data"}))
    (problem,) = find_problems(Path("code.yml"), packages)
    assert ("missing-package", True) == (problem.code, "'requests'" in problem.message)
    assert "shelf" not in problem.message


@pytest.mark.parametrize(
    ("sandbox", "packages"),
    [
        ({"remote": {"endpoint": "http://sandbox:8194"}}, None),
        ({"python": {"backend": "monty"}}, ()),
        ({}, frozenset()),
    ],
    ids=["a dify-sandbox", "pydantic-monty", "nothing installed"],
)
def test_who_runs_code_says_what_it_may_import(folder, sandbox, packages):
    assert packages == importable_packages(Settings.model_validate({"sandbox": sandbox}))


MODELS = [{"provider": "langgenius/openai/*", "names": ["gpt-*"], "kind": "openai"}]


@pytest.mark.parametrize(
    ("models", "provider", "name", "codes"),
    [
        (MODELS, "langgenius/openai/openai", "gpt-4o", []),
        (MODELS, "openai", "gpt-4o", []),
        (MODELS, "openai", "o3", ["unmapped-model"]),
        (MODELS, "anthropic", "gpt-4o", ["unmapped-model"]),
        ([], "openai", "gpt-4o", ["unmapped-model"]),
    ],
    ids=["named", "short name", "another model", "another provider", "no models"],
)
def test_a_model_that_the_configuration_does_not_name_is_told(
    folder, models, provider, name, codes
):
    model = {"provider": provider, "name": name, "mode": "chat", "completion_params": {}}
    llm = node(
        "llm",
        "llm",
        title="Ask",
        model=model,
        prompt_template=[{"role": "user", "text": "Hi"}],
        context={"enabled": False, "variable_selector": []},
    )
    nodes = [START, llm, node("end", "end", title="End", outputs=[])]
    Path("llm.yml").write_text(workflow_text(nodes, edges("start>llm", "llm>end")))
    settings = Settings.model_validate({"models": models})
    problems = find_problems(Path("llm.yml"), has_model=served_models(settings))
    assert codes == [problem.code for problem in problems]
    assert () == find_problems(Path("llm.yml"))


@pytest.mark.parametrize(
    ("provider", "mapped", "warned"),
    [
        pytest.param("time", [], False, id="built in"),
        pytest.param("jina", [], True, id="nobody's"),
        pytest.param(
            "jina", [{"provider": "j*", "kind": "mcp", "url": "http://x"}], False, id="mapped"
        ),
    ],
)  # fmt: skip
def test_a_provider_of_tools_that_nobody_serves_is_told(folder, provider, mapped, warned):
    tool = node(
        "t", "tool", title="T", provider_id=provider, provider_type="builtin",
        tool_name="x", tool_parameters={}, tool_configurations={},
    )  # fmt: skip
    end = node("end", "end", title="End", outputs=[])
    Path("tool.yml").write_text(workflow_text([START, tool, end], edges("start>t", "t>end")))
    has_tools = served_tools(Settings.model_validate({"tools": mapped}))
    problems = find_problems(Path("tool.yml"), has_tools=has_tools)
    assert warned == any(problem.code == "unmapped-tool" for problem in problems)


@pytest.mark.parametrize(
    ("knowledge", "warned"),
    [
        ([], True),
        ([{"dataset": "other", "kind": "local", "name": "b"}], True),
        ([{"dataset": "enc*", "kind": "local", "name": "b"}], False),
        ([{"dataset": "*", "kind": "external", "name": "b", "endpoint": "http://kb"}], False),
    ],
)
def test_datasets_that_nobody_serves_are_told(tmp_path, knowledge, warned):
    search = {
        "title": "Search",
        "query_variable_selector": ["sys", "query"],
        "dataset_ids": ["enc=="],
        "retrieval_mode": "multiple",
        "multiple_retrieval_config": {"top_k": 4},
    }
    path = tmp_path / "flow.yml"
    path.write_text(workflow_text([START, node("a", "knowledge-retrieval", **search)]))
    settings = Settings.model_validate({"knowledge": knowledge})
    found = [
        problem
        for problem in find_problems(path, has_dataset=served_datasets(settings))
        if problem.code == "unmapped-dataset"
    ]
    assert warned == bool(found)
    if warned:
        assert "This server has no dataset 'enc==', so searches fail" == found[0].message
        assert "{dataset: 'enc==', kind: local, name: NAME}" in found[0].hint
        assert "dataset_ids[0]" == found[0].field
