"""Collects public officials' trades, and reports what is new."""
