"""What workers send."""

from base64 import b64encode
from typing import Any


def header(worker: str, secret: str, *, user: str = "") -> dict[str, str]:
    return {
        "AUTHORIZATION-APP-API": b64encode(f"{user}:{secret}".encode()).decode(),
        "EX-APP-ID": worker,
        "EX-APP-VERSION": "1.0.0",
        "AA-VERSION": "5.0.0",
    }


def provider(name: str, task_type: str, **more: Any) -> dict[str, Any]:
    """All keys of a registration (`nextcloud-ocs §12.1`)."""
    return {
        "id": name,
        "name": "N",
        "task_type": task_type,
        "expected_runtime": 10,
        "optional_input_shape": [],
        "optional_output_shape": [],
        "input_shape_enum_values": {},
        "input_shape_defaults": {},
        "optional_input_shape_enum_values": {},
        "optional_input_shape_defaults": {},
        "output_shape_enum_values": {},
        "optional_output_shape_enum_values": {},
        **more,
    }
