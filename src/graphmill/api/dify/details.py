"""A run as run detail shows it (`service-api §14`), and as webhooks are told of it."""

from datetime import UTC, datetime
from typing import Any, Final

from graphmill.api.dify.wire import Wire
from graphmill.storage.runs import RunRecord

REPORT_TYPE: Final = "workflow_run.finished"


def encoded_detail(wire: Wire, run: RunRecord) -> bytes:
    return wire.encode(_detail(wire, run))


def encoded_report(wire: Wire, run: RunRecord) -> bytes:
    """In the form that Standard Webhooks recommends, about a run that has ended."""
    assert run.finished_at is not None, "runs are reported when they have ended"
    at = datetime.fromtimestamp(run.finished_at, UTC)
    return wire.encode(
        {"type": REPORT_TYPE, "timestamp": at.isoformat(), "data": _detail(wire, run)}
    )


def _detail(wire: Wire, run: RunRecord) -> dict[str, Any]:
    return {
        "id": run.id,
        "workflow_id": run.workflow_id,
        "status": run.status,
        # A text that holds JSON, as Dify has it.
        "inputs": wire.encode(run.inputs).decode(),
        "outputs": run.outputs,
        "error": run.error,
        "total_steps": run.total_steps,
        "total_tokens": run.total_tokens,
        "created_at": int(run.created_at),
        "finished_at": None if run.finished_at is None else int(run.finished_at),
        "elapsed_time": run.elapsed,
    }
