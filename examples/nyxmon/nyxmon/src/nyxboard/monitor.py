"""The loop's one round: the targets that are due are checked, recorded and, where it matters, announced."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.utils import timezone

from nyxboard.models import Result, Target
from nyxmon.checks import Outcome, run_check
from nyxmon.config import AgentConfig
from nyxmon.incidents import IncidentState, next_event
from nyxmon.notify import announce

KEEP_RESULTS = 200


def run_round(config: AgentConfig) -> int:
    """Check what is due; returns how many targets that was."""
    due = list(Target.objects.filter(enabled=True, next_check_at__lte=timezone.now())[: config.check_batch_size])
    if not due:
        return 0
    # The threads only wait for the network: the database is touched by this thread alone.
    with ThreadPoolExecutor(max_workers=len(due)) as pool:
        outcomes = list(pool.map(lambda target: run_check(target.url), due))
    for target, outcome in zip(due, outcomes, strict=True):
        record(config, target, outcome)
    return len(due)


def record(config: AgentConfig, target: Target, outcome: Outcome) -> None:
    """Store one outcome, move the target's incident on, and announce what that caused."""
    Result.objects.create(target=target, ok=outcome.ok, message=outcome.message[:500], seconds=outcome.seconds)
    stale = list(target.results.values_list("pk", flat=True)[KEEP_RESULTS:])
    Result.objects.filter(pk__in=stale).delete()
    state, event = next_event(
        IncidentState(target.consecutive_failures, target.alerted_at),
        outcome.ok,
        time.time(),
        config.consecutive_failures,
        config.repeat_interval_seconds,
    )
    target.consecutive_failures = state.failures
    target.alerted_at = state.alerted_at
    target.next_check_at = timezone.now() + timedelta(seconds=target.interval_seconds)
    target.save()
    if event is not None:
        announce(config, target.name, event, outcome.message)
