"""What a façade is given: everything a caller can do, in one value."""

from dataclasses import dataclass

from graphmill.config import Settings
from graphmill.ports.code import CodeSandbox
from graphmill.service.apps import Catalog
from graphmill.service.runs import Runs
from graphmill.service.uploads import Uploads
from graphmill.storage.end_users import EndUserStore


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    catalog: Catalog
    runs: Runs
    uploads: Uploads
    end_users: EndUserStore
    sandbox: CodeSandbox
