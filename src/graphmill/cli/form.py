"""A form that a run waits for, filled in on the terminal."""

from typing import Any

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.prompt import Prompt

from graphmill.cli.inputs import file_mapping
from graphmill.errors import FormDataInvalid
from graphmill.ports.forms import FIELD, Answer, Form, FormInput, InputType
from graphmill.service.files.loose import LooseFiles
from graphmill.service.forms.answers import read_answer


async def fill_in(form: Form, files: LooseFiles) -> Answer:
    """Ask on stderr until the answer fits. Raises EOFError when nobody answers."""
    console = Console(stderr=True)
    console.rule(form.node_title)
    console.print(Markdown(FIELD.sub(r"[\1]", form.content)))
    while True:
        try:
            values = {each.name: _value(console, each, form, files) for each in form.inputs}
            return await read_answer(form, _action(console, form), values, files.find)
        except (FormDataInvalid, typer.BadParameter) as error:
            console.print(str(error), markup=False)


def _value(console: Console, field: FormInput, form: Form, files: LooseFiles) -> Any:
    match field.type:
        case InputType.SELECT:
            return Prompt.ask(field.name, console=console, choices=list(field.options))
        case InputType.FILE:
            return file_mapping(field.name, Prompt.ask(field.name, console=console), files)
        case InputType.FILE_LIST:
            paths = Prompt.ask(f"{field.name} (paths, separated by commas)", console=console)
            return [file_mapping(field.name, path.strip(), files) for path in paths.split(",")]
        case _:
            default = form.defaults.get(field.name, "")
            return Prompt.ask(
                field.name, console=console, default=default, show_default=bool(default)
            )


def _action(console: Console, form: Form) -> str:
    for action in form.actions:
        console.print(f"  {action.id}: {action.title}", markup=False)
    return Prompt.ask("action", console=console, choices=[action.id for action in form.actions])
