"""Runs that wait for a person, as clients see them (`service-api §11.16–§11.21`)."""

from typing import Any

from graphmill.engine.events import FormClosed, NodePaused, RunPaused, RunStatus
from graphmill.engine.run import Run
from graphmill.storage.runs import RunRecord


def form_required(event: NodePaused) -> dict[str, Any]:
    return {name: value for name, value in event.reason.items() if name != "TYPE"}


def form_closed(event: FormClosed) -> tuple[str, dict[str, Any]]:
    about: dict[str, Any] = {"node_id": event.node_id, "node_title": event.title}
    if not event.action_id:
        about["expiration_time"] = int(event.expires_at)
        return "human_input_form_timeout", about
    return "human_input_form_filled", {
        **about,
        "rendered_content": event.rendered_content,
        "action_id": event.action_id,
        "action_text": event.action_text,
        "submitted_data": event.submitted,
    }


def run_paused(run: Run, pause: RunPaused) -> dict[str, Any]:
    return {"workflow_run_id": run.id, "outputs": {}, **_standing(run, pause)}


def paused_answer(run: Run | RunRecord, pause: RunPaused) -> dict[str, Any]:
    """In blocking mode (`§7.2`)."""
    return {
        "task_id": run.task_id,
        "workflow_run_id": run.id,
        "data": {
            "id": run.id,
            "workflow_id": run.workflow_id,
            "outputs": {},
            "error": None,
            **_standing(run, pause),
            "finished_at": None,
        },
    }


def paused_message(said: dict[str, Any], run: Run | RunRecord, pause: RunPaused) -> dict[str, Any]:
    """In blocking mode of a chat (`§24.1`); `said` is the answer of a turn that is over."""
    about = ("id", "mode", "conversation_id", "message_id", "answer", "metadata", "created_at")
    data = {**_standing(run, pause), **{name: said[name] for name in about}}
    return {
        **said,
        "event": "workflow_paused",
        "workflow_run_id": run.id,
        "data": {**data, "workflow_run_id": run.id},
    }


def _standing(run: Run | RunRecord, pause: RunPaused) -> dict[str, Any]:
    """What there is to say of a paused run, wherever it is said."""
    return {
        "status": RunStatus.PAUSED,
        "paused_nodes": pause.paused_nodes,
        "reasons": pause.reasons,
        "created_at": int(run.created_at),
        "elapsed_time": pause.elapsed,
        "total_tokens": pause.total_tokens,
        "total_steps": pause.total_steps,
    }
