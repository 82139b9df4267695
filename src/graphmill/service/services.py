"""What a façade is given: everything a caller can do, in one value."""

from dataclasses import dataclass

from graphmill.config import Settings
from graphmill.observation.metrics import Metrics
from graphmill.observation.tracing import Tracing
from graphmill.ports.code import CodeSandbox
from graphmill.service.accounts import Accounts
from graphmill.service.apps.catalog import Catalog
from graphmill.service.conversations import Conversations
from graphmill.service.files.access import FileAccess
from graphmill.service.files.uploads import Uploads
from graphmill.service.forms.forms import Forms
from graphmill.service.runs.repeats import Repeats
from graphmill.service.runs.runs import Runs
from graphmill.service.runs.slots import Slots
from graphmill.service.speech.speech import Speech
from graphmill.service.suggestions import Suggestions
from graphmill.service.tasks.outgoing import Outgoing
from graphmill.service.tasks.runner import TaskRunner
from graphmill.service.tasks.tasks import Tasks
from graphmill.service.tasks.workers import Workers
from graphmill.storage.end_users import EndUserStore


@dataclass(frozen=True, slots=True)
class TaskServices:
    """Tasks, those who make them and those who execute them."""

    tasks: Tasks
    accounts: Accounts
    workers: Workers
    outgoing: Outgoing
    runner: TaskRunner


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    catalog: Catalog
    runs: Runs
    repeats: Repeats
    forms: Forms
    conversations: Conversations
    suggestions: Suggestions
    speech: Speech
    uploads: Uploads
    files: FileAccess
    end_users: EndUserStore
    ocs: TaskServices
    sandbox: CodeSandbox
    readers: Slots
    """For event streams."""
    metrics: Metrics
    tracing: Tracing
