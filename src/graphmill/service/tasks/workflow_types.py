"""Task types that workflows stand behind (`nextcloud-ocs §19.4`): one of Nextcloud's bound to an
app, or one whose slots follow from the start form and the end nodes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from graphmill.config.ocs import TaskTypeSettings
from graphmill.dsl.model import Workflow
from graphmill.errors import ConfigInvalid
from graphmill.nodes.end import END, EndData
from graphmill.service.apps.catalog import App, Version
from graphmill.service.tasks.offers import Offer, WorkflowBacking
from graphmill.service.tasks.shapes import Shape, Slot, SlotType, TaskType, list_of
from graphmill.variables.files import FileType
from graphmill.variables.inputs import StartVariable, VariableType
from graphmill.variables.selectors import Selector

EXPECTED_SECONDS: Final = 10
"""Of a published workflow."""

_OF_VARIABLES: Final = {
    VariableType.NUMBER: SlotType.NUMBER,
    VariableType.SELECT: SlotType.ENUM,
    VariableType.CHECKBOX: SlotType.ENUM,
}
_TRUTH: Final = {"true": "true", "false": "false"}
_OF_OUTPUTS: Final = {
    "number": SlotType.NUMBER,
    "integer": SlotType.NUMBER,
    "array[string]": SlotType.LIST_OF_TEXTS,
    "array[number]": SlotType.LIST_OF_NUMBERS,
    "file": SlotType.FILE,
    "array[file]": SlotType.LIST_OF_FILES,
}
"""By the type that the end node declares; everything else is a Text."""
_OF_FILES: Final[dict[tuple[FileType, ...], SlotType]] = {
    (FileType.IMAGE,): SlotType.IMAGE,
    (FileType.AUDIO,): SlotType.AUDIO,
    (FileType.VIDEO,): SlotType.VIDEO,
}


@dataclass(frozen=True, slots=True)
class _Output:
    slot: Slot
    selector: Selector
    is_certain: bool
    """Does every end node give it?"""


def published(app: App, version: Version) -> Offer:
    """The app as a task type of its own."""
    required, optional = _input_slots(version)
    outputs = _outputs(version.workflow)
    names = {key: key for key in outputs}
    task_type = TaskType(
        id=f"app:{slug_of(app)}",
        name=app.info.name,
        description=app.info.description or app.info.name,
        inputs=required,
        optional_inputs=optional,
        outputs={key: each.slot for key, each in outputs.items() if each.is_certain},
        optional_outputs={key: each.slot for key, each in outputs.items() if not each.is_certain},
    )
    backing = WorkflowBacking(
        app,
        version,
        {variable.name: variable for variable in version.start_variables},
        names,
        _streams(task_type, names, outputs),
    )
    return Offer(task_type, backing, EXPECTED_SECONDS)


def bound(task_type: TaskType, settings: TaskTypeSettings, app: App, version: Version) -> Offer:
    """One of Nextcloud's task types, executed by `app`. Raises ConfigInvalid when the workflow does
    not have what the type needs."""
    variables = {variable.name: variable for variable in version.start_variables}
    outputs = _outputs(version.workflow)
    map_in = {key: settings.map_in.get(key, key) for key in task_type.inputs}
    map_out = {key: settings.map_out.get(key, key) for key in task_type.outputs}
    for key, name in (*_missing(map_in, variables), *_missing(map_out, outputs)):
        raise ConfigInvalid(
            f"ocs.task_types: {task_type.id} needs {key!r}, but the workflow {app.slug!r} has "
            f"no {name!r}; name what it has in map_in or map_out"
        )
    required, optional = _input_slots(version)
    extra_inputs = _rest(settings.map_in, {**required, **optional}, map_in)
    extra_outputs = _rest(
        settings.map_out, {name: each.slot for name, each in outputs.items()}, map_out
    )
    task_type = replace(
        task_type,
        inputs=_configured(settings, _with_choices(task_type.inputs, map_in, variables)),
        optional_inputs=_configured(
            settings, {key: slot for key, (_, slot) in extra_inputs.items()}
        ),
        optional_outputs={key: slot for key, (_, slot) in extra_outputs.items()},
    )
    map_in |= {key: name for key, (name, _) in extra_inputs.items()}
    map_out |= {key: name for key, (name, _) in extra_outputs.items()}
    backing = WorkflowBacking(
        app,
        version,
        {key: variables[name] for key, name in map_in.items()},
        map_out,
        _streams(task_type, map_out, outputs),
    )
    return Offer(task_type, backing, settings.expected_runtime)


def configured(settings: TaskTypeSettings, task_type: TaskType) -> TaskType:
    """With the choices and defaults of the configuration."""
    return replace(
        task_type,
        inputs=_configured(settings, task_type.inputs),
        optional_inputs=_configured(settings, task_type.optional_inputs),
    )


def slug_of(app: App) -> str:
    """The slug, of characters that an id may have."""
    return "".join(
        each if each.isascii() and (each.isalnum() or each in "._-") else "-"
        for each in app.slug.lower()
    )


def _missing(names: Mapping[str, str], there: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    return ((key, name) for key, name in names.items() if name not in there)


def _rest(
    mapped: Mapping[str, str], slots: Shape, used: Mapping[str, str]
) -> dict[str, tuple[str, Slot]]:
    """What the workflow has beyond the type: key → its name in the workflow, and the slot."""
    keys = {name: key for key, name in mapped.items()}
    taken = set(used.values())
    return {keys.get(name, name): (name, slot) for name, slot in slots.items() if name not in taken}


def _with_choices(
    shape: Shape, names: Mapping[str, str], variables: Mapping[str, StartVariable]
) -> Shape:
    """Enum slots offer what the variable behind them does."""
    return {
        key: replace(slot, choices={each: each for each in variables[names[key]].options})
        if slot.type is SlotType.ENUM
        else slot
        for key, slot in shape.items()
    }


def _configured(settings: TaskTypeSettings, shape: Shape) -> Shape:
    """Choices and defaults as the configuration has them."""
    return {
        key: replace(
            slot,
            choices=settings.enums.get(key, slot.choices),
            default=settings.defaults.get(key, slot.default),
        )
        for key, slot in shape.items()
    }


def _input_slots(version: Version) -> tuple[dict[str, Slot], dict[str, Slot]]:
    """Required and optional ones."""
    labels = _labels(version.workflow)
    required: dict[str, Slot] = {}
    optional: dict[str, Slot] = {}
    for variable in version.start_variables:
        label, hint = labels.get(variable.name, ("", ""))
        slot = _input_slot(variable, label or variable.name, hint)
        (required if variable.required else optional)[variable.name] = slot
    return required, optional


def _input_slot(variable: StartVariable, label: str, hint: str) -> Slot:
    slot = Slot(_type_of(variable), label, hint or label)
    if variable.type is VariableType.SELECT:
        slot = replace(slot, choices={each: each for each in variable.options})
    elif variable.type is VariableType.CHECKBOX:
        slot = replace(slot, choices=_TRUTH)
    return slot if slot.type.is_file else replace(slot, default=_default(slot, variable.default))


def _default(slot: Slot, value: Any) -> str | int | float | None:
    if value is None or value == "":
        return None
    if slot.type is SlotType.NUMBER:
        return value if isinstance(value, int | float) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else None


def _type_of(variable: StartVariable) -> SlotType:
    if variable.type not in (VariableType.FILE, VariableType.FILE_LIST):
        return _OF_VARIABLES.get(variable.type, SlotType.TEXT)
    types = tuple(FileType(each) for each in variable.files.types if each in set(FileType))
    single = _OF_FILES.get(types, SlotType.FILE)
    return single if variable.type is VariableType.FILE else list_of(single)


def _labels(workflow: Workflow) -> dict[str, tuple[str, str]]:
    """Start variable → what the form calls it, and its hint."""
    assert workflow.root is not None, "a version that can run has a start"
    entries = workflow.node(workflow.root).data.get("variables") or ()
    return {
        str(entry.get("variable")): (str(entry.get("label") or ""), str(entry.get("hint") or ""))
        for entry in entries
        if isinstance(entry, dict)
    }


def _outputs(workflow: Workflow) -> dict[str, _Output]:
    """What runs may give out: those that every end node names are certain."""
    ends = [node for node in workflow.nodes if node.type == END.name]
    found: dict[str, _Output] = {}
    counts: dict[str, int] = {}
    for node in ends:
        declared = {
            str(each.get("variable")): str(each.get("value_type") or "")
            for each in node.data.get("outputs") or ()
        }
        for output in EndData.model_validate(node.data).outputs:
            name = output.variable
            counts[name] = counts.get(name, 0) + 1
            slot = Slot(_OF_OUTPUTS.get(declared.get(name, ""), SlotType.TEXT), name, name)
            found.setdefault(name, _Output(slot, output.value_selector, is_certain=True))
    return {
        name: replace(each, is_certain=counts[name] == len(ends)) for name, each in found.items()
    }


def _streams(
    task_type: TaskType, names: Mapping[str, str], outputs: Mapping[str, _Output]
) -> dict[Selector, str]:
    slots = {**task_type.outputs, **task_type.optional_outputs}
    return {
        outputs[name].selector: key
        for key, name in names.items()
        if slots[key].type is SlotType.TEXT
    }
