"""Hot reload: what changes in a workflow file takes effect without a restart."""

import logging
from pathlib import Path

from graphmill.service.apps import Catalog

logger = logging.getLogger(__name__)


async def reload_on_change(catalog: Catalog) -> None:
    """Watch the files of all apps, until cancelled.

    Folders are watched, and every file in a folder is read when anything in it changes: editors and
    deployments put files in place by renaming, and often change no more than a symbolic link."""
    # Not needed for the first answer: keeps start-up fast.
    from watchfiles import awatch  # noqa: PLC0415

    folders = {catalog.file_of(app).parent.absolute() for app in catalog.apps}
    there = [folder for folder in folders if folder.is_dir()]
    if not there:
        return
    try:
        async for changes in awatch(*there, recursive=False):
            changed = {Path(path).parent for _, path in changes}
            for app in catalog.apps:
                if catalog.file_of(app).parent.absolute() in changed:
                    await catalog.reload(app)
    except OSError as error:
        logger.warning("Changed workflow files take effect at the next start only: %s", error)
