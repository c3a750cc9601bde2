"""Stores the trades of the feed that are not stored yet."""

import json
import sys
import urllib.request
from datetime import date
from decimal import Decimal, InvalidOperation

from sqlalchemy import select
from sqlalchemy.orm import Session

from pote.database import engine
from pote.models import Trade
from pote.settings import SettingError, required


class FeedError(Exception):
    """The feed holds something else than trades."""


def parse(entries: object) -> list[Trade]:
    """The trades of a feed."""
    if not isinstance(entries, list):
        raise FeedError("the feed is no list of trades")
    trades = []
    for number, entry in enumerate(entries, 1):
        try:
            side = entry["side"]
            if side not in ("buy", "sell"):
                raise ValueError(f"side {side!r}")
            trades.append(
                Trade(
                    id=str(entry["id"]),
                    official=entry["official"],
                    ticker=entry["ticker"],
                    side=side,
                    amount=Decimal(str(entry["amount"])),
                    traded_on=date.fromisoformat(entry["traded_on"]),
                )
            )
        except (KeyError, TypeError, ValueError, InvalidOperation) as error:
            raise FeedError(f"trade {number} of the feed: {error!r}") from error
    return trades


def store(session: Session, trades: list[Trade]) -> int:
    """Adds those that are not there yet, and says how many."""
    known = set(session.scalars(select(Trade.id).where(Trade.id.in_([trade.id for trade in trades]))))
    new = {trade.id: trade for trade in trades if trade.id not in known}
    session.add_all(new.values())
    session.commit()
    return len(new)


def main() -> None:
    """The command."""
    try:
        with urllib.request.urlopen(required("POTE_FEED_URL"), timeout=30) as answer:
            trades = parse(json.load(answer))
    except (FeedError, SettingError, OSError, json.JSONDecodeError) as error:
        sys.exit(f"pote-fetch: {error}")
    with Session(engine()) as session:
        new = store(session, trades)
    print(f"{len(trades)} trades in the feed, {new} of them new")
