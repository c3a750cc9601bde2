"""The monitoring agent: checks, incidents and notifications. Knows nothing of Django."""
