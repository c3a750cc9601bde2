"""What the environment says."""

import os
from dataclasses import dataclass


class SettingError(Exception):
    """A setting is missing or wrong."""


def required(name: str) -> str:
    """A variable that has to be set."""
    value = os.environ.get(name, "")
    if not value:
        raise SettingError(f"{name} is not set")
    return value


@dataclass(frozen=True)
class Mail:
    """The mail server, the sender and the recipients."""

    host: str
    port: int
    security: str
    user: str
    password: str
    sender: str
    recipients: list[str]

    @classmethod
    def from_environment(cls) -> "Mail | None":
        """None where no mail server is set."""
        host = os.environ.get("SMTP_HOST", "")
        if not host:
            return None
        recipients = [each.strip() for each in os.environ.get("REPORT_RECIPIENTS", "").split(",") if each.strip()]
        if not recipients:
            raise SettingError("SMTP_HOST is set, but REPORT_RECIPIENTS is empty")
        port = os.environ.get("SMTP_PORT", "587")
        if not port.isdigit():
            raise SettingError("SMTP_PORT is no number")
        return cls(
            host=host,
            port=int(port),
            security=os.environ.get("SMTP_SECURITY", "starttls"),
            user=os.environ.get("SMTP_USER", ""),
            password=os.environ.get("SMTP_PASSWORD", ""),
            sender=required("SMTP_FROM"),
            recipients=recipients,
        )
