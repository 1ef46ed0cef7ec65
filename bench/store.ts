/** Measures the store alone: `node bench/store.ts`. About a minute and a half. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openSqliteStore } from '../src/store/sqlite/sqlite.ts';
import type { NewTask } from '../src/store/store.ts';
import { formatMeasurement, type Measurement } from './measurement.ts';
import { measureCreates } from './store-creates.ts';
import { fill, measureLists } from './store-lists.ts';

/** Works in a new folder below `parent`, which must be on the disk that is meant: /tmp is often memory. */
export async function measureStore(
  parent: string,
  report: (measurement: Measurement) => void,
): Promise<Measurement[]> {
  const folder = mkdtempSync(join(parent, 'bench-store-'));
  const measurements: Measurement[] = [];
  const tell = (...rows: Measurement[]) => {
    measurements.push(...rows);
    rows.forEach(report);
  };
  try {
    tell({ what: 'resident memory without a store', value: residentMegabytes(), unit: 'MiB' });
    const created = await openSqliteStore({ path: join(folder, 'creates.db') });
    tell({ what: 'resident memory with an empty store', value: residentMegabytes(), unit: 'MiB' });
    tell(...(await measureCreates(created, folder, benchTask)));
    await created.close();

    const listed = await openSqliteStore({ path: join(folder, 'lists.db') });
    await fill(listed, benchTask);
    tell(...(await measureLists(listed)));
    tell({ what: 'resident memory after all that', value: residentMegabytes(), unit: 'MiB' });
    await listed.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
  return measurements;
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

function residentMegabytes(): number {
  return process.memoryUsage.rss() / 2 ** 20;
}

if (import.meta.main) {
  await measureStore(process.argv[2] ?? process.cwd(), (measurement) => {
    process.stdout.write(`${formatMeasurement(measurement)}\n`);
  });
}
