/**
 * `writer.ts DATABASE CLIENTS`: creates tasks, moves them and saves attempts, as fast as it can until it is killed, and
 * prints a line for each write that the store has answered: `create ID`, `running ID`, `attempt ID NUMBER`.
 */
import { writeSync } from 'node:fs';
import { openSqliteStore } from '../../src/store/sqlite/sqlite.ts';
import { fullAttempt, fullTask } from '../contract/store-samples.ts';

const [path = '', clients = '1'] = process.argv.slice(2);
const store = await openSqliteStore({ path });

async function client(): Promise<void> {
  for (;;) {
    const { id } = await store.create(fullTask());
    tell(`create ${id}`);
    await store.transition({ id, from: 'QUEUED', to: 'INITIALIZING', at: 1 });
    await store.transition({ id, from: 'INITIALIZING', to: 'RUNNING', at: 2, attempt: fullAttempt() });
    tell(`running ${id}`);
    await store.saveAttempt(id, fullAttempt({ number: 2 }));
    tell(`attempt ${id} 2`);
  }
}

/** At once and whole: what is in the pipe outlives the process. */
function tell(line: string): void {
  writeSync(1, `${line}\n`);
}

await Promise.all(Array.from({ length: Number(clients) }, client));
