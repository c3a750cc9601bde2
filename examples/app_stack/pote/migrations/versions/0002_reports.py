"""Which trade was in which report."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reports",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
    )
    with op.batch_alter_table("trades") as trades:
        trades.add_column(sa.Column("report_id", sa.Integer, nullable=True))
        trades.create_foreign_key("trades_report", "reports", ["report_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("trades") as trades:
        trades.drop_constraint("trades_report", type_="foreignkey")
        trades.drop_column("report_id")
    op.drop_table("reports")
