"""The monitor's round, against a server of its own."""

import http.server
import threading

from django.test import TestCase

from nyxboard.models import Target
from nyxboard.monitor import run_round
from nyxmon.config import from_environment
from nyxmon.incidents import IncidentState, next_event


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers 200 at ``/up`` and 500 elsewhere."""

    def do_GET(self) -> None:  # noqa: N802 (the base class's name)
        self.send_response(200 if self.path == "/up" else 500)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Keep the test output clean."""


class MonitorTests(TestCase):
    """Checks are made, recorded, and shown."""

    def setUp(self) -> None:
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.base = f"http://127.0.0.1:{self.server.server_port}"

    def tearDown(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def test_round_records_results(self) -> None:
        Target.objects.create(name="good", url=f"{self.base}/up")
        Target.objects.create(name="bad", url=f"{self.base}/down")
        self.assertEqual(run_round(from_environment({})), 2)
        self.assertTrue(Target.objects.get(name="good").last_result.ok)
        self.assertEqual(Target.objects.get(name="bad").last_result.message, "HTTP 500")
        self.assertEqual(run_round(from_environment({})), 0, "nothing is due again yet")

    def test_dashboard_lists_targets(self) -> None:
        Target.objects.create(name="good", url=f"{self.base}/up")
        run_round(from_environment({}))
        self.assertContains(self.client.get("/"), "HTTP 200")

    def test_incident_opens_once_and_resolves(self) -> None:
        state, events = IncidentState(), []
        for second, ok in enumerate([False, False, False, True, True]):
            state, event = next_event(state, ok, float(second), threshold=2, repeat_seconds=100)
            events.append(event)
        self.assertEqual(events, [None, "opened", None, "resolved", None])
