"""``manage.py add_target NAME URL``: watch something."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from nyxboard.models import Target


class Command(BaseCommand):
    """Add a target, or change the one of that name."""

    help = "Add or change a target"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("url", help="http://, https:// or tcp://host:port")
        parser.add_argument("--interval", type=int, default=60, help="seconds between two checks")

    def handle(self, *args: Any, **options: Any) -> None:
        _, created = Target.objects.update_or_create(
            name=options["name"], defaults={"url": options["url"], "interval_seconds": options["interval"]}
        )
        self.stdout.write("added" if created else "changed")
