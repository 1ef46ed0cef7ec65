import type { DatabaseSync } from 'node:sqlite';
import { BulkheadError } from '../../errors.ts';
import type { CreateInput } from './messages.ts';

/** Inserts a QUEUED task with all that belongs to it, or finds the one of the same idempotency key. */
export function prepareCreate(
  database: DatabaseSync,
): (task: CreateInput) => { id: string; replayed: boolean } {
  const findReplay = database.prepare(
    'SELECT id, document_sha256 FROM tasks WHERE owner = ? AND idempotency_key = ?',
  );
  const insertTask = database.prepare(
    `INSERT INTO tasks (id, owner, state, created_at, name, idempotency_key, document_sha256)
     VALUES (?, ?, 'QUEUED', ?, ?, ?, ?)`,
  );
  const insertAdmission = database.prepare('INSERT INTO admissions VALUES (?, ?, ?)');
  const insertDocument = database.prepare('INSERT INTO documents VALUES (?, ?)');
  const insertContent = database.prepare('INSERT INTO contents VALUES (?, ?, ?)');
  const insertTag = database.prepare('INSERT INTO tags VALUES (?, ?, ?)');
  const insertEvent = database.prepare("INSERT INTO events VALUES (?, 1, ?, NULL, 'QUEUED', NULL)");

  function replay(owner: string, key: string, sha256: string): string | undefined {
    const row = findReplay.get(owner, key);
    if (row === undefined) return undefined;
    if (row['document_sha256'] === sha256) return String(row['id']);
    throw new BulkheadError(
      'conflict',
      `The idempotency key "${key}" was used for another document, which became task ${String(row['id'])}. Send the same document again, or a new key.`,
    );
  }

  return (task) => {
    const { idempotency } = task;
    if (idempotency !== undefined) {
      const id = replay(task.owner, idempotency.key, idempotency.sha256);
      if (id !== undefined) return { id, replayed: true };
    }
    const { lastInsertRowid: sequence } = insertTask.run(
      task.id,
      task.owner,
      task.createdAt,
      task.name,
      idempotency?.key ?? null,
      idempotency?.sha256 ?? null,
    );
    insertAdmission.run(sequence, task.sandbox, task.warnings);
    insertDocument.run(sequence, task.document);
    for (const { input, body } of task.contents) insertContent.run(sequence, input, body);
    for (const { key, value } of task.tags) insertTag.run(key, value, sequence);
    insertEvent.run(sequence, task.createdAt);
    return { id: task.id, replayed: false };
  };
}
