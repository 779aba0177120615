"""What every table shares: the metadata, keys and times."""

from sqlalchemy import BigInteger, Column, MetaData, String

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def key(name: str, length: int = 200) -> Column[str]:
    """A part of the primary key."""
    return Column(name, String(length), primary_key=True)


def time(name: str, *, nullable: bool = False) -> Column[int]:
    """A time in microseconds since 1970, UTC."""
    return Column(name, BigInteger, nullable=nullable)
