import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { BulkheadError } from '../../errors.ts';
import { prepareGroupCommit } from './group-commit.ts';

function setUp() {
  const database = new DatabaseSync(':memory:');
  database.exec('CREATE TABLE numbers (value INTEGER PRIMARY KEY)');
  const insert = database.prepare('INSERT INTO numbers VALUES (?)');
  const runGroup = prepareGroupCommit(database, 'x.db');
  const values = () =>
    database
      .prepare('SELECT value FROM numbers ORDER BY value')
      .all()
      .map((row) => row['value']);
  const work = (number: number, run: () => unknown = () => insert.run(number).changes) => ({ number, run });
  return { database, insert, runGroup, values, work };
}

test('one that fails undoes all of itself and nothing of the others', () => {
  const { insert, runGroup, values, work } = setUp();
  const failing = work(2, () => {
    insert.run(200);
    throw new BulkheadError('conflict', 'no', { fields: [{ field: '/a', problem: 'b' }] });
  });
  expect(runGroup([work(1), failing, work(3)])).toEqual([
    { number: 1, value: 1 },
    { number: 2, failure: { code: 'conflict', message: 'no', fields: [{ field: '/a', problem: 'b' }] } },
    { number: 3, value: 1 },
  ]);
  expect(values()).toEqual([1, 3]);
});

test('where the transaction as a whole is lost, each is run alone', () => {
  const { database, runGroup, values, work } = setUp();
  const fatal = work(2, () => {
    database.exec('ROLLBACK');
    throw new Error('the disk is full');
  });
  const answers = runGroup([work(1), fatal, work(3)]);
  expect(answers.map((answer) => 'failure' in answer)).toEqual([false, true, false]);
  expect(values()).toEqual([1, 3]);
  expect(runGroup([work(4)])).toEqual([{ number: 4, value: 1 }]);
});

test('a long group is committed and answered in parts', () => {
  const { database, runGroup, values, work } = setUp();
  const slow = (number: number) =>
    work(number, () => {
      const end = performance.now() + 3;
      while (performance.now() < end);
      database.exec(`INSERT INTO numbers VALUES (${number})`);
    });
  const answers = runGroup([slow(1), slow(2), slow(3), slow(4), slow(5)]);
  expect(answers.length).toBeLessThan(5);
  expect(values()).toEqual(answers.map(({ number }) => number));
});
