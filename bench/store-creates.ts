/** Durable creates a second, beside what the disk and SQLite alone do with the same group size. */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { NewTask, Store } from '../src/store/store.ts';
import type { Measurement } from './measurement.ts';

const AIM_PER_SECOND = 3_000;

export async function measureCreates(
  store: Store,
  folder: string,
  newTask: () => NewTask,
  durationMs: number,
): Promise<Measurement[]> {
  const rows: Measurement[] = [];
  for (const inFlight of IN_FLIGHT) {
    const bare = insertsPerSecond(
      join(folder, `bare-${inFlight}.db`),
      inFlight,
      JSON.stringify(newTask()),
      durationMs / 3,
    );
    rows.push({
      what: `durable creates, ${inFlight} in flight`,
      value: await createsPerSecond(store, inFlight, newTask, durationMs),
      unit: '/s',
      beside: { what: `bare inserts of one row, ${inFlight} in a transaction`, value: bare },
      ...(inFlight === Math.max(...IN_FLIGHT) ? { target: { of: 'value', atLeast: AIM_PER_SECOND } } : {}),
    });
  }
  return rows;
}

const IN_FLIGHT = [1, 16, 128] as const;

export async function createsPerSecond(
  store: Store,
  inFlight: number,
  newTask: () => NewTask,
  durationMs: number,
): Promise<number> {
  const end = performance.now() + durationMs;
  let created = 0;
  async function client(): Promise<void> {
    while (performance.now() < end) {
      await store.create(newTask());
      created += 1;
    }
  }
  const start = performance.now();
  await Promise.all(Array.from({ length: inFlight }, client));
  return perSecond(created, start);
}

function insertsPerSecond(path: string, groupSize: number, body: string, durationMs: number): number {
  const database = new DatabaseSync(path);
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4096; CREATE TABLE bare (id INTEGER PRIMARY KEY, body TEXT)',
  );
  const insert = database.prepare('INSERT INTO bare (body) VALUES (?)');
  const start = performance.now();
  let inserted = 0;
  while (performance.now() < start + durationMs) {
    database.exec('BEGIN');
    for (let row = 0; row < groupSize; row += 1) insert.run(body);
    database.exec('COMMIT');
    inserted += groupSize;
  }
  const rate = perSecond(inserted, start);
  database.close();
  return rate;
}

const SYNC_MS = 1_000;

/** What the disk does at most: each durable write waits for one. */
export function syncsPerSecond(path: string): number {
  const file = openSync(path, 'w');
  const page = Buffer.alloc(4096);
  const start = performance.now();
  let syncs = 0;
  while (performance.now() < start + SYNC_MS) {
    writeSync(file, page, 0, page.length, (syncs % 1024) * page.length);
    fdatasyncSync(file);
    syncs += 1;
  }
  closeSync(file);
  return perSecond(syncs, start);
}

function perSecond(count: number, start: number): number {
  return (count * 1000) / (performance.now() - start);
}
