"""The conversations of the agents that worked in a session one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from orchestra.model import Session
from orchestra.store.part import Part


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one agent of a session goes on with: its own id, its model, and the name of its home."""

    conversation: str
    model: str
    home_name: str


class Conversations(Part):
    """The last conversation of each kind of agent with a session."""

    def keep(self, session: Session) -> None:
        """Keep the conversation of a session's agent."""
        with self._database.change():
            self._database.rows(
                """INSERT OR REPLACE INTO conversations (session_id, agent, conversation, model, home_name, at)
                VALUES (?, ?, ?, ?, ?, ?)""",
                *(session.id, session.agent, session.conversation, session.model, session.home_name, self.now()),
            )

    def of(self, session: int, agent: str) -> Conversation | None:
        """Return the kept conversation of a kind of agent, or None."""
        row = self._database.row("SELECT * FROM conversations WHERE session_id = ? AND agent = ?", session, agent)
        return Conversation(row["conversation"], row["model"], row["home_name"]) if row else None
