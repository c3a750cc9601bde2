"""What is watched, and what was seen."""

from django.db import models
from django.utils import timezone


class Target(models.Model):
    """Something that is checked again and again."""

    name = models.CharField(max_length=100, unique=True)
    url = models.CharField(max_length=500)
    interval_seconds = models.PositiveIntegerField(default=60)
    enabled = models.BooleanField(default=True)
    next_check_at = models.DateTimeField(default=timezone.now)
    consecutive_failures = models.PositiveIntegerField(default=0)
    alerted_at = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def last_result(self) -> "Result | None":
        """The newest result, if there is one."""
        return self.results.first()


class Result(models.Model):
    """What one check found."""

    target = models.ForeignKey(Target, on_delete=models.CASCADE, related_name="results")
    checked_at = models.DateTimeField(default=timezone.now, db_index=True)
    ok = models.BooleanField()
    message = models.CharField(max_length=500)
    seconds = models.FloatField()

    class Meta:
        ordering = ["-checked_at"]

    def __str__(self) -> str:
        return f"{self.target} {'ok' if self.ok else 'failing'} at {self.checked_at:%Y-%m-%d %H:%M:%S}"
