import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { startServer, type TestServer } from '../test/fixtures/server.ts';
import { createTasks } from './creates.ts';
import { bareCreatesPerSecond } from './store.ts';
import { syncsPerSecond } from './store-creates.ts';
import { quantile, type Measurement, type Target } from './measurement.ts';
import { instanceMemory } from './instance-memory.ts';
import { treeCpuSeconds } from './process-tree.ts';
import { startedAgain } from './started-again.ts';
import type { Suite } from './suite.ts';

const CLIENTS = [1, 16, 128] as const;
const CREATES_AT_LEAST = 3_000;
const IDLE_MEBIBYTES_AT_MOST = 120;
const LIST_MS_AT_MOST = 30;

const LISTS: readonly (readonly [string, string])[] = [
  ['no filter, MINIMAL', ''],
  ['no filter, FULL', '&view=FULL'],
  ['state', '&state=QUEUED'],
  ['name_prefix', '&name_prefix=ali'],
  ['tag', '&tag_key=project&tag_value=lambda'],
  ['state, name_prefix and tag', '&state=QUEUED&name_prefix=ali&tag_key=project&tag_value=lambda'],
];

export const requestSuite: Suite = {
  name: 'requests',
  what: 'creates and lists over HTTP and memory, with tasks that wait: beside the bare store and disk',
  async run({ isQuick, folder, report }) {
    // One slot, which one task keeps: all others wait.
    const server = await startServer({ backend: { slots: 1 } });
    try {
      await startedAgain(server);
      report(...(await measureMemory(server, 'idle', { of: 'value', atMost: IDLE_MEBIBYTES_AT_MOST })));
      await server.create({
        executors: [{ image: 'busybox', command: ['sleep', '3600'] }],
        resources: { cpu_cores: availableParallelism() / 2, ram_gb: 0.125, disk_gb: 0.125 },
      });
      const milliseconds = isQuick ? 500 : 4_000;
      report({
        what: 'syncs of the disk (fdatasync of 4 KiB)',
        value: syncsPerSecond(join(folder, 'sync.bin')),
        unit: '/s',
      });
      // What runs for the first time runs slowly, and only for a moment of a server's life.
      const warm = await createTasks(server, 64, isQuick ? 500 : 10_000, 60_000);
      let made = warm.answered;
      for (const clients of CLIENTS) {
        const bare = await bareCreatesPerSecond(folder, clients, milliseconds);
        const cpuBefore = await treeCpuSeconds(server.pid);
        const { answered, rate } = await createTasks(server, clients, Number.MAX_SAFE_INTEGER, milliseconds);
        made += answered;
        const cpuMs = ((await treeCpuSeconds(server.pid)) - cpuBefore) * 1000;
        report({
          what: `durable creates over HTTP, ${clients} clients`,
          value: rate,
          unit: '/s',
          beside: { what: 'the bare store', value: bare },
          ...(clients === 128 ? { target: { of: 'value', atLeast: CREATES_AT_LEAST } } : {}),
        });
        report({ what: `server, cpu a create, ${clients} clients`, value: cpuMs / answered, unit: 'ms' });
      }
      const total = isQuick ? 5_000 : 100_000;
      await createTasks(server, 64, Math.max(0, total - made), 600_000);
      report(...(await measureMemory(server, `${Math.max(total, made)} tasks queued`)));
      for (const [what, filter] of LISTS)
        report(...(await measureList(server, what, filter, isQuick ? 5 : 25)));
    } finally {
      await server.stop();
    }
  },
};

async function measureList(
  server: TestServer,
  what: string,
  filter: string,
  repeats: number,
): Promise<Measurement[]> {
  const tokens: string[] = [];
  for (let token: string | undefined = ''; token !== undefined;) {
    const answer: Response = await server.request(
      `/ga4gh/tes/v1/tasks?page_size=2047${filter}${pageOf(token)}`,
    );
    const page: { next_page_token?: string } = await jsonOf(answer);
    token = page.next_page_token;
    if (token !== undefined) tokens.push(token);
  }
  const rows: Measurement[] = [];
  const pages = { first: '', middle: tokens[Math.floor(tokens.length / 2)] ?? '', last: tokens.at(-1) ?? '' };
  for (const [page, token] of Object.entries(pages)) {
    const durations: number[] = [];
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      const start = performance.now();
      const answer = await server.request(`/ga4gh/tes/v1/tasks?page_size=256${filter}${pageOf(token)}`);
      await answer.arrayBuffer();
      durations.push(performance.now() - start);
    }
    rows.push({
      what: `list over HTTP, ${what}, ${page} page, p95 (p50 ${quantile(durations, 0.5).toFixed(1)})`,
      value: quantile(durations, 0.95),
      unit: 'ms',
      target: { of: 'value', atMost: LIST_MS_AT_MOST },
    });
  }
  return rows;
}

async function jsonOf<T>(answer: Response): Promise<T> {
  if (!answer.ok) throw new Error(`a list answered ${answer.status}: ${await answer.text()}`);
  const parsed: T = JSON.parse(await answer.text());
  return parsed;
}

function pageOf(token: string): string {
  return token === '' ? '' : `&page_token=${encodeURIComponent(token)}`;
}

/** Of all that the server runs, and of each. */
async function measureMemory(server: TestServer, when: string, target?: Target): Promise<Measurement[]> {
  const { total, processes } = await instanceMemory(server.pid);
  return [
    {
      what: `resident memory of all processes, shared pages once, ${when}`,
      value: total / 2 ** 20,
      unit: 'MiB',
      ...(target === undefined ? {} : { target }),
    },
    ...processes.map(({ name, residentBytes }) => ({
      what: `of it ${name}, with what it shares, ${when}`,
      value: residentBytes / 2 ** 20,
      unit: 'MiB',
    })),
  ];
}
