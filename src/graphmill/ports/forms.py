"""Forms that people fill in while a run waits (`nodes §20`), as the nodes that ask and those who
keep the forms agree on."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from graphmill.engine.run import Run
from graphmill.errors import FormsUnavailable
from graphmill.variables.file_references import FileRules
from graphmill.variables.values import Value

FIELD: Final = re.compile(r"\{\{#\$output\.([^#{}]+)#\}\}")
"""Where the content of a form names one of its fields."""


class InputType(StrEnum):
    TEXT_INPUT = "text-input"
    """What the first releases called a paragraph."""
    PARAGRAPH = "paragraph"
    SELECT = "select"
    FILE = "file"
    FILE_LIST = "file-list"

    @property
    def is_text(self) -> bool:
        return self in (InputType.TEXT_INPUT, InputType.PARAGRAPH)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a text or the options of a field come from."""

    type: str
    """`constant` or `variable`."""
    selector: tuple[str, ...]
    value: str | tuple[str, ...]

    def to_mapping(self) -> dict[str, Value]:
        value: Value = self.value if isinstance(self.value, str) else list(self.value)
        return {"type": self.type, "selector": list(self.selector), "value": value}


@dataclass(frozen=True, slots=True)
class FormInput:
    """A field of a form."""

    name: str
    type: InputType
    options: tuple[str, ...] = ()
    """Of a select."""
    files: FileRules = field(default_factory=FileRules)
    """Which ones a field for files takes."""
    most_files: int | None = None
    """Of a list."""
    default: Source | None = None
    """Of the text that stands in it at first."""
    option_source: Source | None = None

    def to_mapping(self) -> dict[str, Value]:
        """As clients see it (`service-api §22.1`)."""
        shown: dict[str, Value] = {"type": self.type, "output_variable_name": self.name}
        if self.type.is_text:
            shown["default"] = None if self.default is None else self.default.to_mapping()
        elif self.type is InputType.SELECT:
            source = self.option_source
            shown["option_source"] = None if source is None else source.to_mapping()
        else:
            shown["allowed_file_types"] = list(self.files.types)
            shown["allowed_file_extensions"] = list(self.files.extensions)
            shown["allowed_file_upload_methods"] = list(self.files.methods)
        if self.type is InputType.FILE_LIST:
            shown["number_limits"] = self.most_files
        return shown


@dataclass(frozen=True, slots=True)
class FormAction:
    """A button that ends a form, and the exit of the node that it leads to."""

    id: str
    title: str
    style: str

    def to_mapping(self) -> dict[str, Value]:
        """As clients see it."""
        return {"id": self.id, "title": self.title, "button_style": self.style}


@dataclass(frozen=True, slots=True)
class Mail:
    """How people are told of a form."""

    recipients: tuple[str, ...]
    subject: str
    body: str
    """`{{#url#}}` in it stands for the address of the form's page."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a node asks."""

    node_id: str
    node_title: str
    content: str
    """Markdown; `{{#$output.name#}}` is where the field of that name belongs."""
    inputs: tuple[FormInput, ...]
    actions: tuple[FormAction, ...]
    defaults: Mapping[str, str]
    """What stands in fields at first, by their names."""
    seconds: float
    """How long it can be filled in."""
    in_web_app: bool = True
    """Is it offered where the app is used? If not, only those who get mail know of it."""
    mails: tuple[Mail, ...] = ()

    def action(self, action_id: str) -> FormAction | None:
        return next((action for action in self.actions if action.id == action_id), None)


class FormState(StrEnum):
    WAITING = "waiting"
    SUBMITTED = "submitted"
    TIMEOUT = "timeout"
    """Nobody filled it in; the run goes on without an answer."""
    EXPIRED = "expired"
    """The run has ended without it."""


@dataclass(frozen=True, slots=True)
class Answer:
    action_id: str
    values: dict[str, Value] = field(default_factory=dict)
    """One for each field, by name."""


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A form and what became of it."""

    id: str
    token: str
    """Whoever knows it may fill the form in."""
    app_id: str
    run_id: str
    step_key: str
    """The idempotency key of the step that asks."""
    expires_at: float
    """Unix seconds."""
    state: FormState
    form: Form
    answer: Answer | None = None


class Forms(Protocol):
    """Forms as nodes see them. All methods raise StoreError."""

    async def find(self, step_key: str) -> KeptForm | None:
        """What that step of a run has asked, if it has: a node that runs again asks nothing
        twice."""
        ...

    async def ask(self, run: Run, step_key: str, form: Form) -> KeptForm:
        """Keep `form` and tell those of it who are to fill it in. The run is woken when it is
        filled in, or its time is over."""
        ...


class NoForms:
    """Nobody is there who could be asked."""

    async def find(self, step_key: str) -> KeptForm | None:
        return None

    async def ask(self, run: Run, step_key: str, form: Form) -> KeptForm:
        raise FormsUnavailable(
            "Nobody can be asked here: a person's answer needs `graphmill serve`."
        )
