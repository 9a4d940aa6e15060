BEGIN TRANSACTION;
CREATE TABLE events (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            session TEXT NOT NULL,
            session_id INTEGER NOT NULL,
            at TEXT NOT NULL,
            kind TEXT NOT NULL,
            text TEXT NOT NULL
        );
INSERT INTO "events" VALUES(1,'login',2,'2026-03-04T05:06:18.891011+00:00','launched','claude starts');
INSERT INTO "events" VALUES(2,'login',2,'2026-03-04T05:06:20.891011+00:00','turn-started','a turn');
INSERT INTO "events" VALUES(3,'login',2,'2026-03-04T05:06:23.891011+00:00','tool-used','Edit app.py');
INSERT INTO "events" VALUES(4,'kelvin',3,'2026-03-04T05:06:26.891011+00:00','asked','which scale?');
CREATE TABLE messages (
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
        );
INSERT INTO "messages" VALUES(1,'kelvin',3,'main',1,'question','QUESTION: which scale?','2026-03-04T05:06:25.891011+00:00','queued','2026-03-04T05:06:25.891011+00:00',NULL,NULL);
INSERT INTO "messages" VALUES(2,'main',1,'login',2,'message','read','2026-03-04T05:06:29.891011+00:00','read','2026-03-04T05:06:30.891011+00:00',NULL,NULL);
INSERT INTO "messages" VALUES(3,'user',0,'login',2,'message','delivered
in two lines','2026-03-04T05:06:31.891011+00:00','delivered','2026-03-04T05:06:32.891011+00:00',NULL,NULL);
INSERT INTO "messages" VALUES(4,'user',0,'login',2,'message','queued','2026-03-04T05:06:33.891011+00:00','queued','2026-03-04T05:06:33.891011+00:00',NULL,'k1');
INSERT INTO "messages" VALUES(5,'gone',5,'main',1,'complete','COMPLETE: done','2026-03-04T05:06:34.891011+00:00','queued','2026-03-04T05:06:34.891011+00:00',NULL,NULL);
INSERT INTO "messages" VALUES(6,'login',2,'user',0,'error','ERROR: no','2026-03-04T05:06:35.891011+00:00','queued','2026-03-04T05:06:35.891011+00:00',NULL,NULL);
CREATE TABLE migrations (name TEXT PRIMARY KEY, taken_at TEXT NOT NULL);
INSERT INTO "migrations" VALUES('0001-sessions','2026-03-04T05:06:08.891011+00:00');
INSERT INTO "migrations" VALUES('0002-messages','2026-03-04T05:06:08.891011+00:00');
INSERT INTO "migrations" VALUES('0003-events','2026-03-04T05:06:08.891011+00:00');
INSERT INTO "migrations" VALUES('0004-specs','2026-03-04T05:06:08.891011+00:00');
INSERT INTO "migrations" VALUES('0005-notes','2026-03-04T05:06:08.891011+00:00');
INSERT INTO "migrations" VALUES('0006-steps','2026-03-04T05:06:08.891011+00:00');
INSERT INTO "migrations" VALUES('0007-deletion','2026-03-04T05:06:07.891011+00:00');
INSERT INTO "migrations" VALUES('0008-requests','2026-03-04T05:06:07.891011+00:00');
INSERT INTO "migrations" VALUES('0009-typed','2026-03-04T05:06:07.891011+00:00');
INSERT INTO "migrations" VALUES('0010-trouble','2026-03-04T05:06:07.891011+00:00');
INSERT INTO "migrations" VALUES('0011-sent','2026-03-04T05:06:07.891011+00:00');
INSERT INTO "migrations" VALUES('0012-uncounted','2026-03-04T05:06:07.891011+00:00');
INSERT INTO "migrations" VALUES('0013-no-steps','2026-03-04T05:06:07.891011+00:00');
CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "notes" VALUES('tmux.socket','/tmp/tmux-1000/orchestra');
INSERT INTO "notes" VALUES('tmux.session','$0');
INSERT INTO "notes" VALUES('service.port','41234');
INSERT INTO "notes" VALUES('consent.config','h');
INSERT INTO "notes" VALUES('image.2','orchestra/x:1');
INSERT INTO "notes" VALUES('sandbox','docker');
INSERT INTO "notes" VALUES('resting','yes');
INSERT INTO "notes" VALUES('woken.1','[3, 812.25, [5], [1]]');
INSERT INTO "notes" VALUES('offered.1','[[5], true]');
INSERT INTO "notes" VALUES('offered.2','');
INSERT INTO "notes" VALUES('woken.3','[1, 1764000000.5, [9]]');
INSERT INTO "notes" VALUES('offered.3','');
INSERT INTO "notes" VALUES('prompt.4','[1772600783.25, "agent> "]');
INSERT INTO "notes" VALUES('tmux.saved','{"O": "bind-key -T prefix O display-message mine"}');
INSERT INTO "notes" VALUES('tmux.layout','left');
INSERT INTO "notes" VALUES('tmux.status','yes');
INSERT INTO "notes" VALUES('designer.task','Design the tempo.
In two lines, with ünïcode.');
INSERT INTO "notes" VALUES('containers.moved','yes');
INSERT INTO "notes" VALUES('landing','{"session": "login", "branch": "main", "new": "dddddddddddddddddddddddddddddddddddddddd", "old": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}');
INSERT INTO "notes" VALUES('consent.image','i');
INSERT INTO "notes" VALUES('consent.agents','g');
INSERT INTO "notes" VALUES('consent.instructions','n');
INSERT INTO "notes" VALUES('consent.check','make test');
INSERT INTO "notes" VALUES('covered.1','["sub", "caf\udce9"]');
INSERT INTO "notes" VALUES('covered.3','[]');
INSERT INTO "notes" VALUES('usage.2','{"cost": 1.5, "context": 42.0, "model": "opus"}');
INSERT INTO "notes" VALUES('private-branch.2','orchestra/log-in');
INSERT INTO "notes" VALUES('refused.2','it holds a pipe');
INSERT INTO "notes" VALUES('diff.2','mark-2');
CREATE TABLE requests (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            action TEXT NOT NULL,
            arguments TEXT NOT NULL,
            note TEXT NOT NULL DEFAULT '',
            answer TEXT NOT NULL DEFAULT '',
            begun_at TEXT NOT NULL
        );
CREATE TABLE sent (session_id INTEGER PRIMARY KEY, bytes INTEGER NOT NULL);
INSERT INTO "sent" VALUES(1,4);
INSERT INTO "sent" VALUES(2,9);
INSERT INTO "sent" VALUES(3,22);
INSERT INTO "sent" VALUES(5,14);
CREATE TABLE sessions (
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
        , forced INTEGER NOT NULL DEFAULT 0, remove_worktree INTEGER NOT NULL DEFAULT 0, anchor TEXT NOT NULL DEFAULT '', git_anchor TEXT NOT NULL DEFAULT '', restoring INTEGER NOT NULL DEFAULT 0, trouble TEXT NOT NULL DEFAULT '', uncounted INTEGER NOT NULL DEFAULT 0);
INSERT INTO "sessions" VALUES(1,'main','tempo','designer','claude','docker','main','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','main',X'2F686F6D652F6164612F74656D706F',NULL,'run','starting','2026-03-04T05:06:09.891011+00:00','2026-03-04T05:06:09.891011+00:00','','2026-03-04T05:06:09.891011+00:00','c-main','m','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',0,0,0,0,'',NULL,0,NULL,'hash-main',NULL,0,0,'','',0,'',0);
INSERT INTO "sessions" VALUES(2,'login','Login','executor','claude','docker','orchestra/login','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','main',X'2F686F6D652F6164612F2E6F72636865737472612F776F726B74726565732F74656D706F2F6C6F67696E','main','run','working','2026-03-04T05:06:22.891011+00:00','2026-03-04T05:06:24.891011+00:00','tool-used: Edit app.py','2026-03-04T05:06:10.891011+00:00','c-login','m','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',3,2,10,4,'Edit app.py','@3',0,NULL,'hash-login',NULL,0,0,'','',0,'',0);
INSERT INTO "sessions" VALUES(3,'kelvin','Kelvin','executor','claude','docker','orchestra/kelvin','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','main',X'2F686F6D652F6164612F2E6F72636865737472612F776F726B74726565732F74656D706F2F6B656C76696E','main','run','waiting','2026-03-04T05:06:28.891011+00:00','2026-03-04T05:06:27.891011+00:00','asked: which scale?','2026-03-04T05:06:11.891011+00:00','c-kelvin','m','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',0,0,0,0,'',NULL,1,1,'hash-kelvin',NULL,0,0,'','',0,'',0);
INSERT INTO "sessions" VALUES(4,'rest','Rest','executor','rehearsal','host','orchestra/rest','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','main',X'2F686F6D652F6164612F2E6F72636865737472612F776F726B74726565732F74656D706F2F72657374','main','stop','starting','2026-03-04T05:06:12.891011+00:00','2026-03-04T05:06:12.891011+00:00','','2026-03-04T05:06:12.891011+00:00','c-rest','m','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',0,0,0,0,'',NULL,0,NULL,'hash-rest',NULL,0,0,'','',0,'',0);
INSERT INTO "sessions" VALUES(5,'gone','Gone','executor','claude','docker','orchestra/gone','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','main',X'2F686F6D652F6164612F2E6F72636865737472612F776F726B74726565732F74656D706F2F636166E9','main','delete','starting','2026-03-04T05:06:13.891011+00:00','2026-03-04T05:06:13.891011+00:00','','2026-03-04T05:06:13.891011+00:00','c-gone','m','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',0,0,0,0,'',NULL,0,NULL,'','2026-03-04T05:06:39.891011+00:00',0,0,'','',0,'',0);
CREATE TABLE specs (
            session_id INTEGER NOT NULL,
            session TEXT NOT NULL,
            version INTEGER NOT NULL,
            text TEXT NOT NULL,
            author TEXT NOT NULL,
            at TEXT NOT NULL,
            acknowledged_at TEXT,
            PRIMARY KEY (session_id, session, version)
        );
INSERT INTO "specs" VALUES(2,'login',1,'Make the login work.
','main','2026-03-04T05:06:14.891011+00:00','2026-03-04T05:06:16.891011+00:00');
INSERT INTO "specs" VALUES(2,'login',2,'Make the login work, with ünïcode.
','user','2026-03-04T05:06:15.891011+00:00',NULL);
INSERT INTO "specs" VALUES(5,'gone',1,'Gone.','main','2026-03-04T05:06:17.891011+00:00',NULL);
CREATE TABLE typed (
            message_id INTEGER PRIMARY KEY,
            session_id INTEGER NOT NULL,
            after_event INTEGER NOT NULL,
            service TEXT NOT NULL,
            fate INTEGER NOT NULL
        );
INSERT INTO "typed" VALUES(4,2,3,'an earlier service',0);
CREATE UNIQUE INDEX sessions_by_name ON sessions (name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX sessions_by_token ON sessions (token_hash) WHERE token_hash <> '';
CREATE INDEX messages_by_recipient ON messages (recipient, recipient_id, state);
CREATE INDEX events_by_session ON events (session_id, session);
CREATE INDEX typed_by_session ON typed (session_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('sessions',5);
INSERT INTO "sqlite_sequence" VALUES('events',4);
INSERT INTO "sqlite_sequence" VALUES('messages',6);
COMMIT;
