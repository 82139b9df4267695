"""config.yaml as values, read once at start; the only reader of the environment.

A module a section, with the name that the section has in the file. Every key may be left out (null
means the same), unknown ones are refused. `docs/configuration.md` explains them all.
"""

from graphmill.config.load import load_settings
from graphmill.config.settings import Settings

__all__ = ["Settings", "load_settings"]
