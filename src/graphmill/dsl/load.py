"""A workflow file's text to a `Workflow`, with every problem of the file and its place.

What is judged here is whether the file can be read (`workflow-dsl §1` to §5.3). Whether its graph
can run is for `nodes.compile` to say, and whether it is wise for `check`.
"""

from typing import Final

from graphmill.dsl.canvas import EDGES, NODES, find_roots, load_edges, load_nodes
from graphmill.dsl.declarations import load_variables
from graphmill.dsl.model import AppInfo, AppMode, Loaded, Workflow
from graphmill.dsl.problems import Report, in_order, shown
from graphmill.dsl.reader import read_document
from graphmill.dsl.upgrade import upgrade
from graphmill.dsl.versions import OLDEST, ImportStatus, import_status
from graphmill.dsl.yaml_tree import Yaml

GRAPH_MODES: Final = frozenset({AppMode.WORKFLOW, AppMode.ADVANCED_CHAT})
"""The modes whose apps are graphs; the others are a `model_config`."""


def load_workflow(text: str | bytes) -> Loaded:
    """Never raises. `workflow` is None when the file does not even tell which app it is."""
    document = read_document(text)
    report = Report(document.places, document.problems)
    workflow = None
    if isinstance(document.data, dict):
        workflow = _workflow(document.data, report)
    elif not report.problems:
        report.error("bad-root", "Invalid YAML format: content must be a mapping", ())
    problems = in_order(report.problems)
    document.places.forget()
    return Loaded(workflow, problems)


def _workflow(root: dict[str, Yaml], report: Report) -> Workflow | None:
    kind = root.get("kind") or "app"
    if kind != "app":
        report.warning(
            "foreign-kind",
            f"The file is of kind {shown(kind)!r}; it is read as an app",
            ("kind",),
            "Only apps run here.",
        )
    version = _version(root, report)
    app = _app(root, report)
    if app is None or version is None:
        return None
    if app.mode not in GRAPH_MODES:
        return _without_graph(app, version, root, report)
    data = root.get("workflow")
    if not isinstance(data, dict) or not data:
        report.error(
            "missing-workflow",
            "Missing workflow data for workflow/advanced chat app",
            ("workflow",),
            "Export the app again, or write the graph under `workflow`.",
        )
        return None
    node_items, edge_items = _graph(data, report)
    nodes, edges = upgrade(load_nodes(node_items, report), load_edges(edge_items, report))
    root_id, inactive = find_roots(nodes)
    features = data.get("features")
    return Workflow(
        app=app,
        dsl_version=version,
        features=features if isinstance(features, dict) else {},
        environment=load_variables(data, "environment_variables", report),
        conversation=load_variables(data, "conversation_variables", report),
        nodes=nodes,
        edges=edges,
        root=root_id,
        inactive_roots=inactive,
        place=report.places.of(NODES),
    )


def _without_graph(
    app: AppInfo, version: str, root: dict[str, Yaml], report: Report
) -> Workflow | None:
    """A chat, agent or completion app: its settings are not read, it is only told apart."""
    if not isinstance(root.get("model_config"), dict):
        report.error(
            "missing-model-config",
            "Missing model_config for chat/agent-chat/completion app",
            ("model_config",),
            "Export the app again.",
        )
        return None
    return Workflow(
        app=app,
        dsl_version=version,
        features={},
        environment=(),
        conversation=(),
        nodes=(),
        edges=(),
        root=None,
        place=report.places.of(("app", "mode")),
    )


def _version(root: dict[str, Yaml], report: Report) -> str | None:
    """The DSL version; a number is taken as its text, which Dify refuses."""
    version = root.get("version") or OLDEST
    if isinstance(version, float):
        report.warning(
            "unquoted-version",
            "Invalid version type, expected str, got <class 'float'>",
            ("version",),
            f"Write version: '{version}', or Dify refuses the file.",
        )
        version = str(version)
    if not isinstance(version, str):
        message = f"Invalid version type, expected str, got {type(version)}"
        report.error("bad-version", message, ("version",), "Write it in quotes, as in '0.5.0'.")
        return None
    try:
        status = import_status(version)
    except ValueError:
        report.error(
            "bad-version",
            f"Invalid version {shown(version)!r}",
            ("version",),
            "Write numbers with dots between, as in '0.5.0'.",
        )
        return None
    if status is ImportStatus.PENDING:
        report.warning(
            "foreign-version",
            f"The file was made for DSL version {version}, which is not known here",
            ("version",),
            "It is read as if it were; check that it does what you expect.",
        )
    return version


def _app(root: dict[str, Yaml], report: Report) -> AppInfo | None:
    app = root.get("app")
    if not isinstance(app, dict) or not app:
        report.error(
            "missing-app",
            "Missing app data in YAML content",
            ("app",),
            "Is this an app that Dify exported? Its name and mode stand under `app`.",
        )
        return None
    modes = ", ".join(AppMode)
    hint = f"Set app.mode to one of: {modes}."
    if app.get("mode") is None:
        report.error("bad-mode", "loss app mode", ("app",), hint)
        return None
    try:
        mode = AppMode(str(app["mode"]))
    except ValueError:
        report.error("bad-mode", "Invalid app mode", ("app", "mode"), hint)
        return None
    return AppInfo(
        name=_text(app, "name") or "",
        mode=mode,
        description=_text(app, "description") or "",
        icon=_text(app, "icon"),
        icon_type=_text(app, "icon_type"),
        icon_background=_text(app, "icon_background"),
        use_icon_as_answer_icon=app.get("use_icon_as_answer_icon") is True,
    )


def _text(data: dict[str, Yaml], key: str) -> str | None:
    value = data.get(key)
    return None if value is None else str(value)


def _graph(data: dict[str, Yaml], report: Report) -> tuple[list[Yaml], list[Yaml]]:
    """The lists of nodes and edges, empty when they are not there."""
    graph = data.get("graph")
    nodes = graph.get("nodes") if isinstance(graph, dict) else None
    edges = graph.get("edges") if isinstance(graph, dict) else None
    if nodes is None or edges is None:
        report.error(
            "missing-graph",
            "nodes or edges not found in workflow graph",
            ("workflow", "graph"),
            "A graph has a list of nodes and a list of edges; either may be empty.",
        )
    elif not isinstance(nodes, list):
        report.error("missing-graph", "nodes in workflow graph must be a list", NODES)
    elif not isinstance(edges, list):
        report.error("missing-graph", "edges in workflow graph must be a list", EDGES)
    else:
        return nodes, edges
    return [], []
