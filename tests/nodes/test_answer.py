"""answer nodes (`nodes §3`, `workflow-dsl §13`)."""

from typing import Any

import pytest

from graphmill.engine.outcome import Succeeded
from graphmill.nodes.registry import NODE_TYPES
from graphmill.variables.files import File
from tests.nodes.running import run_node, validated

PHOTO = File("image", "remote_url", filename="a.png", remote_url="http://host/a.png")
NOTE = File("document", "remote_url", filename="n.txt", remote_url="http://host/n.txt")


@pytest.mark.parametrize(
    ("template", "text", "files"),
    [
        pytest.param("Hello {{#start.q#}}!", "Hello you!", [], id="text"),
        pytest.param("{{#start.list#}}", "- a\n- b", [], id="lists-are-bullets"),
        pytest.param("{{#start.photo#}}", "![a.png](http://host/a.png)", [PHOTO], id="image"),
        pytest.param(
            "{{#start.notes#}}|{{#start.photo#}}",
            "[n.txt](http://host/n.txt)|![a.png](http://host/a.png)",
            [NOTE, PHOTO],
            id="files-in-the-order-of-their-references",
        ),
        pytest.param("[{{#ghost.x#}}]", "[ghost.x]", [], id="what-is-missing-leaves-its-path"),
        pytest.param("", "", [], id="nothing"),
    ],
)
def test_answer_is_the_rendered_template_and_its_files(
    template: str, text: str, files: list[File]
) -> None:
    values: dict[str, Any] = {
        "start": {"q": "you", "list": ["a", "b"], "photo": PHOTO, "notes": [NOTE]}
    }
    outcome = run_node("answer", {"answer": template}, values)
    assert Succeeded({"answer": text, "files": files}) == outcome


def test_answer_streams_its_template_piece_by_piece() -> None:
    answer = NODE_TYPES["answer"]
    data = validated(answer, {"answer": "A {{#llm.text#}}\nB"})
    assert ("A ", ("llm", "text"), "\nB") == answer.stream_template(data)
    assert (("llm", "text"),) == answer.reads(data)
