"""Mails the trades that were in no report yet."""

import os
import smtplib
import ssl
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage

from sqlalchemy import select
from sqlalchemy.orm import Session

from pote.database import engine
from pote.models import Report, Trade
from pote.settings import Mail, SettingError


def compose(trades: Sequence[Trade]) -> str:
    """The text of a report."""
    return "\n".join(
        f"{trade.traded_on}  {trade.official:<24} {trade.side:<4} {trade.ticker:<6} {trade.amount:>14,.2f}"
        for trade in trades
    )


def send(mail: Mail, subject: str, text: str) -> None:
    """Hands a text to the mail server."""
    message = EmailMessage()
    message["From"] = mail.sender
    message["To"] = ", ".join(mail.recipients)
    message["Subject"] = subject
    message.set_content(text)
    if mail.security == "tls":
        server = smtplib.SMTP_SSL(mail.host, mail.port, timeout=30, context=ssl.create_default_context())
    else:
        server = smtplib.SMTP(mail.host, mail.port, timeout=30)
    with server:
        if mail.security == "starttls":
            server.starttls(context=ssl.create_default_context())
        if mail.user:
            server.login(mail.user, mail.password)
        server.send_message(message)


def main() -> None:
    """The command."""
    environment = os.environ.get("POTE_ENV", "prod")
    with Session(engine()) as session:
        query = select(Trade).where(Trade.report_id.is_(None)).order_by(Trade.traded_on, Trade.id)
        # Two reports at a time do not send the same trade.
        trades = session.scalars(query.with_for_update()).all()
        if not trades:
            print("nothing new")
            return
        report = Report(sent_at=datetime.now(UTC))
        session.add(report)
        session.flush()
        for trade in trades:
            trade.report_id = report.id
        text = compose(trades)
        try:
            mail = Mail.from_environment()
            if mail is None:
                print(text)
            else:
                send(mail, f"[pote {environment}] {len(trades)} new trades", text)
        except (SettingError, OSError, smtplib.SMTPException) as error:
            # Nothing is committed: the next report has them.
            sys.exit(f"pote-report: {error}")
        session.commit()
    print(f"reported {len(trades)} trades")
