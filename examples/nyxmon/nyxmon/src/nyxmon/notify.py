"""Messages to people: Telegram, and tickets in OpsGate."""

import json
import logging
import urllib.request

from nyxmon.config import AgentConfig, OpsGateConfig

logger = logging.getLogger(__name__)


def announce(config: AgentConfig, target: str, event: str, detail: str) -> None:
    """Tell everyone who wants to know. A channel that is down must not stop the monitor, so errors are logged."""
    text = f"{target}: {event} ({detail})"
    link = ""
    if config.opsgate is not None and event == "opened":
        try:
            link = submit_ticket(config.opsgate, target, detail)
        except (OSError, ValueError) as error:
            logger.warning("OpsGate did not take the ticket for %s: %s", target, error)
    if config.telegram_bot_token and config.telegram_chat_id:
        try:
            send_telegram(config, f"{text}\n{link}".strip())
        except OSError as error:
            # The address holds the token, and some errors quote the address: only the kind of error is logged.
            logger.warning("Telegram did not take the message: %s", type(error).__name__)
    logger.info("%s", text)


def send_telegram(config: AgentConfig, text: str) -> None:
    """Send one message to the configured chat."""
    url = f"{config.telegram_api_url}/bot{config.telegram_bot_token}/sendMessage"
    _post(url, {"chat_id": config.telegram_chat_id, "text": text}, {}, 10)


def submit_ticket(config: OpsGateConfig, target: str, detail: str) -> str:
    """File a ticket and return the address at which an operator approves it."""
    payload = {
        "source": "nyxmon",
        "title": f"{target} is failing",
        "detail": detail,
        "expires_in_seconds": config.ticket_expires_seconds,
    }
    headers = {"Authorization": f"Bearer {config.submit_token}"}
    answer = _post(f"{config.submit_base_url}/api/tickets", payload, headers, config.submit_timeout_seconds)
    return f"{config.approval_base_url}/tickets/{json.loads(answer)['id']}"


def _post(url: str, payload: dict[str, object], headers: dict[str, str], timeout: int) -> bytes:
    request = urllib.request.Request(
        url,
        data=json.dumps(payload).encode(),
        headers={"Content-Type": "application/json", **headers},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=timeout) as response:  # noqa: S310 (operator's own setting)
        return response.read()
