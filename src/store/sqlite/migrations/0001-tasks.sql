-- `tasks` is narrow, so that a list that must look at every task reads little: about 100 bytes a row.
-- AUTOINCREMENT, so that a sequence is never used again after a purge: page tokens and the queue rely on it.
CREATE TABLE tasks (
  sequence        INTEGER PRIMARY KEY AUTOINCREMENT,
  id              TEXT    NOT NULL,
  owner           TEXT    NOT NULL,
  state           TEXT    NOT NULL,
  created_at      INTEGER NOT NULL, -- milliseconds since 1970
  ended_at        INTEGER,
  name            TEXT    NOT NULL, -- empty where the document has none
  idempotency_key TEXT,
  document_sha256 TEXT              -- of the canonical document, in hex; only with an idempotency key
) STRICT;

CREATE UNIQUE INDEX tasks_id ON tasks (id);
CREATE INDEX tasks_owner ON tasks (owner);
CREATE INDEX tasks_state ON tasks (state);
CREATE INDEX tasks_name ON tasks (name) WHERE name <> '';
CREATE INDEX tasks_ended ON tasks (ended_at) WHERE ended_at IS NOT NULL;
CREATE UNIQUE INDEX tasks_idempotency ON tasks (owner, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- What admission decided. Every body in this file is JSON, also where it is one string: a string with a NUL or
-- with half of a surrogate pair comes back as it was.
CREATE TABLE admissions (
  sequence INTEGER PRIMARY KEY REFERENCES tasks ON DELETE CASCADE,
  sandbox  TEXT NOT NULL,
  warnings TEXT NOT NULL
) STRICT;

-- The task's document without the `content` of its inputs.
CREATE TABLE documents (
  sequence INTEGER PRIMARY KEY REFERENCES tasks ON DELETE CASCADE,
  body     TEXT NOT NULL
) STRICT;

CREATE TABLE contents (
  sequence INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE,
  input    INTEGER NOT NULL, -- position in the document's inputs
  body     TEXT    NOT NULL,
  PRIMARY KEY (sequence, input)
) STRICT;

-- Both orders of this table end in the sequence, so that lists of several tags merge. There is no foreign key, for
-- it would need a third index: purging deletes the rows by name.
CREATE TABLE tags (
  key      TEXT    NOT NULL,
  value    TEXT    NOT NULL,
  sequence INTEGER NOT NULL,
  PRIMARY KEY (key, value, sequence)
) STRICT, WITHOUT ROWID;

CREATE INDEX tags_key ON tags (key, sequence);

-- An attempt without its texts: those are apart, so that lists don't read them.
CREATE TABLE attempts (
  sequence INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE,
  number   INTEGER NOT NULL,
  body     TEXT    NOT NULL,
  PRIMARY KEY (sequence, number)
) STRICT;

CREATE TABLE attempt_texts (
  sequence INTEGER NOT NULL,
  number   INTEGER NOT NULL,
  part     TEXT    NOT NULL, -- `system`, `0.stdout`, `0.stderr`, `1.stdout` …
  body     TEXT    NOT NULL,
  PRIMARY KEY (sequence, number, part),
  FOREIGN KEY (sequence, number) REFERENCES attempts ON DELETE CASCADE
) STRICT;

CREATE TABLE events (
  sequence   INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE,
  step       INTEGER NOT NULL, -- from 1
  at         INTEGER NOT NULL,
  from_state TEXT,             -- null for the creation
  to_state   TEXT    NOT NULL,
  reason     TEXT,
  PRIMARY KEY (sequence, step)
) STRICT, WITHOUT ROWID;
