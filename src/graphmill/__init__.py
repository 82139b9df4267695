"""graphmill runs Dify workflow files outside Dify."""

__version__ = "0.1.0"
