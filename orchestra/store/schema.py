"""The schema as a list of named steps."""

from __future__ import annotations

from collections.abc import Mapping

from orchestra.store.schema_later import LATER

MIGRATIONS: Mapping[str, tuple[str, ...]] = {
    "0001-sessions": (
        """CREATE TABLE sessions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL,
            title TEXT NOT NULL,
            role TEXT NOT NULL,
            agent TEXT NOT NULL,
            sandbox TEXT NOT NULL,
            branch TEXT NOT NULL,
            base TEXT NOT NULL,
            base_branch TEXT NOT NULL,
            worktree BLOB NOT NULL,
            parent TEXT,
            intent TEXT NOT NULL,
            state TEXT NOT NULL,
            state_since TEXT NOT NULL,
            signed_at TEXT NOT NULL,
            evidence TEXT NOT NULL DEFAULT '',
            created_at TEXT NOT NULL,
            conversation TEXT NOT NULL DEFAULT '',
            model TEXT NOT NULL DEFAULT '',
            head TEXT NOT NULL DEFAULT '',
            commits INTEGER NOT NULL DEFAULT 0,
            files INTEGER NOT NULL DEFAULT 0,
            insertions INTEGER NOT NULL DEFAULT 0,
            deletions INTEGER NOT NULL DEFAULT 0,
            summary TEXT NOT NULL DEFAULT '',
            window TEXT,
            paired INTEGER NOT NULL DEFAULT 0,
            waits_for INTEGER,
            token_hash TEXT NOT NULL DEFAULT '',
            deleted_at TEXT
        )""",
        "CREATE UNIQUE INDEX sessions_by_name ON sessions (name) WHERE deleted_at IS NULL",
        "CREATE UNIQUE INDEX sessions_by_token ON sessions (token_hash) WHERE token_hash <> ''",
    ),
    "0002-messages": (
        """CREATE TABLE messages (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            sender TEXT NOT NULL,
            sender_id INTEGER NOT NULL,
            recipient TEXT NOT NULL,
            recipient_id INTEGER NOT NULL,
            kind TEXT NOT NULL,
            text TEXT NOT NULL,
            sent_at TEXT NOT NULL,
            state TEXT NOT NULL,
            changed_at TEXT NOT NULL,
            answers INTEGER,
            dedupe TEXT,
            UNIQUE (sender, sender_id, dedupe)
        )""",
        "CREATE INDEX messages_by_recipient ON messages (recipient, recipient_id, state)",
    ),
    "0003-events": (
        """CREATE TABLE events (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            session TEXT NOT NULL,
            session_id INTEGER NOT NULL,
            at TEXT NOT NULL,
            kind TEXT NOT NULL,
            text TEXT NOT NULL
        )""",
        "CREATE INDEX events_by_session ON events (session_id, session)",
    ),
    "0004-specs": (
        """CREATE TABLE specs (
            session_id INTEGER NOT NULL,
            session TEXT NOT NULL,
            version INTEGER NOT NULL,
            text TEXT NOT NULL,
            author TEXT NOT NULL,
            at TEXT NOT NULL,
            acknowledged_at TEXT,
            PRIMARY KEY (session_id, session, version)
        )""",
    ),
    "0005-notes": ("CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT NOT NULL)",),
    "0006-steps": (
        """CREATE TABLE steps (
            session_id INTEGER NOT NULL,
            session TEXT NOT NULL,
            step TEXT NOT NULL,
            begun_at TEXT NOT NULL,
            finished_at TEXT,
            PRIMARY KEY (session_id, session, step)
        )""",
    ),
    "0007-deletion": (
        "ALTER TABLE sessions ADD COLUMN forced INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE sessions ADD COLUMN remove_worktree INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE sessions ADD COLUMN anchor TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE sessions ADD COLUMN git_anchor TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE sessions ADD COLUMN restoring INTEGER NOT NULL DEFAULT 0",
    ),
    "0008-requests": (
        """CREATE TABLE requests (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            action TEXT NOT NULL,
            arguments TEXT NOT NULL,
            note TEXT NOT NULL DEFAULT '',
            answer TEXT NOT NULL DEFAULT '',
            begun_at TEXT NOT NULL
        )""",
    ),
    "0009-typed": (
        """CREATE TABLE typed (
            message_id INTEGER PRIMARY KEY,
            session_id INTEGER NOT NULL,
            after_event INTEGER NOT NULL,
            service TEXT NOT NULL,
            fate INTEGER NOT NULL
        )""",
        "CREATE INDEX typed_by_session ON typed (session_id)",
        # What was typed at programs without hooks was kept as the number of the last one.
        """INSERT INTO typed (message_id, session_id, after_event, service, fate)
        SELECT messages.id, sessions.id, 0, '', 1 FROM notes
        JOIN sessions ON notes.key = 'typed.' || sessions.id
        JOIN messages ON messages.recipient_id = sessions.id AND messages.id <= CAST(notes.value AS INTEGER)
        WHERE messages.state = 'queued'""",
        "DELETE FROM notes WHERE key LIKE 'typed.%'",
    ),
    "0010-trouble": ("ALTER TABLE sessions ADD COLUMN trouble TEXT NOT NULL DEFAULT ''",),
    "0011-sent": (
        "CREATE TABLE sent (session_id INTEGER PRIMARY KEY, bytes INTEGER NOT NULL)",
        """INSERT INTO sent (session_id, bytes) SELECT sender_id, SUM(LENGTH(CAST(text AS BLOB))) FROM messages
        WHERE sender_id > 0 GROUP BY sender_id""",
    ),
    "0012-uncounted": ("ALTER TABLE sessions ADD COLUMN uncounted INTEGER NOT NULL DEFAULT 0",),
    # What is there is observed; nobody read which steps had been begun.
    "0013-no-steps": ("DROP TABLE steps",),
    "0014-deliveries": (
        """CREATE TABLE deliveries (
            message_id INTEGER NOT NULL,
            session_id INTEGER NOT NULL,
            channel TEXT NOT NULL,
            fate TEXT NOT NULL,
            offered_at REAL NOT NULL,
            after_event INTEGER NOT NULL,
            service TEXT NOT NULL,
            listener INTEGER NOT NULL,
            PRIMARY KEY (message_id, channel)
        )""",
        "CREATE INDEX deliveries_by_session ON deliveries (session_id)",
        """INSERT INTO deliveries
        SELECT message_id, session_id, 'typed',
            CASE fate WHEN 0 THEN 'offered' WHEN 1 THEN 'no-sign' ELSE 'unknown' END,
            monotonic(), after_event, service, 0
        FROM typed JOIN messages ON messages.id = message_id WHERE state = 'queued'""",
        "DROP TABLE typed",
        # What was in the last reply to a hook, or answer to a listener: [[message, …], whether it was sent]; before
        # that was recorded [message, …].
        """CREATE TEMPORARY TABLE offered AS
        SELECT CAST(SUBSTR(notes.key, 9) AS INTEGER) AS session_id, number.value AS message_id,
            json_type(notes.value, '$[0]') <> 'array' OR json_extract(notes.value, '$[1]') AS sent
        FROM notes, json_each(notes.value, CASE json_type(notes.value, '$[0]') WHEN 'array' THEN '$[0]' ELSE '$' END)
            AS number
        WHERE notes.key LIKE 'offered.%' AND json_valid(notes.value)""",
        # What listeners took: [listener, when, [message, …], [message that was under way then, …]]. When is on two
        # clocks, by version: all of it counts as taken now.
        """INSERT INTO deliveries
        SELECT messages.id, session_id, 'wake', 'sent', monotonic(), 0, '', json_extract(notes.value, '$[0]')
        FROM offered JOIN notes ON notes.key = 'woken.' || session_id
        JOIN json_each(notes.value, '$[2]') AS number ON number.value = message_id
        JOIN messages ON messages.id = message_id AND recipient_id = session_id
        WHERE sent AND state = 'queued'""",
        """INSERT OR IGNORE INTO deliveries
        SELECT messages.id, recipient_id, 'wake', 'passed', monotonic(), 0, '', json_extract(notes.value, '$[0]')
        FROM notes, json_each(notes.value, '$[3]') AS number
        JOIN messages ON messages.id = number.value AND notes.key = 'woken.' || recipient_id
        WHERE notes.key LIKE 'woken.%' AND state = 'queued'""",
        """INSERT INTO deliveries
        SELECT messages.id, session_id, 'hook-reply', CASE WHEN sent THEN 'sent' ELSE 'offered' END,
            monotonic(), 0, '', 0
        FROM offered JOIN messages ON messages.id = message_id AND recipient_id = session_id
        WHERE state = 'queued' AND message_id NOT IN
            (SELECT message_id FROM deliveries WHERE channel = 'wake' AND fate = 'sent')""",
        "DROP TABLE offered",
        "CREATE TABLE prompts (session_id INTEGER PRIMARY KEY, ready_at REAL NOT NULL, line TEXT NOT NULL)",
        """INSERT INTO prompts
        SELECT CAST(SUBSTR(key, 8) AS INTEGER), json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM notes
        WHERE key LIKE 'prompt.%' AND json_valid(value)""",
        "DELETE FROM notes WHERE key LIKE 'offered.%' OR key LIKE 'woken.%' OR key LIKE 'prompt.%'",
    ),
    # Until then the sign stood before the words in one column: "asked: which one?", or alone.
    "0015-evidence": (
        "ALTER TABLE sessions RENAME COLUMN evidence TO evidence_text",
        "ALTER TABLE sessions ADD COLUMN evidence_sign TEXT",
        """UPDATE sessions SET evidence_sign = SUBSTR(evidence_text, 1, INSTR(evidence_text || ': ', ': ') - 1),
        evidence_text = SUBSTR(evidence_text, INSTR(evidence_text || ': ', ': ') + 2)
        WHERE SUBSTR(evidence_text, 1, INSTR(evidence_text || ': ', ': ') - 1) IN (
            'launched', 'ready', 'turn-started', 'tool-used', 'prompted', 'turn-ended', 'turn-failed', 'ended', 'asked',
            'answered', 'completed', 'reported-error', 'exited', 'vanished', 'stopped', 'pane-active', 'pane-quiet'
        )""",
    ),
    "0016-session-notes": (
        "ALTER TABLE sessions ADD COLUMN image TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE sessions ADD COLUMN private_branch TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE sessions ADD COLUMN refusal TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE sessions ADD COLUMN diff_mark TEXT NOT NULL DEFAULT ''",
        # Null where it is not known.
        "ALTER TABLE sessions ADD COLUMN covered TEXT",
        "ALTER TABLE sessions ADD COLUMN cost REAL",
        "ALTER TABLE sessions ADD COLUMN context REAL",
        "ALTER TABLE sessions ADD COLUMN used_model TEXT",
        """UPDATE sessions SET
            image = COALESCE((SELECT value FROM notes WHERE key = 'image.' || id), ''),
            private_branch = COALESCE((SELECT value FROM notes WHERE key = 'private-branch.' || id), ''),
            refusal = COALESCE((SELECT value FROM notes WHERE key = 'refused.' || id), ''),
            diff_mark = COALESCE((SELECT value FROM notes WHERE key = 'diff.' || id), ''),
            covered = (SELECT value FROM notes WHERE key = 'covered.' || id)""",
        """UPDATE sessions SET (cost, context, used_model) = (
            SELECT JSON_EXTRACT(value, '$.cost'), JSON_EXTRACT(value, '$.context'), JSON_EXTRACT(value, '$.model')
            FROM notes WHERE key = 'usage.' || id AND JSON_VALID(value)
        )""",
        """DELETE FROM notes WHERE key LIKE 'image.%' OR key LIKE 'private-branch.%' OR key LIKE 'refused.%'
        OR key LIKE 'diff.%' OR key LIKE 'covered.%' OR key LIKE 'usage.%'""",
    ),
    "0017-workspace": (
        """CREATE TABLE workspace (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            tmux_socket TEXT NOT NULL,
            tmux_session TEXT NOT NULL,
            saved_keys TEXT NOT NULL,
            layout TEXT NOT NULL,
            status_line INTEGER NOT NULL,
            resting INTEGER NOT NULL,
            moved INTEGER NOT NULL,
            sandbox TEXT,
            designer_task TEXT NOT NULL,
            service_port INTEGER,
            landing_session TEXT,
            landing_branch TEXT,
            landing_new TEXT,
            landing_old TEXT
        )""",
        """INSERT INTO workspace SELECT
            1,
            COALESCE(MAX(value) FILTER (WHERE key = 'tmux.socket'), ''),
            COALESCE(MAX(value) FILTER (WHERE key = 'tmux.session'), ''),
            COALESCE(MAX(value) FILTER (WHERE key = 'tmux.saved'), ''),
            COALESCE(MAX(value) FILTER (WHERE key = 'tmux.layout'), ''),
            COUNT(*) FILTER (WHERE key = 'tmux.status' AND value <> ''),
            COUNT(*) FILTER (WHERE key = 'resting' AND value = 'yes'),
            COUNT(*) FILTER (WHERE key = 'containers.moved' AND value = 'yes'),
            MAX(value) FILTER (WHERE key = 'sandbox' AND value IN ('docker', 'host')),
            COALESCE(MAX(value) FILTER (WHERE key = 'designer.task'), ''),
            MAX(CAST(value AS INTEGER)) FILTER (WHERE key = 'service.port' AND value <> ''),
            NULL, NULL, NULL, NULL
        FROM notes""",
        """UPDATE workspace SET (landing_session, landing_branch, landing_new, landing_old) = (
            SELECT json_extract(value, '$.session'), json_extract(value, '$.branch'), json_extract(value, '$.new'),
                json_extract(value, '$.old')
            FROM notes WHERE key = 'landing' AND json_valid(value)
        )""",
        "CREATE TABLE consents (kind TEXT PRIMARY KEY, mark TEXT NOT NULL)",
        """INSERT INTO consents SELECT CASE key WHEN 'consent.config' THEN 'settings' ELSE SUBSTR(key, 9) END, value
        FROM notes WHERE key LIKE 'consent.%'""",
        "DROP TABLE notes",
    ),
    "0018-permissions": (
        """CREATE TABLE permissions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            session_id INTEGER NOT NULL REFERENCES sessions (id),
            key TEXT NOT NULL,
            at TEXT NOT NULL,
            asked TEXT NOT NULL,
            tool TEXT NOT NULL,
            subject TEXT NOT NULL,
            summary TEXT NOT NULL,
            detail TEXT NOT NULL,
            note TEXT NOT NULL DEFAULT '',
            decision TEXT,
            answered_by TEXT,
            answered_at TEXT,
            rule TEXT NOT NULL DEFAULT '',
            reason TEXT NOT NULL DEFAULT '',
            UNIQUE (session_id, key)
        )""",
        "CREATE INDEX permissions_open ON permissions (session_id) WHERE answered_by IS NULL",
        """CREATE TABLE granted (
            session_id INTEGER NOT NULL REFERENCES sessions (id),
            tool TEXT NOT NULL,
            subject TEXT NOT NULL,
            at TEXT NOT NULL,
            PRIMARY KEY (session_id, tool, subject)
        )""",
    ),
    "0020-viewed-files": (
        """CREATE TABLE viewed_files (
            session_id INTEGER NOT NULL,
            path BLOB NOT NULL,
            mark TEXT NOT NULL,
            at TEXT NOT NULL,
            PRIMARY KEY (session_id, path)
        )""",
    ),
    "0021-usage": (
        # A cost or context of 0 was written where an agent had told none.
        "UPDATE sessions SET cost = NULLIF(cost, 0), context = NULLIF(context, 0)",
        "ALTER TABLE sessions ADD COLUMN tokens_in INTEGER",
        "ALTER TABLE sessions ADD COLUMN tokens_out INTEGER",
        "ALTER TABLE sessions ADD COLUMN limited_until TEXT",
        "ALTER TABLE sessions ADD COLUMN stuck TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE sessions ADD COLUMN allowance REAL NOT NULL DEFAULT 0",
        # The last reading of each counter of an agent.
        """CREATE TABLE usage_counters (
            session_id INTEGER NOT NULL,
            counter TEXT NOT NULL,
            cost REAL,
            tokens_in INTEGER,
            tokens_out INTEGER,
            PRIMARY KEY (session_id, counter)
        )""",
        """CREATE TABLE usage_days (
            session_id INTEGER NOT NULL,
            day TEXT NOT NULL,
            cost REAL,
            tokens_in INTEGER,
            tokens_out INTEGER,
            PRIMARY KEY (session_id, day)
        )""",
        "INSERT INTO usage_counters (session_id, counter, cost) SELECT id, '', cost FROM sessions WHERE cost > 0",
        """INSERT INTO usage_days (session_id, day, cost)
        SELECT id, SUBSTR(state_since, 1, 10), cost FROM sessions WHERE cost > 0""",
    ),
    "0022-reviewed": ("ALTER TABLE sessions ADD COLUMN reviewed_at TEXT",),
    # The session's state after an event, and the call of a tool that it tells of; null where it tells nothing.
    "0030-tool-calls": (
        "ALTER TABLE events ADD COLUMN state TEXT",
        "ALTER TABLE events ADD COLUMN outcome TEXT",
        "ALTER TABLE events ADD COLUMN tool TEXT",
        "ALTER TABLE events ADD COLUMN subject TEXT",
        "ALTER TABLE events ADD COLUMN call_key TEXT",
        "ALTER TABLE events ADD COLUMN exit_code INTEGER",
        "ALTER TABLE events ADD COLUMN passed INTEGER",
        "ALTER TABLE events ADD COLUMN failed INTEGER",
        "CREATE INDEX messages_by_sender ON messages (sender_id, sender)",
    ),
    "0032-model-summaries": (
        """CREATE TABLE model_summaries (
            session_id INTEGER PRIMARY KEY,
            tried_at TEXT NOT NULL,
            seen TEXT NOT NULL,
            under_way INTEGER NOT NULL,
            at TEXT,
            lines TEXT NOT NULL DEFAULT '[]',
            drift TEXT NOT NULL DEFAULT '',
            profile TEXT NOT NULL DEFAULT '',
            trouble TEXT NOT NULL DEFAULT ''
        )""",
        """CREATE TABLE monitor_days (
            day TEXT PRIMARY KEY,
            calls INTEGER NOT NULL,
            cost REAL,
            tokens_in INTEGER,
            tokens_out INTEGER
        )""",
    ),
    **LATER,
}
"""The steps; a released step is never edited, only followed by another."""
