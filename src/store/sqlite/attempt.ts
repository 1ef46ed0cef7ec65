import type { DatabaseSync } from 'node:sqlite';
import { BulkheadError } from '../../errors.ts';
import { prepareFencedFind } from './fence.ts';
import type { AttemptInput } from './messages.ts';

/**
 * Inserts or replaces one attempt as a whole. A row that is the same is left alone: an attempt is saved often, and
 * the texts of its earlier executors are large and don't change any more.
 */
export function prepareSaveAttempt(
  database: DatabaseSync,
): (sequence: number, attempt: AttemptInput) => void {
  const putAttempt = database.prepare(
    `INSERT INTO attempts VALUES (?, ?, ?)
     ON CONFLICT (sequence, number) DO UPDATE SET body = excluded.body WHERE body <> excluded.body`,
  );
  const putText = database.prepare(
    `INSERT INTO attempt_texts VALUES (?, ?, ?, ?)
     ON CONFLICT (sequence, number, part) DO UPDATE SET body = excluded.body WHERE body <> excluded.body`,
  );
  const dropTexts = database.prepare(
    `DELETE FROM attempt_texts WHERE sequence = ? AND number = ? AND part NOT IN (SELECT value FROM json_each(?))`,
  );

  return (sequence, { number, body, texts }) => {
    putAttempt.run(sequence, number, body);
    dropTexts.run(sequence, number, JSON.stringify(texts.map((text) => text.part)));
    for (const text of texts) putText.run(sequence, number, text.part, text.body);
  };
}

export function prepareSaveAttemptOf(
  database: DatabaseSync,
): (input: { id: string; attempt: AttemptInput; token?: number }) => undefined {
  const find = prepareFencedFind(database);
  const save = prepareSaveAttempt(database);

  return ({ id, attempt, token }) => {
    const sequence = find(id, token);
    if (sequence === undefined) {
      throw new BulkheadError(
        'not-found',
        `Attempt ${attempt.number} can't be saved: there is no task ${id}.`,
      );
    }
    save(sequence, attempt);
  };
}
