"""Forms of a run without a server: whoever started it fills them in."""

from dataclasses import replace
from time import time

from graphmill.engine.run import Run
from graphmill.ids import new_id
from graphmill.ports.forms import Answer, Form, FormState, KeptForm


class LooseForms:
    """`ports.Forms`; nobody is told of a form, and its time does not run out."""

    def __init__(self) -> None:
        self._kept: dict[str, KeptForm] = {}

    async def find(self, step_key: str) -> KeptForm | None:
        return self._kept.get(step_key)

    async def ask(self, run: Run, step_key: str, form: Form) -> KeptForm:
        kept = self._kept[step_key] = KeptForm(
            new_id(),
            "",
            run.app_id,
            run.id,
            step_key,
            time() + form.seconds,
            FormState.WAITING,
            form,
        )
        return kept

    def waiting(self) -> list[KeptForm]:
        """Those that are to be filled in, in the order in which they were asked."""
        return [kept for kept in self._kept.values() if kept.state is FormState.WAITING]

    def fill_in(self, kept: KeptForm, answer: Answer) -> None:
        self._kept[kept.step_key] = replace(kept, state=FormState.SUBMITTED, answer=answer)
