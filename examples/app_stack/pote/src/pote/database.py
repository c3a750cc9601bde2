"""The connection to the database."""

from functools import cache

from sqlalchemy import Engine, create_engine

from pote.settings import required


@cache
def engine() -> Engine:
    """The database that DATABASE_URL names."""
    return create_engine(required("DATABASE_URL"), pool_pre_ping=True)
