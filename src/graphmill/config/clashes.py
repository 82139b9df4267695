"""Mistakes that no section can see by itself."""

from collections.abc import Iterator

from graphmill.config.knowledge import KnowledgeSettings
from graphmill.config.mistakes import Mistake
from graphmill.config.ocs import OcsSettings
from graphmill.config.settings import Settings


def clashes(settings: Settings) -> Iterator[Mistake]:
    yield from _same_apps(settings)
    yield from _unknown_apps(settings)
    yield from _models_that_cannot_draw(settings)
    yield from _same_users(settings.ocs)
    yield from _same_bases(settings)


def _same_apps(settings: Settings) -> Iterator[Mistake]:
    """Apps that cannot be told apart."""
    slugs: set[str] = set()
    keys: set[str] = set()
    for i, app in enumerate(settings.apps):
        if app.slug in slugs:
            yield ("apps", i), f"Two apps are named {app.slug!r}; give one of them another `slug`"
        slugs.add(app.slug)
        for j, key in enumerate(app.api_keys):
            if key.get_secret_value() in keys:
                yield ("apps", i, "api_keys", j), "Two apps have the same API key"
            keys.add(key.get_secret_value())


def _unknown_apps(settings: Settings) -> Iterator[Mistake]:
    """Task types and tools whose workflow is none of the apps."""
    slugs = {app.slug for app in settings.apps}
    for type_id, bound in settings.ocs.task_types.items():
        if bound.workflow is not None and bound.workflow not in slugs:
            yield ("ocs", "task_types", type_id, "workflow"), _not_an_app(bound.workflow)
    for i, tool in enumerate(settings.tools):
        if tool.app is not None and tool.app not in slugs:
            yield ("tools", i, "app"), _not_an_app(tool.app)
    for i, slug in enumerate(settings.ocs.publish_workflows):
        if slug not in slugs:
            yield ("ocs", "publish_workflows", i), _not_an_app(slug)


def _not_an_app(slug: str) -> str:
    return f"No app has the slug {slug!r}; list its workflow under `apps`"


def _models_that_cannot_draw(settings: Settings) -> Iterator[Mistake]:
    """Tools whose model cannot draw."""
    for i, tool in enumerate(settings.tools):
        model = tool.model
        if model is None:
            continue
        serving = (one for one in settings.models if one.serves(model.provider, model.name))
        entry = next(serving, None)
        if entry is None or entry.kind != "openai":
            yield (
                ("tools", i, "model"),
                f"{model.name!r} of {model.provider!r} needs an entry of kind openai in `models`",
            )


def _same_bases(settings: Settings) -> Iterator[Mistake]:
    """Bases whose documents would have to be taken in in two ways."""
    bases: dict[str, KnowledgeSettings] = {}
    for i, entry in enumerate(settings.knowledge):
        if entry.kind != "local":
            continue
        first = bases.setdefault(entry.name, entry)
        if (first.embedding, first.segments) != (entry.embedding, entry.segments):
            yield (
                ("knowledge", i),
                f"Two entries for the base {entry.name!r} differ in embedding or segments",
            )


def _same_users(ocs: OcsSettings) -> Iterator[Mistake]:
    """Users and workers that cannot be told apart."""
    logins: set[str] = set()
    for i, user in enumerate(ocs.users):
        for login in {user.id, *user.login}:
            if login in logins:
                yield ("ocs", "users", i), f"Two users log in as {login!r}"
            logins.add(login)
    workers: set[str] = set()
    for i, worker in enumerate(ocs.ex_apps):
        if worker.id in workers:
            yield ("ocs", "ex_apps", i), f"Two workers have the id {worker.id!r}"
        workers.add(worker.id)
