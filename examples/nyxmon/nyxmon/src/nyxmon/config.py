"""The agent's settings, read from the environment that the service was started with."""

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class OpsGateConfig:
    """Where tickets are filed, and the address that people open to approve them."""

    submit_base_url: str
    submit_token: str
    approval_base_url: str
    ticket_expires_seconds: int
    submit_timeout_seconds: int
    include_warnings: bool


@dataclass(frozen=True)
class AgentConfig:
    """Everything that the agent takes from its environment."""

    telegram_bot_token: str
    telegram_chat_id: str
    telegram_api_url: str
    consecutive_failures: int
    repeat_interval_seconds: int
    warning_repeat_interval_seconds: int
    check_batch_size: int
    opsgate: OpsGateConfig | None


def from_environment(environment: Mapping[str, str] = os.environ) -> AgentConfig:
    """Read the configuration; OpsGate counts as off while its address or its token is missing."""
    get = environment.get
    opsgate = None
    if get("OPSGATE_SUBMIT_BASE_URL") and get("OPSGATE_SUBMIT_TOKEN"):
        submit = environment["OPSGATE_SUBMIT_BASE_URL"].rstrip("/")
        opsgate = OpsGateConfig(
            submit_base_url=submit,
            submit_token=environment["OPSGATE_SUBMIT_TOKEN"],
            approval_base_url=(get("OPSGATE_APPROVAL_BASE_URL") or submit).rstrip("/"),
            ticket_expires_seconds=int(get("OPSGATE_TICKET_EXPIRES_SECONDS", "14400")),
            submit_timeout_seconds=int(get("OPSGATE_SUBMIT_TIMEOUT_SECONDS", "10")),
            include_warnings=get("OPSGATE_SUBMIT_INCLUDE_WARNINGS", "false").lower() == "true",
        )
    return AgentConfig(
        telegram_bot_token=get("TELEGRAM_BOT_TOKEN", ""),
        telegram_chat_id=get("TELEGRAM_CHAT_ID", ""),
        telegram_api_url=get("TELEGRAM_API_URL", "https://api.telegram.org").rstrip("/"),
        consecutive_failures=int(get("NYXMON_NOTIFY_CONSECUTIVE_FAILURES", "2")),
        repeat_interval_seconds=int(get("NYXMON_NOTIFY_REPEAT_INTERVAL_SECONDS", "21600")),
        warning_repeat_interval_seconds=int(get("NYXMON_NOTIFY_WARNING_REPEAT_INTERVAL_SECONDS", "86400")),
        check_batch_size=int(get("NYXMON_CHECK_BATCH_SIZE", "5")),
        opsgate=opsgate,
    )
