#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys

from config.environment import load_env_file


def main() -> None:
    # A command typed by hand has no service environment; the settings module may stand in the file too.
    load_env_file()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
