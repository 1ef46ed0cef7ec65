-- Who may write to a task that is under way. A token is given once in the life of a store (AUTOINCREMENT), so that it
-- tells a claim from every earlier one, also of a task whose lease is gone. As many rows as tasks are under way: a scan of
-- them needs no further index.
CREATE TABLE leases (
  token      INTEGER PRIMARY KEY AUTOINCREMENT,
  sequence   INTEGER NOT NULL UNIQUE REFERENCES tasks ON DELETE CASCADE,
  holder     TEXT    NOT NULL,
  expires_at INTEGER NOT NULL -- milliseconds since 1970
) STRICT;
