"""human-input: the run waits until a person has filled in a form (`nodes §20`)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from graphmill.dsl.rules import Doubt
from graphmill.engine.context import NodeContext
from graphmill.engine.graph import NodeClass
from graphmill.engine.outcome import Failed, Outcome, Paused, Succeeded
from graphmill.errors import FormsUnavailable
from graphmill.nodes.base import NodeData, NodePorts, NodeType, Section, SelectorField
from graphmill.ports.forms import (
    FIELD,
    Answer,
    Form,
    FormAction,
    FormInput,
    FormState,
    InputType,
    KeptForm,
    Mail,
    Source,
)
from graphmill.variables.file_references import FileRules
from graphmill.variables.files import File
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.template import Template
from graphmill.variables.values import Missing, Value, mask_secret, render_markdown, render_text

TIMEOUT: Final = "__timeout__"
"""The exit when nobody has filled the form in."""
_UNIT_SECONDS: Final = {"hour": 3600.0, "day": 86_400.0}


class SourceData(Section):
    """Where a text or the options of a field come from."""

    type: Literal["constant", "variable"] = "constant"
    selector: SelectorField = ()
    value: str | tuple[str, ...] = ""

    def build(self, value: str | tuple[str, ...]) -> Source:
        return Source(self.type, self.selector, value)


class InputData(Section):
    type: InputType
    output_variable_name: Annotated[str, Field(min_length=1)]
    default: SourceData | None = None
    option_source: SourceData | None = None
    allowed_file_types: tuple[str, ...] = ()
    allowed_file_extensions: tuple[str, ...] = ()
    allowed_file_upload_methods: tuple[str, ...] = ()
    number_limits: int | None = None


class ActionData(Section):
    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=20)]
    title: Annotated[str, StringConstraints(max_length=100)]
    button_style: Literal["primary", "default", "accent", "ghost"] = "default"


class RecipientData(Section):
    email: str = ""
    """Empty for members of a workspace, of which a file knows no more than an id."""


class RecipientsData(Section):
    items: tuple[RecipientData, ...] = ()


class MailData(Section):
    recipients: RecipientsData = RecipientsData()
    subject: str = ""
    body: str = ""


class DeliveryData(Section):
    type: str
    enabled: bool = True
    config: MailData = MailData()
    """Of a mail; other methods have nothing to configure."""


def _without_twins(inputs: tuple[InputData, ...]) -> tuple[InputData, ...]:
    _require_once("input", (each.output_variable_name for each in inputs))
    return inputs


def _require_once(what: str, names: Iterable[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"There are two {what}s named {twice[0]!r}")


class HumanInputData(NodeData):
    title: str = ""
    form_content: str = ""
    inputs: Annotated[tuple[InputData, ...], AfterValidator(_without_twins)] = ()
    user_actions: tuple[ActionData, ...] = ()
    delivery_methods: tuple[DeliveryData, ...] = ()
    timeout: Annotated[int, Field(gt=0)] = 36
    timeout_unit: Literal["hour", "day"] = "hour"

    @model_validator(mode="after")
    def _check_actions(self) -> Self:
        _require_once("action", (action.id for action in self.user_actions))
        return self

    @property
    def delivered(self) -> tuple[DeliveryData, ...]:
        return tuple(method for method in self.delivery_methods if method.enabled)

    @property
    def mails(self) -> tuple[MailData, ...]:
        return tuple(method.config for method in self.delivered if method.type == "email")

    @property
    def in_web_app(self) -> bool:
        """A form that nobody is told of is open to whoever runs the app."""
        return not self.mails or any(method.type == "webapp" for method in self.delivered)


class HumanInput:
    def __init__(self, node_id: str, data: HumanInputData, ports: NodePorts) -> None:
        self._node_id = node_id
        self._data = data
        self._content = Template.parse(data.form_content.rstrip())
        self._mails = [
            (mail, Template.parse(mail.subject), Template.parse(mail.body)) for mail in data.mails
        ]
        self._forms = ports.forms

    async def run(self, context: NodeContext) -> Outcome | Paused:
        key = context.idempotency_key
        try:
            kept = await self._forms.find(key)
            if kept is None:
                kept = await self._forms.ask(context.run, key, self._form(context.pool))
        except (FormsUnavailable, _Unusable) as error:
            return Failed(str(error), "HumanInputNodeError")
        if kept.state is FormState.WAITING:
            return Paused(_reason(kept))
        return await self._closed(context, kept, kept.answer or Answer(""))

    async def _closed(self, context: NodeContext, kept: KeptForm, answer: Answer) -> Outcome:
        form = kept.form
        action = form.action(answer.action_id)
        title = "" if action is None else action.title
        rendered = _filled(form.content, answer.values)
        await context.progress.form_closed(
            rendered_content=rendered,
            action_id=answer.action_id,
            action_text=title,
            submitted=answer.values,
            expires_at=kept.expires_at,
        )
        outputs: dict[str, Value] = {
            **answer.values,
            "__action_id": answer.action_id,
            "__action_value": title,
            "__rendered_content": rendered,
        }
        return Succeeded(outputs, dict(answer.values), handle=answer.action_id or TIMEOUT)

    def _form(self, pool: Pool) -> Form:
        """Raises _Unusable when a select has nothing to offer."""
        data = self._data
        return Form(
            self._node_id,
            data.title,
            self._content.render_log(pool, render_markdown),
            tuple(_input(each, pool) for each in data.inputs),
            tuple(FormAction(each.id, each.title, each.button_style) for each in data.user_actions),
            {
                each.output_variable_name: _default(each.default, pool)
                for each in data.inputs
                if each.type.is_text and each.default is not None
            },
            data.timeout * _UNIT_SECONDS[data.timeout_unit],
            data.in_web_app,
            tuple(
                Mail(
                    tuple(each.email for each in mail.recipients.items if each.email),
                    subject.render_log(pool),
                    body.render_log(pool, render_markdown),
                )
                for mail, subject, body in self._mails
            ),
        )


class _Unusable(ValueError):
    """The form cannot be made of what the variables hold."""


def _input(data: InputData, pool: Pool) -> FormInput:
    source = data.option_source
    options = () if data.type is not InputType.SELECT else _options(data, pool)
    return FormInput(
        data.output_variable_name,
        data.type,
        options,
        FileRules(
            data.allowed_file_types,
            data.allowed_file_extensions,
            data.allowed_file_upload_methods,
        ),
        data.number_limits,
        None if data.default is None else data.default.build(data.default.value),
        None if source is None else source.build(options),
    )


def _default(source: SourceData, pool: Pool) -> str:
    if source.type == "constant":
        return source.value if isinstance(source.value, str) else ""
    value = pool.find(source.selector)
    text = "" if isinstance(value, Missing) else render_text(value)
    return mask_secret(text) if pool.is_secret(source.selector) else text


def _options(data: InputData, pool: Pool) -> tuple[str, ...]:
    source, name = data.option_source, data.output_variable_name
    if source is None:
        raise _Unusable(f"The select input {name!r} has no options")
    if source.type == "constant":
        return (source.value,) if isinstance(source.value, str) else source.value
    value = pool.find(source.selector)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        selector = ".".join(source.selector)
        raise _Unusable(
            f"The options of the select input {name!r}, {selector}, are no list of texts"
        )
    return tuple(str(item) for item in value)


def _filled(content: str, values: Mapping[str, Value]) -> str:
    """`content` with what was filled in."""
    return FIELD.sub(lambda field: _as_text(values.get(field[1])), content)


def _as_text(value: Value) -> str:
    if isinstance(value, File):
        return "[file]"
    if isinstance(value, list):
        return f"[{len(value)} files]"
    return "" if value is None else str(value)


def _reason(kept: KeptForm) -> dict[str, Value]:
    """What clients are told of a form (`service-api §11.21`)."""
    form = kept.form
    return {
        "TYPE": "human_input_required",
        "form_id": kept.id,
        "node_id": form.node_id,
        "node_title": form.node_title,
        "form_content": form.content,
        "inputs": [each.to_mapping() for each in form.inputs],
        "actions": [each.to_mapping() for each in form.actions],
        "display_in_ui": form.in_web_app,
        "resolved_default_values": dict(form.defaults),
        "form_token": kept.token if form.in_web_app else None,
        "expiration_time": int(kept.expires_at),
    }


def _build(node_id: str, data: HumanInputData, ports: NodePorts) -> HumanInput:
    return HumanInput(node_id, data, ports)


def _output_names(data: HumanInputData) -> frozenset[str]:
    own = frozenset({"__action_id", "__action_value", "__rendered_content"})
    return own.union(each.output_variable_name for each in data.inputs)


def _handles(data: HumanInputData) -> frozenset[str]:
    return frozenset([*(action.id for action in data.user_actions), TIMEOUT])


def _reads(data: HumanInputData) -> tuple[Selector, ...]:
    texts = [data.form_content]
    for mail in data.mails:
        texts += [mail.subject, mail.body]
    return (
        *(selector for text in texts for selector in Template.parse(text).selectors),
        *(
            source.selector
            for each in data.inputs
            for source in (each.default, each.option_source)
            if source is not None and source.type == "variable"
        ),
    )


def _doubts(data: HumanInputData) -> tuple[Doubt, ...]:
    names = {each.output_variable_name for each in data.inputs}
    doubts = [
        Doubt(
            "unknown-form-field",
            f"The form's content names the field {name!r}, which it has not",
            ("form_content",),
            "Add the input, or remove the reference.",
        )
        for name in dict.fromkeys(FIELD.findall(data.form_content))
        if name not in names
    ]
    if not data.user_actions:
        message = "The form has no action, so nobody can submit it"
        doubts.append(Doubt("form-without-action", message, ("user_actions",), "Add an action."))
    return tuple(doubts)


HUMAN_INPUT: Final = NodeType(
    "human-input",
    HumanInputData,
    _build,
    node_class=NodeClass.BRANCH,
    output_names=_output_names,
    reads=_reads,
    handles=_handles,
    doubts=_doubts,
)
