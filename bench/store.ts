import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { openSqliteStore } from '../src/store/sqlite/sqlite.ts';
import type { NewTask } from '../src/store/store.ts';
import { createsPerSecond, measureCreates, syncsPerSecond } from './store-creates.ts';
import { fill, measureLists, TASKS } from './store-lists.ts';
import type { Suite } from './suite.ts';

export const storeSuite: Suite = {
  name: 'store',
  what: 'the store alone: creates beside what SQLite does at all, lists over 100,000 tasks',
  async run({ isQuick, folder, report }) {
    report({
      what: 'syncs of the disk (fdatasync of 4 KiB)',
      value: syncsPerSecond(join(folder, 'sync.bin')),
      unit: '/s',
    });
    const created = await openSqliteStore({ path: join(folder, 'creates.db') });
    report(...(await measureCreates(created, folder, benchTask, isQuick ? 300 : 3_000)));
    await created.close();

    const listed = await openSqliteStore({ path: join(folder, 'lists.db') });
    await fill(listed, benchTask, isQuick ? TASKS / 20 : TASKS);
    report(...(await measureLists(listed, isQuick ? 3 : 25)));
    await listed.close();
  },
};

/** Creates a second of a store without a server before it. */
export async function bareCreatesPerSecond(
  folder: string,
  inFlight: number,
  durationMs: number,
): Promise<number> {
  const store = await openSqliteStore({ path: join(folder, `bare-creates-${inFlight}.db`) });
  try {
    return await createsPerSecond(store, inFlight, benchTask, durationMs);
  } finally {
    await store.close();
  }
}

function benchTask(): NewTask {
  return {
    id: randomUUID(),
    owner: 'alice',
    createdAt: Date.now(),
    document: {
      name: 'align',
      tags: { project: 'lambda', sample: randomUUID() },
      inputs: [{ path: '/data/reads.fq', url: 'file:///data/reads.fq', type: 'FILE' }],
      outputs: [{ path: '/data/out.bam', url: 'file:///data/out.bam', type: 'FILE' }],
      executors: [
        { image: 'quay.io/biocontainers/bwa:0.7.17', command: ['bwa', 'mem', 'ref.fa', 'reads.fq'] },
      ],
      resources: { cpu_cores: 2, ram_gb: 4, disk_gb: 10 },
    },
    sandbox: {
      profile: 'standard',
      isolation: 'userns',
      privilege: 'root-capless',
      network: 'none',
      rootfs: 'ephemeral',
      compat: [],
      limits: {
        cpuCores: 2,
        memoryBytes: 2 ** 32,
        diskBytes: 10 * 2 ** 30,
        diskInodes: 1_000_000,
        pids: 4096,
        openFiles: 4096,
        logBytes: 2 ** 20,
        wallTimeMs: null,
        queueTimeMs: null,
      },
    },
    warnings: [],
  };
}
