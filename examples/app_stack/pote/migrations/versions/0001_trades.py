"""The trades."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "trades",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("official", sa.String(200), nullable=False),
        sa.Column("ticker", sa.String(12), nullable=False),
        sa.Column("side", sa.String(4), nullable=False),
        sa.Column("amount", sa.Numeric(14, 2), nullable=False),
        sa.Column("traded_on", sa.Date, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("trades")
