"""The built-in time tools: Dify's names, parameters and texts."""

from datetime import UTC, datetime

import pytest

from graphmill.errors import ToolFailed
from graphmill.nodes.tool.arguments import fit_arguments
from graphmill.ports.tools import TextMessage
from graphmill.tools.clock import time_tools
from tests.tools.opened import INVOCATION

TOOLS = time_tools(lambda: datetime(2024, 7, 1, 12, 30, tzinfo=UTC))


async def said(name, arguments):
    tool = TOOLS[name]
    result = await tool.invoke(fit_arguments(tool.parameters, arguments), INVOCATION)
    [message] = result.messages
    assert isinstance(message, TextMessage)
    return message.text


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        pytest.param("current_time", {}, "2024-07-01 12:30:00", id="now"),
        pytest.param("current_time", {"format": ""}, "2024-07-01 12:30:00 UTC", id="no format"),
        pytest.param(
            "current_time", {"timezone": "Asia/Tokyo"}, "2024-07-01 21:30:00", id="now in Tokyo"
        ),
        pytest.param("current_time", {"format": "fixed %%"}, "fixed %", id="own format"),
        pytest.param(
            "localtime_to_timestamp", {"localtime": "2023-11-15 06:13:20"}, "1700000000",
            id="to a timestamp, in Dify's zone",
        ),
        pytest.param(
            "timestamp_to_localtime", {"timestamp": 1700000000, "timezone": "Asia/Tokyo"},
            "2023-11-15 07:13:20", id="from a timestamp",
        ),
        pytest.param(
            "timestamp_to_localtime", {"timestamp": "1700000000.5", "timezone": "UTC"},
            "2023-11-14 22:13:20", id="from a timestamp as text",
        ),
        pytest.param(
            "timezone_conversion",
            {
                "current_time": "2024-07-01 12:00:00",
                "current_timezone": "UTC",
                "target_timezone": "America/New_York",
            },
            "2024-07-01 08:00:00", id="to another zone",
        ),
        pytest.param(
            "weekday", {"year": 2024, "month": "2", "day": 29.0},
            "February 29, 2024 is Thursday.", id="weekday",
        ),
    ],
)  # fmt: skip
async def test_a_time_tool_answers_as_dify_s(name, arguments, expected):
    assert expected == await said(name, arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        pytest.param("current_time", {"timezone": "Mars/X"}, "Invalid timezone: Mars/X", id="zone"),
        pytest.param(
            "current_time", {"timezone": "../../etc"}, "Invalid timezone: ../../etc", id="path"
        ),
        pytest.param("current_time", {"timezone": "Europe"}, "Invalid timezone: Europe", id="dir"),
        pytest.param(
            "timestamp_to_localtime", {"timestamp": 1e300},
            "Invalid timestamp: 1e+300", id="far away",
        ),
        pytest.param(
            "localtime_to_timestamp", {"localtime": "noon"},
            "Invalid localtime: noon (write it as 2024-01-31 12:00:00)", id="no time",
        ),
        pytest.param(
            "weekday", {"year": 2023, "month": 2, "day": 29},
            "Invalid date: Year 2023, Month 2, Day 29.", id="no such day",
        ),
    ],
)  # fmt: skip
async def test_what_cannot_be_answered_fails_with_the_reason(name, arguments, expected):
    with pytest.raises(ToolFailed) as caught:
        await said(name, arguments)
    assert expected == str(caught.value)
