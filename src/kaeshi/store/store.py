"""The Store: transactions with typed verbs.

Read in one, write in another, and keep both short.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from kaeshi.errors import Misconfigured, TimedOut
from kaeshi.store.autopilot import AutopilotVerbs
from kaeshi.store.candidates import CandidateVerbs
from kaeshi.store.consents import ConsentVerbs
from kaeshi.store.conversations import ConversationVerbs
from kaeshi.store.datasets import DatasetVerbs
from kaeshi.store.decisions import DecisionVerbs
from kaeshi.store.evaluations import EvaluationVerbs
from kaeshi.store.examples import ExampleVerbs
from kaeshi.store.exchanges import ExchangeVerbs
from kaeshi.store.exporting import ExportVerbs
from kaeshi.store.feedback import FeedbackVerbs
from kaeshi.store.job_slots import JobVerbs
from kaeshi.store.key_use import KeyVerbs
from kaeshi.store.keys import Keyring
from kaeshi.store.knowledge import KnowledgeVerbs
from kaeshi.store.learned import LearnedVerbs
from kaeshi.store.parked import ParkedVerbs
from kaeshi.store.reports import ReportVerbs
from kaeshi.store.rollouts import RolloutVerbs
from kaeshi.store.spendings import SpendingVerbs
from kaeshi.store.tables import customers
from kaeshi.store.training import TrainingVerbs
from kaeshi.store.waiting import WaitingVerbs
from kaeshi.store.weights import WeightVerbs


class Tx:
    """One transaction: its verbs, grouped by what they are about.

    All share the connection, so that what they write becomes visible together.
    """

    def __init__(self, connection: AsyncConnection, keyring: Keyring) -> None:
        self.connection = connection
        self.conversations = ConversationVerbs(connection, keyring)
        self.consents = ConsentVerbs(connection, keyring)
        self.exchanges = ExchangeVerbs(connection, keyring, self.conversations)
        self.feedback = FeedbackVerbs(connection, keyring, self.conversations)
        self.parked = ParkedVerbs(connection, keyring, self.conversations)
        self.exports = ExportVerbs(connection, self.conversations, self.feedback)
        self.reports = ReportVerbs(connection, keyring, self.conversations)
        self._open_the_rest(connection, keyring)

    def _open_the_rest(self, connection: AsyncConnection, keyring: Keyring) -> None:
        """What needs no verbs of conversations."""
        self.examples = ExampleVerbs(connection, keyring)
        self.datasets = DatasetVerbs(connection, keyring)
        self.training = TrainingVerbs(connection, keyring)
        self.candidates = CandidateVerbs(connection, keyring)
        self.evaluations = EvaluationVerbs(connection, keyring)
        self.rollouts = RolloutVerbs(connection, keyring)
        self.knowledge = KnowledgeVerbs(connection, keyring)
        self.decisions = DecisionVerbs(connection, keyring)
        self.learned = LearnedVerbs(connection, keyring)
        self.weights = WeightVerbs(connection, keyring)
        self.waiting = WaitingVerbs(connection, keyring)
        self.autopilot = AutopilotVerbs(connection, keyring)
        self.spendings = SpendingVerbs(connection, keyring)
        self.jobs = JobVerbs(connection, keyring)
        self.keys = KeyVerbs(connection, keyring)


def explained(error: OperationalError) -> Exception:
    """What a refusal of SQLite means, and the remedy; the error itself where that is not known."""
    why = str(error.orig)
    if "locked" in why:
        return TimedOut(
            "another program holds the lock of the database's file; end it, or try again"
        )
    if "readonly" in why:
        return Misconfigured(
            "the database's file cannot be written; give this user write access to the file and "
            "its folder"
        )
    if "full" in why:
        return Misconfigured(
            "the disk of the database is full; nothing was stored. Make room, and send it again"
        )
    return error


class Store:
    """One database. `owned`: the engine is closed with the store."""

    def __init__(
        self, bind: AsyncEngine | AsyncConnection, keyring: Keyring, *, owned: bool
    ) -> None:
        self._bind = bind
        self.keyring = keyring  # assigned again where a rotation has not put its key in place
        self._owned = owned

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """A consistent view, as of its first statement; changes are rolled back."""
        if isinstance(self._bind, AsyncConnection):
            yield Tx(self._bind, self.keyring)
            return
        async with self._bind.connect() as connection:
            if (
                connection.dialect.name == "postgresql"
            ):  # the default isolation level shows each statement the latest commits
                await connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            yield Tx(connection, self.keyring)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """All or nothing, and on disk when the block ends.

        Inside a caller's transaction: a savepoint, and the caller commits.
        """
        if isinstance(self._bind, AsyncConnection):
            async with self._bind.begin_nested():
                yield Tx(self._bind, self.keyring)
            return
        async with self._bind.connect() as connection:
            await connection.execution_options(writes=True)
            try:
                async with connection.begin():
                    yield Tx(connection, self.keyring)
            except OperationalError as error:
                raise explained(error) from error

    async def sealed_customers(self) -> int:
        """How many customers have texts that only the master key opens."""
        statement = (
            select(func.count()).select_from(customers).where(customers.c.wrapped_key.is_not(None))
        )
        async with self.read() as tx:
            return int((await tx.connection.execute(statement)).scalar_one())

    async def close(self) -> None:
        """Close what this store opened."""
        if self._owned and isinstance(self._bind, AsyncEngine):
            await self._bind.dispose()
