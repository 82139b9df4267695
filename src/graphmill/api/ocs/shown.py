"""Tasks as this API shows them: those of TaskProcessing, and of the two older APIs
(`nextcloud-ocs §6.2, §15.1, §16.1`)."""

from typing import Any, Final

from graphmill.api.ocs.calls import Call
from graphmill.service.tasks.wire import expected_at, task_fields
from graphmill.storage.ocs_tasks import Task, TaskStatus

TEXT_TYPES: Final = {
    r"OCP\TextProcessing\FreePromptTaskType": "core:text2text",
    r"OCP\TextProcessing\HeadlineTaskType": "core:text2text:headline",
    r"OCP\TextProcessing\SummaryTaskType": "core:text2text:summary",
    r"OCP\TextProcessing\TopicsTaskType": "core:text2text:topics",
}
"""Task types of TextProcessing, and what they are called today (`§15.2`)."""
_OLD_NAMES: Final = {new: old for old, new in TEXT_TYPES.items()}


def with_task(call: Call, fields: dict[str, Any]) -> dict[str, Any]:
    """Where clients look for a task, and where the documentation has its fields (`§9`)."""
    flat = fields if call.api.ocs.doc_flat_fields else {}
    return {"task": fields, **flat}


def shown_task(call: Call, task: Task) -> dict[str, Any]:
    fields = task_fields(task)
    is_fraction = fields["progress"] not in (None, 0, 1)
    if is_fraction and call.api.ocs.mobile_progress_fix and call.is_phone:
        # Phones read an integer here, or refuse the whole answer (`§6.2`).
        fields["progress"] = None
    return fields


def shown_text_task(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "type": _OLD_NAMES[task.type],
        "status": _old_status(task),
        "userId": task.user_id,
        "appId": task.app_id,
        "input": task.input.get("input", ""),
        "output": (task.output or {}).get("output"),
        "identifier": task.custom_id,
        "completionExpectedAt": expected_at(task),
    }


def shown_image_task(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "status": _old_status(task),
        "userId": task.user_id,
        "appId": task.app_id,
        "numberOfImages": task.input.get("numberOfImages"),
        "input": task.input.get("input", ""),
        "identifier": task.custom_id,
        "completionExpectedAt": expected_at(task),
    }


def _old_status(task: Task) -> int:
    """The older APIs cannot cancel."""
    status = TaskStatus.FAILED if task.status is TaskStatus.CANCELLED else task.status
    return int(status)
