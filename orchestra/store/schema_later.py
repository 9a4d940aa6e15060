"""The newer half of the schema's steps."""

from __future__ import annotations

from collections.abc import Mapping

LATER: Mapping[str, tuple[str, ...]] = {
    "0040-queue": (
        """CREATE TABLE queue (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            session_id INTEGER NOT NULL REFERENCES sessions (id),
            target TEXT NOT NULL,
            strategy TEXT NOT NULL,
            check_command TEXT,
            state TEXT NOT NULL,
            asked_by TEXT NOT NULL,
            added_at TEXT NOT NULL,
            changed_at TEXT NOT NULL,
            position REAL NOT NULL,
            head TEXT NOT NULL DEFAULT '',
            approved TEXT NOT NULL DEFAULT '',
            most INTEGER NOT NULL DEFAULT 0,
            reason TEXT NOT NULL DEFAULT '',
            error TEXT NOT NULL DEFAULT '',
            commit_id TEXT NOT NULL DEFAULT '',
            before_id TEXT NOT NULL DEFAULT '',
            undo_id TEXT NOT NULL DEFAULT ''
        )""",
        """CREATE UNIQUE INDEX queue_open ON queue (session_id)
        WHERE state IN ('proposed', 'queued', 'checking', 'returned')""",
        """CREATE TABLE check_runs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            entry_id INTEGER NOT NULL REFERENCES queue (id),
            tree TEXT NOT NULL,
            name TEXT NOT NULL,
            command TEXT NOT NULL,
            code INTEGER,
            output TEXT NOT NULL,
            seconds REAL NOT NULL,
            at TEXT NOT NULL
        )""",
        "CREATE INDEX check_runs_of_entry ON check_runs (entry_id)",
    ),
    "0041-counting": ("ALTER TABLE sessions ADD COLUMN counting TEXT NOT NULL DEFAULT ''",),
    "0041-comments": (
        """CREATE TABLE comments (
            session_id INTEGER NOT NULL REFERENCES sessions (id),
            number INTEGER NOT NULL,
            round INTEGER NOT NULL DEFAULT 0,
            state TEXT NOT NULL,
            path BLOB NOT NULL,
            side TEXT NOT NULL,
            first INTEGER NOT NULL,
            last INTEGER NOT NULL,
            blob TEXT NOT NULL,
            quoted BLOB NOT NULL,
            text TEXT NOT NULL,
            made_at TEXT NOT NULL,
            changed_at TEXT NOT NULL,
            head TEXT NOT NULL DEFAULT '',
            message_id INTEGER,
            commit_id TEXT NOT NULL DEFAULT '',
            reply TEXT NOT NULL DEFAULT '',
            PRIMARY KEY (session_id, number)
        )""",
        "CREATE TABLE commented_texts (blob TEXT PRIMARY KEY, content BLOB NOT NULL)",
    ),
    "0042-forecasts": (
        "ALTER TABLE sessions ADD COLUMN seen_tree TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE sessions ADD COLUMN seen_tip TEXT NOT NULL DEFAULT ''",
        """CREATE TABLE forecasts (
            session_id INTEGER NOT NULL REFERENCES sessions (id),
            other_id INTEGER NOT NULL,
            target TEXT NOT NULL,
            paths TEXT NOT NULL,
            more INTEGER NOT NULL,
            PRIMARY KEY (session_id, other_id)
        )""",
    ),
    # What is in the columns from tree on counts only with ran_at.
    "0043-proof": (
        """CREATE TABLE claims (
            session_id INTEGER NOT NULL REFERENCES sessions (id),
            mark TEXT NOT NULL,
            item TEXT NOT NULL,
            command TEXT NOT NULL,
            at TEXT NOT NULL,
            tree TEXT NOT NULL DEFAULT '',
            code INTEGER,
            output TEXT NOT NULL DEFAULT '',
            seconds REAL NOT NULL DEFAULT 0,
            ran_at TEXT,
            PRIMARY KEY (session_id, mark)
        )""",
        "ALTER TABLE queue ADD COLUMN proof TEXT NOT NULL DEFAULT ''",
    ),
    "0044-copies": (
        "ALTER TABLE sessions ADD COLUMN group_name TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE sessions ADD COLUMN handover TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE sessions ADD COLUMN home_name TEXT NOT NULL DEFAULT ''",
        # The ids of sessions, separated by commas.
        "ALTER TABLE queue ADD COLUMN instead_of TEXT NOT NULL DEFAULT ''",
        """CREATE TABLE compared_checks (
            tree TEXT NOT NULL,
            image TEXT NOT NULL,
            command TEXT NOT NULL,
            name TEXT NOT NULL,
            code INTEGER,
            output TEXT NOT NULL,
            seconds REAL NOT NULL,
            at TEXT NOT NULL,
            PRIMARY KEY (tree, image, command)
        )""",
        """CREATE TABLE conversations (
            session_id INTEGER NOT NULL REFERENCES sessions (id),
            agent TEXT NOT NULL,
            conversation TEXT NOT NULL,
            model TEXT NOT NULL,
            home_name TEXT NOT NULL,
            at TEXT NOT NULL,
            PRIMARY KEY (session_id, agent)
        )""",
    ),
    "0045-late-answers": (
        "ALTER TABLE permissions ADD COLUMN late_decision TEXT",
        "ALTER TABLE permissions ADD COLUMN late_by TEXT",
        "ALTER TABLE permissions ADD COLUMN late_at TEXT",
    ),
    "0045-tryout": (
        "ALTER TABLE sessions ADD COLUMN tried TEXT NOT NULL DEFAULT ''",
        """CREATE TABLE tryout (
            number INTEGER PRIMARY KEY CHECK (number = 1),
            session TEXT NOT NULL,
            ref TEXT NOT NULL,
            anchor TEXT NOT NULL,
            shown TEXT NOT NULL,
            wanted TEXT NOT NULL,
            mark TEXT NOT NULL,
            stopped TEXT NOT NULL,
            with_index INTEGER NOT NULL,
            since TEXT NOT NULL
        )""",
    ),
    "0045-pull-requests": (
        """CREATE TABLE pull_requests (
            session_id INTEGER PRIMARY KEY REFERENCES sessions (id),
            remote TEXT NOT NULL,
            web TEXT NOT NULL,
            branch TEXT NOT NULL,
            base TEXT NOT NULL,
            pushed TEXT NOT NULL,
            number INTEGER NOT NULL,
            url TEXT NOT NULL,
            follow INTEGER NOT NULL,
            hooks INTEGER NOT NULL,
            state TEXT NOT NULL,
            trouble TEXT NOT NULL,
            opened_at TEXT NOT NULL
        )""",
    ),
}
"""The steps from that of the queue on; a new step is added here."""
