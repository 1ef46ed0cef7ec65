-- A database of schema version 1, as the release that had it wrote it: one task in each state.
PRAGMA application_id = 1112886347;
BEGIN TRANSACTION;
CREATE TABLE admissions (
  sequence INTEGER PRIMARY KEY REFERENCES tasks ON DELETE CASCADE,
  sandbox  TEXT NOT NULL,
  warnings TEXT NOT NULL
) STRICT;
INSERT INTO "admissions" VALUES(1,'{"profile":"standard","isolation":"userns","privilege":"root-capless","network":"none","rootfs":"ephemeral","compat":[],"limits":{"cpuCores":0.5,"memoryBytes":2147483648,"diskBytes":10737418240,"diskInodes":100000,"pids":512,"openFiles":4096,"logBytes":1048576,"wallTimeMs":null,"queueTimeMs":3600000}}','[]');
INSERT INTO "admissions" VALUES(2,'{"profile":"standard","isolation":"userns","privilege":"root-capless","network":"none","rootfs":"ephemeral","compat":[],"limits":{"cpuCores":0.5,"memoryBytes":2147483648,"diskBytes":10737418240,"diskInodes":100000,"pids":512,"openFiles":4096,"logBytes":1048576,"wallTimeMs":null,"queueTimeMs":3600000}}','[]');
INSERT INTO "admissions" VALUES(3,'{"profile":"standard","isolation":"userns","privilege":"root-capless","network":"none","rootfs":"ephemeral","compat":[],"limits":{"cpuCores":0.5,"memoryBytes":2147483648,"diskBytes":10737418240,"diskInodes":100000,"pids":512,"openFiles":4096,"logBytes":1048576,"wallTimeMs":null,"queueTimeMs":3600000}}','[]');
INSERT INTO "admissions" VALUES(4,'{"profile":"standard","isolation":"userns","privilege":"root-capless","network":"none","rootfs":"ephemeral","compat":[],"limits":{"cpuCores":0.5,"memoryBytes":2147483648,"diskBytes":10737418240,"diskInodes":100000,"pids":512,"openFiles":4096,"logBytes":1048576,"wallTimeMs":null,"queueTimeMs":3600000}}','[]');
INSERT INTO "admissions" VALUES(5,'{"profile":"standard","isolation":"userns","privilege":"root-capless","network":"none","rootfs":"ephemeral","compat":[],"limits":{"cpuCores":0.5,"memoryBytes":2147483648,"diskBytes":10737418240,"diskInodes":100000,"pids":512,"openFiles":4096,"logBytes":1048576,"wallTimeMs":null,"queueTimeMs":3600000}}','[]');
INSERT INTO "admissions" VALUES(6,'{"profile":"standard","isolation":"userns","privilege":"root-capless","network":"none","rootfs":"ephemeral","compat":[],"limits":{"cpuCores":0.5,"memoryBytes":2147483648,"diskBytes":10737418240,"diskInodes":100000,"pids":512,"openFiles":4096,"logBytes":1048576,"wallTimeMs":null,"queueTimeMs":3600000}}','[]');
INSERT INTO "admissions" VALUES(7,'{"profile":"standard","isolation":"userns","privilege":"root-capless","network":"none","rootfs":"ephemeral","compat":[],"limits":{"cpuCores":0.5,"memoryBytes":2147483648,"diskBytes":10737418240,"diskInodes":100000,"pids":512,"openFiles":4096,"logBytes":1048576,"wallTimeMs":null,"queueTimeMs":3600000}}','[]');
INSERT INTO "admissions" VALUES(8,'{"profile":"standard","isolation":"userns","privilege":"root-capless","network":"none","rootfs":"ephemeral","compat":[],"limits":{"cpuCores":0.5,"memoryBytes":2147483648,"diskBytes":10737418240,"diskInodes":100000,"pids":512,"openFiles":4096,"logBytes":1048576,"wallTimeMs":null,"queueTimeMs":3600000}}','[]');
CREATE TABLE attempt_texts (
  sequence INTEGER NOT NULL,
  number   INTEGER NOT NULL,
  part     TEXT    NOT NULL, -- `system`, `0.stdout`, `0.stderr`, `1.stdout` …
  body     TEXT    NOT NULL,
  PRIMARY KEY (sequence, number, part),
  FOREIGN KEY (sequence, number) REFERENCES attempts ON DELETE CASCADE
) STRICT;
INSERT INTO "attempt_texts" VALUES(2,1,'system','["pulled"]');
INSERT INTO "attempt_texts" VALUES(3,1,'system','["pulled"]');
INSERT INTO "attempt_texts" VALUES(4,1,'system','["pulled"]');
INSERT INTO "attempt_texts" VALUES(5,1,'system','["pulled"]');
INSERT INTO "attempt_texts" VALUES(8,1,'system','["pulled"]');
CREATE TABLE attempts (
  sequence INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE,
  number   INTEGER NOT NULL,
  body     TEXT    NOT NULL,
  PRIMARY KEY (sequence, number)
) STRICT;
INSERT INTO "attempts" VALUES(2,1,'{"startedAt":1700000001000,"outputs":[],"metadata":{},"handle":{"backend":"oci","id":"initializing-1"},"executors":[]}');
INSERT INTO "attempts" VALUES(3,1,'{"startedAt":1700000001000,"outputs":[],"metadata":{},"handle":{"backend":"oci","id":"running-1"},"executors":[]}');
INSERT INTO "attempts" VALUES(4,1,'{"startedAt":1700000001000,"outputs":[],"metadata":{},"handle":{"backend":"oci","id":"complete-1"},"executors":[]}');
INSERT INTO "attempts" VALUES(5,1,'{"startedAt":1700000001000,"outputs":[],"metadata":{},"handle":{"backend":"oci","id":"executor_error-1"},"executors":[]}');
INSERT INTO "attempts" VALUES(8,1,'{"startedAt":1700000001000,"outputs":[],"metadata":{},"handle":{"backend":"oci","id":"canceling-1"},"executors":[]}');
CREATE TABLE contents (
  sequence INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE,
  input    INTEGER NOT NULL, -- position in the document's inputs
  body     TEXT    NOT NULL,
  PRIMARY KEY (sequence, input)
) STRICT;
CREATE TABLE documents (
  sequence INTEGER PRIMARY KEY REFERENCES tasks ON DELETE CASCADE,
  body     TEXT NOT NULL
) STRICT;
INSERT INTO "documents" VALUES(1,'{"name":"align","executors":[{"image":"alpine","command":["true"]}]}');
INSERT INTO "documents" VALUES(2,'{"name":"align","executors":[{"image":"alpine","command":["true"]}]}');
INSERT INTO "documents" VALUES(3,'{"name":"align","executors":[{"image":"alpine","command":["true"]}]}');
INSERT INTO "documents" VALUES(4,'{"name":"align","executors":[{"image":"alpine","command":["true"]}]}');
INSERT INTO "documents" VALUES(5,'{"name":"align","executors":[{"image":"alpine","command":["true"]}]}');
INSERT INTO "documents" VALUES(6,'{"name":"align","executors":[{"image":"alpine","command":["true"]}]}');
INSERT INTO "documents" VALUES(7,'{"name":"align","executors":[{"image":"alpine","command":["true"]}]}');
INSERT INTO "documents" VALUES(8,'{"name":"align","executors":[{"image":"alpine","command":["true"]}]}');
CREATE TABLE events (
  sequence   INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE,
  step       INTEGER NOT NULL, -- from 1
  at         INTEGER NOT NULL,
  from_state TEXT,             -- null for the creation
  to_state   TEXT    NOT NULL,
  reason     TEXT,
  PRIMARY KEY (sequence, step)
) STRICT, WITHOUT ROWID;
INSERT INTO "events" VALUES(1,1,1700000000000,NULL,'QUEUED',NULL);
INSERT INTO "events" VALUES(2,1,1700000000000,NULL,'QUEUED',NULL);
INSERT INTO "events" VALUES(2,2,1700000000001,'QUEUED','INITIALIZING',NULL);
INSERT INTO "events" VALUES(3,1,1700000000000,NULL,'QUEUED',NULL);
INSERT INTO "events" VALUES(3,2,1700000000001,'QUEUED','INITIALIZING',NULL);
INSERT INTO "events" VALUES(3,3,1700000000001,'INITIALIZING','RUNNING',NULL);
INSERT INTO "events" VALUES(4,1,1700000000000,NULL,'QUEUED',NULL);
INSERT INTO "events" VALUES(4,2,1700000000001,'QUEUED','INITIALIZING',NULL);
INSERT INTO "events" VALUES(4,3,1700000000001,'INITIALIZING','RUNNING',NULL);
INSERT INTO "events" VALUES(4,4,1700000000001,'RUNNING','COMPLETE',NULL);
INSERT INTO "events" VALUES(5,1,1700000000000,NULL,'QUEUED',NULL);
INSERT INTO "events" VALUES(5,2,1700000000001,'QUEUED','INITIALIZING',NULL);
INSERT INTO "events" VALUES(5,3,1700000000001,'INITIALIZING','EXECUTOR_ERROR',NULL);
INSERT INTO "events" VALUES(6,1,1700000000000,NULL,'QUEUED',NULL);
INSERT INTO "events" VALUES(6,2,1700000000001,'QUEUED','SYSTEM_ERROR',NULL);
INSERT INTO "events" VALUES(7,1,1700000000000,NULL,'QUEUED',NULL);
INSERT INTO "events" VALUES(7,2,1700000000001,'QUEUED','CANCELED',NULL);
INSERT INTO "events" VALUES(8,1,1700000000000,NULL,'QUEUED',NULL);
INSERT INTO "events" VALUES(8,2,1700000000001,'QUEUED','INITIALIZING',NULL);
INSERT INTO "events" VALUES(8,3,1700000000001,'INITIALIZING','CANCELING',NULL);
CREATE TABLE schema_version (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL) STRICT;
INSERT INTO "schema_version" VALUES(1,'0001-tasks.sql','2026-11-24T07:27:58Z');
CREATE TABLE tags (
  key      TEXT    NOT NULL,
  value    TEXT    NOT NULL,
  sequence INTEGER NOT NULL,
  PRIMARY KEY (key, value, sequence)
) STRICT, WITHOUT ROWID;
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
INSERT INTO "tasks" VALUES(1,'queued','alice','QUEUED',1700000000000,NULL,'align','key-queued','9135567caa3a74b057b4310c06c520a8ee9b08ef7175e94ec12b19420d27a873');
INSERT INTO "tasks" VALUES(2,'initializing','alice','INITIALIZING',1700000000000,NULL,'align','key-initializing','9135567caa3a74b057b4310c06c520a8ee9b08ef7175e94ec12b19420d27a873');
INSERT INTO "tasks" VALUES(3,'running','alice','RUNNING',1700000000000,NULL,'align','key-running','9135567caa3a74b057b4310c06c520a8ee9b08ef7175e94ec12b19420d27a873');
INSERT INTO "tasks" VALUES(4,'complete','alice','COMPLETE',1700000000000,1700000000001,'align','key-complete','9135567caa3a74b057b4310c06c520a8ee9b08ef7175e94ec12b19420d27a873');
INSERT INTO "tasks" VALUES(5,'executor_error','alice','EXECUTOR_ERROR',1700000000000,1700000000001,'align','key-executor_error','9135567caa3a74b057b4310c06c520a8ee9b08ef7175e94ec12b19420d27a873');
INSERT INTO "tasks" VALUES(6,'system_error','alice','SYSTEM_ERROR',1700000000000,1700000000001,'align','key-system_error','9135567caa3a74b057b4310c06c520a8ee9b08ef7175e94ec12b19420d27a873');
INSERT INTO "tasks" VALUES(7,'canceled','alice','CANCELED',1700000000000,1700000000001,'align','key-canceled','9135567caa3a74b057b4310c06c520a8ee9b08ef7175e94ec12b19420d27a873');
INSERT INTO "tasks" VALUES(8,'canceling','alice','CANCELING',1700000000000,NULL,'align','key-canceling','9135567caa3a74b057b4310c06c520a8ee9b08ef7175e94ec12b19420d27a873');
CREATE UNIQUE INDEX tasks_id ON tasks (id);
CREATE INDEX tasks_owner ON tasks (owner);
CREATE INDEX tasks_state ON tasks (state);
CREATE INDEX tasks_name ON tasks (name) WHERE name <> '';
CREATE INDEX tasks_ended ON tasks (ended_at) WHERE ended_at IS NOT NULL;
CREATE UNIQUE INDEX tasks_idempotency ON tasks (owner, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX tags_key ON tags (key, sequence);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('tasks',8);
COMMIT;
