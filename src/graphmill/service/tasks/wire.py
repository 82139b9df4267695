"""A task as Nextcloud's JSON (`nextcloud-ocs §6.2`): what clients read and webhooks carry."""

from typing import Any

from graphmill.storage.ocs_tasks import Task


def task_fields(task: Task) -> dict[str, Any]:
    """All fields of a TaskProcessing task; those that are not set are null."""
    return {
        "id": task.id,
        "type": task.type,
        "lastUpdated": int(task.last_updated),
        "status": f"STATUS_{task.status.name}",
        "userId": task.user_id,
        "appId": task.app_id,
        "input": integral(task.input),
        "output": integral(task.output),
        "customId": task.custom_id,
        "completionExpectedAt": expected_at(task),
        "progress": integral(task.progress),
        "scheduledAt": int(task.scheduled_at),
        "startedAt": seconds(task.started_at),
        "endedAt": seconds(task.ended_at),
        "allowCleanup": task.allow_cleanup,
        "includeWatermark": task.include_watermark,
        "userFacingErrorMessage": task.user_facing_error,
        "preferStreaming": task.prefer_streaming,
    }


def expected_at(task: Task) -> int:
    return int(task.scheduled_at) + task.expected_seconds


def seconds(at: float | None) -> int | None:
    return None if at is None else int(at)


def integral(value: Any) -> Any:
    """Floats without a fraction become integers, as PHP prints them."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: integral(item) for key, item in value.items()}
        case list():
            return [integral(item) for item in value]
        case _:
            return value
