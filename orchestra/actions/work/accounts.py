"""Read from the store what the accounts of sessions are made of."""

from __future__ import annotations

from orchestra.account import Account, Facts, account
from orchestra.ledger import Ledger
from orchestra.model import Session
from orchestra.store import Store


class Accounts:
    """Makes accounts of sessions; each event is read once, so that a later look costs only what is new."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ledgers: dict[int, Ledger] = {}

    def of(self, session: Session) -> Account:
        """Return the account of a session; raises StoreError."""
        ledger = self._ledgers.setdefault(session.id, Ledger())
        ledger.take(self._store.events.since(session.name, ledger.newest))
        return account(self._facts(session), ledger)

    def _facts(self, session: Session) -> Facts:
        store = self._store
        sent, received, unread = store.messages.counts(session.name)
        spec = store.specs.get(session.name)
        return Facts(
            session=session,
            now=store.now(),
            requests=store.permissions.open_of(session.id),
            question=store.messages.get(session.waits_for) if session.waits_for is not None else None,
            spec=spec.text if spec else "",
            claims=store.claims.of(session.id),
            sent=sent,
            received=received,
            unread=unread,
            said=store.summaries.of(session.id),
        )
