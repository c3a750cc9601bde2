"""``manage.py start_monitor``: the long-running monitoring service."""

import logging
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections

from nyxboard.monitor import run_round
from nyxmon.config import from_environment

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Check every target when it is due, until asked to stop."""

    help = "Run the monitoring agent"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="check what is due once, then stop")
        parser.add_argument("--pause", type=float, default=5.0, help="seconds between two looks at what is due")

    def handle(self, *args: Any, **options: Any) -> None:
        config = from_environment()
        if options["once"]:
            self.stdout.write(f"checked {run_round(config)} target(s)")
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        logger.info("monitor started, OpsGate %s", "on" if config.opsgate else "off")
        while not stop.is_set():
            try:
                run_round(config)
            except Exception:
                # A monitor that dies of one bad round watches nothing at all.
                logger.exception("this round failed")
            close_old_connections()
            stop.wait(options["pause"])
        logger.info("monitor stopped")
