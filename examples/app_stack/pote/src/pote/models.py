"""What is stored."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import DateTime, ForeignKey, Numeric, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """All tables."""


class Report(Base):
    """A report that was sent."""

    __tablename__ = "reports"

    id: Mapped[int] = mapped_column(primary_key=True)
    sent_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Trade(Base):
    """A trade that an official reported."""

    __tablename__ = "trades"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    official: Mapped[str] = mapped_column(String(200))
    ticker: Mapped[str] = mapped_column(String(12))
    side: Mapped[str] = mapped_column(String(4))
    amount: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    traded_on: Mapped[date]
    report_id: Mapped[int | None] = mapped_column(ForeignKey("reports.id", name="trades_report"))
