"""Where the settings' environment comes from when a service manager did not set it."""

import os
from pathlib import Path

import environ


def load_env_file() -> Path | None:
    """Read the nearest readable ``.env`` above this file; what is already in the environment wins."""
    if "DJANGO_SECRET_KEY" in os.environ:
        return None
    for folder in Path(__file__).resolve().parents:
        candidate = folder / ".env"
        if candidate.is_file() and os.access(candidate, os.R_OK):
            environ.Env.read_env(candidate)
            return candidate
    return None
