"""When a run of failures becomes an alert, and when the alert is repeated."""

from dataclasses import dataclass


@dataclass
class IncidentState:
    """What is remembered about one target between two checks."""

    failures: int = 0
    alerted_at: float | None = None


def next_event(
    state: IncidentState, ok: bool, now: float, threshold: int, repeat_seconds: float
) -> tuple[IncidentState, str | None]:
    """Return the new state and the event it caused: ``opened``, ``reminder``, ``resolved`` or none."""
    if ok:
        event = "resolved" if state.alerted_at is not None else None
        return IncidentState(), event
    failures = state.failures + 1
    if state.alerted_at is None:
        if failures >= threshold:
            return IncidentState(failures, now), "opened"
        return IncidentState(failures, None), None
    if now - state.alerted_at >= repeat_seconds:
        return IncidentState(failures, now), "reminder"
    return IncidentState(failures, state.alerted_at), None
