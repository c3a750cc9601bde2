"""Settings for a developer's machine or a development host."""

from .base import *  # noqa: F403
from .base import env

# Not a secret: a key that only ever signs the cookies of a development server.
SECRET_KEY = env("DJANGO_SECRET_KEY", default="development-only")
DEBUG = env.bool("DJANGO_DEBUG", default=True)
