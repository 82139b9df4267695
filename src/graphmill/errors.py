"""What can go wrong, as one tree.

    GraphmillError
    ├── WorkflowInvalid           the author: a file that cannot run, with all its problems
    ├── RequestRefused            the caller: a parameter, a file mapping or an id is wrong
    │   ├── InvalidParameter
    │   ├── NotPublished
    │   ├── VersionIdMalformed
    │   ├── VersionNotFound
    │   ├── RunNotFound
    │   ├── FileNotFound
    │   ├── SignatureInvalid
    │   ├── EndUserNotFound
    │   ├── ConversationNotFound
    │   ├── ConversationVariableNotFound
    │   ├── VariableMismatch
    │   ├── MessageNotFound
    │   ├── KeyReused
    │   ├── FormNotFound
    │   ├── FormSubmitted
    │   ├── FormExpired
    │   ├── FormDataInvalid
    │   ├── TooManyRequests
    │   │   ├── TooManyRuns
    │   │   └── TooManyReaders
    │   ├── TaskTypeUnknown
    │   ├── TaskTypeUnavailable
    │   ├── TaskNotFound
    │   ├── TaskNotWaiting
    │   ├── TaskFileDenied
    │   └── ProviderNotFound
    ├── UploadRefused             the caller: an uploaded file
    │   ├── NoFileUploaded
    │   ├── TooManyFiles
    │   ├── FileTypeMissing
    │   ├── FileNameMissing
    │   └── FileTooLarge
    ├── StoreError                the file store or the database
    │   ├── StoreUnreachable
    │   ├── StoreDenied
    │   └── StoreFull
    ├── TemplateFailed            a template that cannot be compiled or rendered
    │   └── TemplateUnbounded     … in the server: it may take long or grow large
    ├── CodeFailed                what the author of a code node did
    ├── CodeUnavailable           the code sandbox cannot run code now
    │   └── NoWall                … or never: nothing on this host keeps it apart
    ├── DocumentUnreadable        a document whose text cannot be had
    ├── ModelError                a model cannot be called, or its call failed
    │   ├── ModelNotConfigured
    │   ├── ModelRefused
    │   │   └── NoVoice
    │   └── ModelFailed
    ├── ToolError                 a tool cannot be called, or its call failed
    │   ├── ToolNotFound
    │   └── ToolFailed
    ├── KnowledgeError            a dataset cannot be searched, or its search failed
    │   ├── DatasetNotFound
    │   └── KnowledgeFailed
    ├── MailFailed                a mail was not sent, and may be tried again
    │   └── MailRefused           … or not
    ├── FormsUnavailable          nobody can be asked to fill in a form
    ├── OutboundRefused           the SSRF guard does not let a request through
    ├── RunSuspended              the server stops; the run goes on with the next one
    ├── ReplayDiverged            what is recorded of a run is not what its workflow would do
    └── ConfigInvalid             the operator: config.yaml

A failing node is an outcome, not an exception (`engine.outcome`). Each façade has one table from
these classes to its codes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphmill.dsl.model import Problem


class GraphmillError(Exception):
    """Root of all that is raised on purpose; `str()` is a sentence for whoever can act on it."""


class ConfigInvalid(GraphmillError):
    """config.yaml says something that cannot be meant; the message names the key and its line."""


class WorkflowInvalid(GraphmillError):
    """The workflow file cannot run. Mend the problems listed and load it again."""

    def __init__(self, problems: Sequence["Problem"]) -> None:
        """`str()` is all of them in one line."""
        super().__init__("; ".join(dict.fromkeys(map(_in_brief, problems))))
        self.problems = tuple(problems)


class RequestRefused(GraphmillError):
    """The request cannot be carried out as it stands."""


class InvalidParameter(RequestRefused):
    """One parameter of the request is wrong; `parameter` names it when it is a top-level one."""

    def __init__(self, message: str, parameter: str | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter


class NotPublished(RequestRefused):
    """The app has no published version; publish one (config `published`) or mend its file."""


class VersionIdMalformed(RequestRefused):
    """The version id is no UUID."""


class VersionNotFound(RequestRefused):
    """The app has no version of that id."""


class RunNotFound(RequestRefused):
    """The app has no run of that id, or not for this user."""


class FileNotFound(RequestRefused):
    """No such file for this caller."""


class SignatureInvalid(RequestRefused):
    """The signature of a download link is wrong or too old; ask for a fresh link."""


class EndUserNotFound(RequestRefused):
    """The app has no end user of that id."""


class ConversationNotFound(RequestRefused):
    """The app has no conversation of that id with this user."""


class ConversationVariableNotFound(RequestRefused):
    """The conversation has no variable of that id."""


class VariableMismatch(RequestRefused):
    """The value is not of the type that the variable is declared to have."""


class MessageNotFound(RequestRefused):
    """The app has no message of that id for this user."""


class KeyReused(RequestRefused):
    """The key of the request belongs to another one; send a key of its own."""


class FormNotFound(RequestRefused):
    """The app has no form with that token."""


class FormSubmitted(RequestRefused):
    """Somebody has filled in the form before."""


class FormExpired(RequestRefused):
    """The time of the form is over, or its run has ended."""


class FormDataInvalid(RequestRefused):
    """The form cannot be filled in like this; it stays open."""


class TooManyRequests(RequestRefused):
    """A ceiling is reached (config `limits`); the same request may succeed in `retry_seconds`."""

    def __init__(self, message: str, *, retry_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds


class TooManyRuns(TooManyRequests):
    """As many runs as may go on at a time do so."""


class TooManyReaders(TooManyRequests):
    """As many event streams as may be open at a time are."""


class TaskTypeUnknown(RequestRefused):
    """That cannot be the id of a task type."""


class TaskTypeUnavailable(RequestRefused):
    """Nothing executes tasks of that type now, or not for this user."""


class TaskNotFound(RequestRefused):
    """There is no such task for this caller."""


class TaskNotWaiting(RequestRefused):
    """The task has no place in the queue: it was begun or has ended."""


class TaskFileDenied(RequestRefused):
    """The input of a task names a file that the caller may not use."""


class ProviderNotFound(RequestRefused):
    """The worker has not registered a provider of that id."""


class UploadRefused(GraphmillError):
    """The uploaded file cannot be taken."""


class NoFileUploaded(UploadRefused):
    """Send the file as multipart/form-data in the field `file`."""


class TooManyFiles(UploadRefused):
    """Send one file a request."""


class FileTypeMissing(UploadRefused):
    """The file part has no Content-Type."""


class FileNameMissing(UploadRefused):
    """The file part has no file name."""


class FileTooLarge(UploadRefused):
    """The file is larger than config `limits.uploads_mb` allows for its kind."""


class StoreError(GraphmillError):
    """The file store or the database failed; nothing was half-written."""

    advice = "Run `graphmill doctor`; a damaged database has to be restored from a backup."

    def for_operator(self) -> str:
        """What happened, why, and what to do. It can name addresses, so no client sees it."""
        cause = self.__cause__
        reason = f" ({cause})" if cause is not None and str(cause) not in str(self) else ""
        return f"{str(self).rstrip('.')}{reason}. {self.advice}"


class StoreUnreachable(StoreError):
    """The store does not answer."""

    advice = "See whether it works, and whether another program holds the database."


class StoreDenied(StoreError):
    """The store refuses access; check its permissions."""

    advice = "Check owner, permissions and credentials, and that the disk can be written."


class StoreFull(StoreError):
    """The store has no room for that."""

    advice = "Make room, or keep less (`retention` in config.yaml, then `graphmill prune`)."


class TemplateFailed(GraphmillError):
    """The template cannot be compiled or rendered within its limits."""


class TemplateUnbounded(TemplateFailed):
    """The template needs the code sandbox: it may take long or grow large."""


class CodeFailed(GraphmillError):
    """The code did not give a result; the message is what its author needs to see."""

    def __init__(self, message: str, *, kind: str = "", output: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        """Name of the exception, or `Timeout`."""
        self.output = output
        """What the code had printed."""


class CodeUnavailable(GraphmillError):
    """The code sandbox cannot run code now, or not on this host; the message says what to do."""


class NoWall(CodeUnavailable):
    """Nothing on this host keeps strangers' code apart, so none is run, now and later."""

    def __init__(self, reason: str) -> None:
        """`reason` is a clause, such as "seccomp is not available on this host"."""
        super().__init__(f"No code can run here: {reason}.")
        self.reason = reason


