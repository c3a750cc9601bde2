"""The dashboard: targets, their results, and the command that runs the monitor."""
