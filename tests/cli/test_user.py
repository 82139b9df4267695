"""`graphmill user`: its output goes into config.yaml as it is."""

from pathlib import Path

import yaml
from typer.testing import CliRunner

from graphmill.cli.main import app
from graphmill.config import load_settings
from graphmill.service.secrets import SecretCheck, fingerprint_of


async def test_new_user_can_be_put_into_the_configuration(tmp_path: Path) -> None:
    options = ["--display-name", 'Ann "A" Ex', "--login", "ann@example.org"]
    arguments = ["user", "add", "ann", *options, "--app-password", "phone"]
    result = CliRunner().invoke(app, arguments, input="secret\nsecret\n", catch_exceptions=False)
    [entry] = yaml.safe_load(result.stdout)
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"ocs": {"users": [entry]}}))
    [user] = load_settings(path, environ={}).ocs.users
    assert ("ann", ("ann@example.org",), 'Ann "A" Ex') == (user.id, user.login, user.display_name)
    assert user.password_hash is not None
    assert await SecretCheck().fits(user.password_hash.get_secret_value(), "secret")
    shown = next(line for line in result.stderr.splitlines() if "App password" in line)
    [app_password] = user.app_passwords
    assert fingerprint_of(shown.split()[-1]) == app_password.hash.get_secret_value()


async def test_secret_is_hashed() -> None:
    result = CliRunner().invoke(app, ["user", "hash"], input="x y\nx y\n", catch_exceptions=False)
    made = result.stdout.strip()
    assert await SecretCheck().fits(made, "x y")
    assert not await SecretCheck().fits(made, "x")
