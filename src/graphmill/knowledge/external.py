"""A service that speaks Dify's external knowledge API: `POST {endpoint}/retrieval`."""

import asyncio
import math
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from graphmill import jsontext
from graphmill.config.knowledge import KnowledgeSettings
from graphmill.errors import KnowledgeFailed, OutboundRefused
from graphmill.jsontext import storable
from graphmill.ports.http import HttpClient, HttpRequest, Timeouts
from graphmill.ports.knowledge import MetadataFilter, Search, Segment
from graphmill.variables.values import Value

LARGEST_ANSWER: Final = 4 << 20
"""Bytes."""
_COMPLAINT_CHARACTERS: Final = 300


class Record(BaseModel):
    """A segment as the service sends it. All of it may be missing, or null."""

    model_config = ConfigDict(extra="ignore")

    content: str | None = None
    score: float | None = None
    title: str | None = None
    metadata: dict[str, Any] | None = None


class Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")

    records: list[Record]


class ExternalSource:
    """`source.Source`."""

    def __init__(self, settings: KnowledgeSettings, http: HttpClient) -> None:
        """`http` must let requests through to the endpoint."""
        assert settings.endpoint is not None, "the configuration was checked"
        key = settings.api_key
        self._secret = "" if key is None else key.get_secret_value()
        self._url = f"{settings.endpoint.rstrip('/')}/retrieval"
        self._name = settings.name
        self._knowledge_id = settings.knowledge_id
        self._seconds = settings.timeout_seconds
        self._http = http

    async def fields(self) -> tuple[str, ...]:
        return ()

    async def search(self, dataset_id: str, search: Search) -> list[Segment]:
        answer = await self._ask(dataset_id, search)
        segments = [self._segment(dataset_id, record) for record in answer.records[: search.top_k]]
        return [segment for segment in segments if segment.content]

    async def _ask(self, dataset_id: str, search: Search) -> Answer:
        """Raises KnowledgeFailed."""
        try:
            async with asyncio.timeout(self._seconds):
                async with self._http.request(self._request(dataset_id, search)) as response:
                    status, body = response.status, await response.read(limit=LARGEST_ANSWER)
        except TimeoutError:
            raise self._failed(f"no answer within {self._seconds:g} seconds") from None
        except (OutboundRefused, OSError, ValueError) as error:
            raise self._failed(str(error)) from error
        if status != 200:
            raise self._failed(f"status code {status} and {self._excerpt(body)}")
        if len(body) > LARGEST_ANSWER:
            raise self._failed(f"an answer of more than {LARGEST_ANSWER >> 20} MB")
        try:
            return Answer.model_validate(jsontext.decode(body))
        except (ValidationError, ValueError, RecursionError):
            raise self._failed(f"an answer without records: {self._excerpt(body)}") from None

    def _request(self, dataset_id: str, search: Search) -> HttpRequest:
        body: dict[str, Value] = {
            "knowledge_id": self._knowledge_id or dataset_id,
            "query": search.query,
            "retrieval_setting": {
                "top_k": search.top_k,
                "score_threshold": search.score_threshold,
            },
        }
        if search.filter is not None:
            body["metadata_condition"] = _written(search.filter)
        headers = {"Content-Type": "application/json"}
        if self._secret:
            headers["Authorization"] = f"Bearer {self._secret}"
        return HttpRequest(
            "POST",
            self._url,
            headers=headers,
            body=(jsontext.encode(body),),
            timeouts=Timeouts(self._seconds, self._seconds, self._seconds),
            follow_redirects=False,
        )

    def _failed(self, what: str) -> KnowledgeFailed:
        return KnowledgeFailed(f"The external knowledge base {self._name!r} failed: {what}")

    def _excerpt(self, body: bytes) -> str:
        """What the service said, without the key, should it repeat it."""
        said = body.decode(errors="replace")
        if self._secret:
            said = said.replace(self._secret, "***")
        return repr(said[:_COMPLAINT_CHARACTERS])

    def _segment(self, dataset_id: str, record: Record) -> Segment:
        metadata: Mapping[str, Value] = record.metadata or {}
        title = storable(record.title or "")
        score = record.score or 0.0
        return Segment(
            dataset_id,
            self._name,
            str(metadata.get("document_id") or title),
            title,
            storable(record.content or ""),
            score if math.isfinite(score) else 0.0,
            metadata,
        )


def _written(wanted: MetadataFilter) -> Value:
    return {
        "logical_operator": "and" if wanted.match_all else "or",
        "conditions": [
            {"name": each.name, "comparison_operator": each.operator, "value": each.value}
            for each in wanted.conditions
        ],
    }
