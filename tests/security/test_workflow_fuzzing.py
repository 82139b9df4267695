"""Workflow files with anything in any place: they are read or refused with problems, and the app
that they make answers; nothing breaks, hangs or grows."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from graphmill.api.dify.info import form_of
from graphmill.jsontext import encode
from graphmill.nodes.start import start_variables
from graphmill.service.apps.chat_features import read_chat_features
from graphmill.service.apps.reading import read_workflow
from tests.effort import chance
from tests.nodes.running import NO_PORTS

APPS = Path(__file__).parent.parent / "conformance" / "apps"
NAMES = sorted(path.name for path in APPS.glob("*.yml"))

Step = str | int
Mutation = tuple[int, Any]
"""Which place, and what is put there."""

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 2**70)
    | st.floats()
    | st.sampled_from(["", "start", "{{#a.b#}}", "=", "\ud83d", "x" * 500, "workflow", "0"])
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "type", "data", "variable", "enabled", "value_selector", ""]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=5,
)


@cache
def text_of(name: str) -> str:
    """As JSON, so that each example begins with a copy."""
    return json.dumps(yaml.safe_load((APPS / name).read_text()), default=str)


def places(value: Any, path: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    yield path
    if isinstance(value, dict | list):
        for key, member in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(member, (*path, key))


def mutated(data: Any, mutations: list[Mutation]) -> Any:
    for number, value in mutations:
        found = [path for path in places(data) if path]
        if not found:
            return data
        *way, last = found[number % len(found)]
        holder = data
        for step in way:
            holder = holder[step]
        holder[last] = value
    return data


@given(
    name=st.sampled_from(NAMES),
    mutations=st.lists(st.tuples(st.integers(0, 5000), anything), min_size=1, max_size=3),
)
@chance(300)
def test_anything_in_any_place_is_read_or_refused(name: str, mutations: list[Mutation]) -> None:
    data = mutated(json.loads(text_of(name)), mutations)
    reading = read_workflow(json.dumps(data), NO_PORTS, environment={})
    assert (reading.plan is None) == bool(reading.problems)
    if reading.workflow is not None:
        read_chat_features(reading.workflow.features)
        encode(form_of(reading.workflow))
    if reading.workflow is not None and reading.plan is not None:
        start_variables(reading.workflow)