class DocumentUnreadable(GraphmillError):
    """The text of the document cannot be had; the message says why."""


class MailFailed(GraphmillError):
    """A mail was not sent; the message says why, in the words of the server that was to take it."""


class MailRefused(MailFailed):
    """Nobody has that address, or its server takes nothing from here."""


class FormsUnavailable(GraphmillError):
    """Nobody can be asked to fill in a form; the message says where that is possible."""


class OutboundRefused(GraphmillError):
    """The SSRF guard does not let this request out; the message names the setting that would."""


def _in_brief(problem: "Problem") -> str:
    if problem.code == "unknown-node-type":
        # Clients match Dify's words, which name no place (`workflow-dsl §5.1`).
        return problem.message
    about = problem.node_title or problem.node_id
    node = f" (node {about})" if about else ""
    return f"line {problem.place.line}: {problem.message}{node}"


class ModelError(GraphmillError):
    """A model did not answer."""


class ModelNotConfigured(ModelError):
    """No entry of config `models` fits the provider that the workflow names; add one."""


class ModelRefused(ModelError):
    """The model cannot do that: it is unknown to its provider, or lacks the feature."""


class NoVoice(ModelRefused):
    """Nobody here speaks that language; name another voice, or set one in config `speech`."""


class ModelFailed(ModelError):
    """The provider's answer to the call was an error, or none; the message is the provider's."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status of the answer; None when there was none."""


class ToolError(GraphmillError):
    """A tool did not do its work."""


class ToolNotFound(ToolError):
    """This server has no such tool; the message says how to map its provider."""


class ToolFailed(ToolError):
    """The call of a tool failed; the message is the tool's own, or says why it did not answer."""


class RunSuspended(GraphmillError):
    """The server stops. The run goes on when it is back: look it up by its id, or rejoin its
    events."""

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"The server stops. Run {run_id} goes on when it is back: look it up by this id."
        )
        self.run_id = run_id


class ReplayDiverged(GraphmillError):
    """What is recorded of a run does not fit its workflow: it cannot be continued."""


class KnowledgeError(GraphmillError):
    """A dataset was not searched."""


class DatasetNotFound(KnowledgeError):
    """This server has no such dataset; the message says how to map its id."""


class KnowledgeFailed(KnowledgeError):
    """The search failed; the message says why, in the words of the service that was asked."""
