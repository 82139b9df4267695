"""Forms and what became of them, until their runs are forgotten."""

from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter
from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.sqlite import insert

from graphmill.ids import new_id
from graphmill.ports.forms import Answer, Form, FormState, KeptForm
from graphmill.storage.database import Database, Row
from graphmill.storage.packing import pack, unpack
from graphmill.storage.tables import form_is_waiting, forms, is_open, runs

AT_A_TIME: Final = 32
"""Forms that are looked at together; the others wait in the database."""

_FORM: Final = TypeAdapter(Form)

_ADD: Final = insert(forms).on_conflict_do_nothing()
_KEPT: Final = select(
    forms.c.id,
    forms.c.token,
    forms.c.app_id,
    forms.c.run_id,
    forms.c.step_key,
    forms.c.expires_at,
    forms.c.state,
    forms.c.form,
    forms.c.answer,
    is_open,
).outerjoin(runs, runs.c.id == forms.c.run_id)
_BY_STEP: Final = _KEPT.where(forms.c.step_key == bindparam("step_key"))
_BY_TOKEN: Final = _KEPT.where(forms.c.token == bindparam("token"))
_CLOSE: Final = (
    update(forms)
    .where(forms.c.id == bindparam("form_id"), form_is_waiting)
    .values(
        state=bindparam("state"),
        answer=bindparam("answer"),
        closed_by=bindparam("closed_by"),
        is_due=True,
    )
)
_CLOSED_BY: Final = select(forms.c.closed_by).where(forms.c.id == bindparam("form_id"))
_OVERDUE: Final = (
    select(forms.c.id, forms.c.ends_run)
    .where(form_is_waiting, forms.c.expires_at <= bindparam("now"))
    .order_by(forms.c.expires_at)
    .limit(AT_A_TIME)
)
_NEXT: Final = select(func.min(forms.c.expires_at)).where(form_is_waiting)
_DUE: Final = (
    select(forms.c.id, forms.c.run_id, forms.c.step_key, forms.c.state)
    .where(forms.c.is_due)
    .order_by(forms.c.id)
    .limit(AT_A_TIME)
)
_UNTOLD: Final = (
    _KEPT.where(forms.c.needs_mail, forms.c.id > bindparam("after"))
    .order_by(forms.c.id)
    .limit(AT_A_TIME)
)
_TOLD: Final = update(forms).where(forms.c.id == bindparam("form_id")).values(needs_mail=False)
_HEARD: Final = update(forms).where(forms.c.id == bindparam("form_id")).values(is_due=False)


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """One whose run has not heard of it."""

    id: str
    run_id: str
    step_key: str
    state: FormState


class FormStore:
    """All methods raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, kept: KeptForm, *, ends_run: bool) -> None:
        """A step has one form: another one is not added. `ends_run`: when nobody fills it in."""
        await self._database.write(
            _ADD,
            id=kept.id,
            token=kept.token,
            step_key=kept.step_key,
            app_id=kept.app_id,
            run_id=kept.run_id,
            expires_at=kept.expires_at,
            ends_run=ends_run,
            state=kept.state.value,
            is_due=False,
            needs_mail=bool(kept.form.mails),
            closed_by=None,
            form=_FORM.dump_json(kept.form).decode(),
            answer=None,
        )

    async def find(self, step_key: str) -> KeptForm | None:
        row = await self._database.fetch_one(_BY_STEP, step_key=step_key)
        return None if row is None else _kept(row)

    async def find_by_token(self, token: str) -> KeptForm | None:
        """A form that waits although its run has ended counts as expired."""
        row = await self._database.fetch_one(_BY_TOKEN, token=token)
        return None if row is None else _kept(row)

    async def untold(self, *, after: str) -> list[KeptForm]:
        """Forms of which people are to be told by mail, behind the one with the id `after`."""
        return [_kept(row) for row in await self._database.fetch_all(_UNTOLD, after=after)]

    async def told(self, form_id: str) -> None:
        """All have been told of a form."""
        await self._database.write(_TOLD, form_id=form_id)

    async def close(self, form_id: str, state: FormState, answer: Answer | None = None) -> bool:
        """False when somebody else was faster."""
        mark = new_id()
        await self._database.write(
            _CLOSE,
            form_id=form_id,
            state=state.value,
            closed_by=mark,
            answer=answer and pack([answer.action_id, answer.values]).decode(),
        )
        row = await self._database.fetch_one(_CLOSED_BY, form_id=form_id)
        return row == (mark,)

    async def close_overdue(self, now: float) -> None:
        """Close the forms whose time is over."""
        while rows := await self._database.fetch_all(_OVERDUE, now=now):
            for form_id, ends_run in rows:
                await self.close(form_id, FormState.EXPIRED if ends_run else FormState.TIMEOUT)

    async def next_overdue(self) -> float | None:
        """When the next form runs out (Unix seconds); None when none waits."""
        [(moment,)] = await self._database.fetch_all(_NEXT)
        return None if moment is None else float(moment)

    async def due(self) -> list[ClosedForm]:
        """Closed forms whose runs have not heard of it."""
        rows = await self._database.fetch_all(_DUE)
        return [
            ClosedForm(form_id, run_id, step_key, FormState(state))
            for form_id, run_id, step_key, state in rows
        ]

    async def heard(self, form_id: str) -> None:
        """The run of a closed form has heard of it."""
        await self._database.write(_HEARD, form_id=form_id)


def _kept(row: Row) -> KeptForm:
    *members, state, form, answer, run_is_open = row
    if state == FormState.WAITING and run_is_open == 0:
        state = FormState.EXPIRED
    given = None if answer is None else Answer(*unpack(answer.encode()))
    return KeptForm(*(*members, FormState(state), _FORM.validate_json(form), given))
