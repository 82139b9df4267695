"""What stands on the page of a form: its content, with the fields where they belong."""

from collections.abc import Iterator, Mapping
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Final

from graphmill.ports.forms import FIELD, Form, FormInput, InputType
from graphmill.variables.values import Value

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

FIELD_PREFIX: Final = "field."
"""Of the names of fields, so that none is called like the buttons."""
LONGEST_MARKDOWN: Final = 20_000
"""Characters that are set as Markdown, which takes its time; a longer text stays as it is."""


def body_of(form: Form, values: Mapping[str, Value]) -> str:
    """The fields and buttons of `form` as HTML; `values` stand in the fields."""
    actions = [
        f'<button name="action" value="{escape(each.id)}" class="{escape(each.style)}">'
        f"{escape(each.title)}</button>"
        for each in form.actions
    ]
    return (
        '<form method="post" enctype="multipart/form-data">'
        f'{"".join(_parts(form, values))}<p class="actions">{"".join(actions)}</p></form>'
    )


def _parts(form: Form, values: Mapping[str, Value]) -> Iterator[str]:
    """The content with each field at its first mention; fields that it does not name come last."""
    left = {each.name: each for each in form.inputs}
    set_text = _as_html if len(form.content) <= LONGEST_MARKDOWN else _as_it_is
    for number, piece in enumerate(FIELD.split(form.content)):
        if number % 2 == 0:
            yield set_text(piece)
        elif (field := left.pop(piece, None)) is not None:
            yield _field(field, values.get(piece))
    for field in left.values():
        yield _field(field, values.get(field.name))


def _field(field: FormInput, value: Value) -> str:
    name = f'name="{escape(FIELD_PREFIX + field.name)}"'
    match field.type:
        case InputType.SELECT:
            options = [
                f"<option{' selected' if option == value else ''}>{escape(option)}</option>"
                for option in field.options
            ]
            entry = f'<select {name} required><option value=""></option>{"".join(options)}</select>'
        case InputType.FILE:
            entry = f'<input type="file" {name} required>'
        case InputType.FILE_LIST:
            entry = f'<input type="file" {name} required multiple>'
        case _:
            # A browser leaves out a line break at the beginning.
            text = escape(value) if isinstance(value, str) else ""
            entry = f"<textarea {name}>\n{text}</textarea>"
    return f"<label>{escape(field.name)} {entry}</label>"


def _as_html(text: str) -> str:
    return _markdown().render(text) if text.strip() else ""


def _as_it_is(text: str) -> str:
    return f"<pre>{escape(text)}</pre>" if text.strip() else ""


@cache
def _markdown() -> "MarkdownIt":
    """HTML in the text is shown and not obeyed."""
    # Keeps start-up fast: most servers never show a form.
    from markdown_it import MarkdownIt  # noqa: PLC0415

    return MarkdownIt("commonmark", {"html": False}).enable("table")
