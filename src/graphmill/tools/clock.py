"""The built-in provider `time`: names, parameters and texts are those of Dify's."""

import calendar
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from graphmill.errors import ToolFailed
from graphmill.ports.tools import Invocation, Parameter, ParameterType, TextMessage, ToolResult
from graphmill.variables.values import Value

FORMAT: Final = "%Y-%m-%d %H:%M:%S"
_DEFAULT_ZONE: Final = "Asia/Shanghai"
"""Dify's; workflows rely on it."""

Answer = Callable[[Mapping[str, Value]], str]
Clock = Callable[[], datetime]
"""Now, in UTC."""


@dataclass(frozen=True, slots=True)
class TimeTool:
    """A tool that needs nothing but its arguments."""

    description: str
    parameters: tuple[Parameter, ...]
    answer: Answer
    """Arguments → text. Raises ValueError."""

    async def invoke(self, arguments: Mapping[str, Value], invocation: Invocation) -> ToolResult:
        try:
            return ToolResult((TextMessage(self.answer(arguments)),))
        except (ValueError, OverflowError) as error:
            raise ToolFailed(str(error)) from error


def time_tools(clock: Clock) -> dict[str, TimeTool]:
    """By name."""
    return {
        "current_time": TimeTool(
            "Tells the current time in a time zone.",
            (
                Parameter("format", description="In the notation of strftime.", default=FORMAT),
                _zone("timezone", default="UTC"),
            ),
            partial(_current_time, clock),
        ),
        "localtime_to_timestamp": TimeTool(
            "Turns a local time into seconds since 1970.",
            (
                Parameter("localtime", description="2024-01-31 12:00:00", required=True),
                _zone("timezone", default=_DEFAULT_ZONE),
            ),
            _localtime_to_timestamp,
        ),
        "timestamp_to_localtime": TimeTool(
            "Turns seconds since 1970 into a local time.",
            (
                Parameter("timestamp", ParameterType.NUMBER, "Seconds since 1970.", required=True),
                _zone("timezone", default=_DEFAULT_ZONE),
            ),
            _timestamp_to_localtime,
        ),
        "timezone_conversion": TimeTool(
            "Converts a time from one time zone to another.",
            (
                Parameter("current_time", description="2024-01-31 12:00:00", required=True),
                _zone("current_timezone", default=_DEFAULT_ZONE),
                _zone("target_timezone", default="Asia/Tokyo"),
            ),
            _timezone_conversion,
        ),
        "weekday": TimeTool(
            "Tells the day of the week of a date.",
            tuple(
                Parameter(name, ParameterType.INTEGER, required=True)
                for name in ("year", "month", "day")
            ),
            _weekday,
        ),
    }


def _zone(name: str, *, default: str) -> Parameter:
    description = "A time zone such as UTC, Europe/Berlin or Asia/Tokyo."
    return Parameter(name, description=description, default=default)


def _current_time(clock: Clock, arguments: Mapping[str, Value]) -> str:
    form = str(arguments.get("format") or f"{FORMAT} %Z")
    return clock().astimezone(_zone_of(arguments["timezone"])).strftime(form)


def _localtime_to_timestamp(arguments: Mapping[str, Value]) -> str:
    local = _moment(arguments["localtime"], _zone_of(arguments["timezone"]))
    return f"{local.timestamp():.0f}"


def _timestamp_to_localtime(arguments: Mapping[str, Value]) -> str:
    timestamp = arguments["timestamp"]
    zone = _zone_of(arguments["timezone"])
    try:
        return datetime.fromtimestamp(float(str(timestamp)), zone).strftime(FORMAT)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"Invalid timestamp: {timestamp}") from None


def _timezone_conversion(arguments: Mapping[str, Value]) -> str:
    local = _moment(arguments["current_time"], _zone_of(arguments["current_timezone"]))
    return local.astimezone(_zone_of(arguments["target_timezone"])).strftime(FORMAT)


def _weekday(arguments: Mapping[str, Value]) -> str:
    year, month, day = (arguments[name] for name in ("year", "month", "day"))
    try:
        date = datetime(int(str(year)), int(str(month)), int(str(day)), tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"Invalid date: Year {year}, Month {month}, Day {day}.") from None
    month_name, day_name = calendar.month_name[date.month], calendar.day_name[date.weekday()]
    return f"{month_name} {date.day}, {date.year} is {day_name}."


def _moment(text: Value, zone: ZoneInfo) -> datetime:
    try:
        return datetime.strptime(str(text), FORMAT).replace(tzinfo=zone)
    except ValueError:
        raise ValueError(f"Invalid localtime: {text} (write it as 2024-01-31 12:00:00)") from None


def _zone_of(name: Value) -> ZoneInfo:
    try:
        return ZoneInfo(str(name))
    # Also raised: KeyError for an unknown zone, OSError for the name of a folder.
    except (ValueError, KeyError, OSError):
        raise ValueError(f"Invalid timezone: {name}") from None
