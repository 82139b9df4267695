"""Completion parameters: temperature and the like, some of them written as templates."""

from collections.abc import Mapping
from typing import Any, Final

from graphmill import jsontext
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.template import Template
from graphmill.variables.values import Value

MAX_CHARACTERS: Final = 1024
_STOP: Final = "stop"


class Parameters:
    """Those of one node, prepared as far as that goes without values (`nodes §4`)."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        stop = raw.get(_STOP) or ()
        self.stop: tuple[str, ...] = (stop,) if isinstance(stop, str) else tuple(map(str, stop))
        self._fixed: dict[str, Value] = {}
        self._templates: dict[str, Template] = {}
        for name, value in raw.items():
            template = Template.parse(value) if isinstance(value, str) else None
            if template is not None and template.selectors:
                self._templates[name] = template
            elif value is not None and name != _STOP:
                self._fixed[name] = value

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return tuple(each for item in self._templates.values() for each in item.selectors)

    def render(self, pool: Pool) -> dict[str, Value]:
        """Without stop words."""
        rendered = {
            name: _value(template.render(pool)[:MAX_CHARACTERS])
            for name, template in self._templates.items()
        }
        return {**self._fixed, **rendered}


def _value(text: str) -> Value:
    """A JSON number or truth value as such, anything else as the text that it is."""
    try:
        value = jsontext.decode(text.encode())
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text
