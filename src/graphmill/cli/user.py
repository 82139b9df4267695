"""`graphmill user`: what `ocs.users` and `ocs.ex_apps` need, in which secrets are hashes only."""

import json
from collections.abc import Sequence

import typer

from graphmill.service.secrets import fingerprint_of, hash_password, new_app_password


def add_user(
    user_id: str, *, display_name: str | None, logins: Sequence[str], devices: Sequence[str]
) -> None:
    """Print an entry for `ocs.users`, on standard output; new app passwords on standard error."""
    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    lines = [f"- id: {_quoted(user_id)}"]
    if logins:
        lines.append(f"  login: [{', '.join(map(_quoted, logins))}]")
    if display_name is not None:
        lines.append(f"  display_name: {_quoted(display_name)}")
    lines.append(f"  password_hash: {_quoted(hash_password(password))}")
    if devices:
        lines.append("  app_passwords:")
    for device in devices:
        secret = new_app_password()
        typer.echo(f"App password for {device}, shown this once: {secret}", err=True)
        lines.append(f"    - {{name: {_quoted(device)}, hash: {_quoted(fingerprint_of(secret))}}}")
    typer.echo("Put this under `ocs.users` in config.yaml and restart the server:", err=True)
    typer.echo("\n".join(lines))


def hash_secret() -> None:
    """Print the hash of a secret that is asked for: a password or what a worker shares."""
    secret = typer.prompt("Secret", hide_input=True, confirmation_prompt=True, err=True)
    typer.echo(hash_password(secret))


def _quoted(text: str) -> str:
    """As YAML reads it; `${` would be taken for a variable, and no hash has it."""
    return json.dumps(text, ensure_ascii=False)
