"""Hot reload: what changes in a workflow file takes effect without a restart."""

import asyncio
import logging
import threading
from pathlib import Path

from graphmill.errors import StoreError
from graphmill.service.apps.catalog import App, Catalog

logger = logging.getLogger(__name__)


async def reload_on_change(catalog: Catalog) -> None:
    """Watch the files of all apps, until cancelled.

    Folders are watched, and every file in a folder is read when anything in it changes: editors and
    deployments put files in place by renaming, and often change no more than a symbolic link."""
    # Not needed for the first answer: keeps start-up fast.
    from watchfiles import watch  # noqa: PLC0415

    folders = {_folder(path) for path in map(catalog.file_of, catalog.apps)}
    there = [folder for folder in folders if folder.is_dir()]
    if not there:
        return
    stop = threading.Event()
    # In a thread of ours: `awatch` needs parts of anyio that are a megabyte of an idle server.
    changes = watch(*there, recursive=False, stop_event=stop, raise_interrupt=False)
    try:
        while changed := await asyncio.to_thread(next, changes, None):
            folders = {Path(path).parent for _, path in changed}
            for app in catalog.apps:
                if _folder(catalog.file_of(app)) in folders:
                    await _reload(catalog, app)
    except OSError as error:
        logger.warning("Changed workflow files take effect at the next start only: %s", error)
    finally:
        stop.set()


async def _reload(catalog: Catalog, app: App) -> None:
    try:
        await catalog.reload(app)
    except StoreError:
        logger.exception("app %s goes on with the version before", app.slug)


def _folder(path: Path) -> Path:
    return path.parent.absolute()
