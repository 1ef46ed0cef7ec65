/** `npm run bench -- [--only NAME…] [--quick] [--json FILE]`: figures beside what the same machine can do at all. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatMeasurement, isMet, ratioOf, type Measurement } from './measurement.ts';
import { recoverySuite } from './recovery.ts';
import { requestSuite } from './requests.ts';
import { separationSuite } from './separation.ts';
import { shortTaskSuite } from './short-task.ts';
import { storeSuite } from './store.ts';
import type { Suite } from './suite.ts';
import { throughputSuite } from './throughput.ts';

const SUITES: readonly Suite[] = [
  shortTaskSuite,
  throughputSuite,
  separationSuite,
  recoverySuite,
  requestSuite,
  storeSuite,
];

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const chosen = SUITES.filter(({ name }) => values.only?.includes(name) ?? true);
const unknown = (values.only ?? []).filter((name) => !SUITES.some((suite) => suite.name === name));
if (unknown.length > 0) {
  const names = SUITES.map(({ name, what }) => `  ${name.padEnd(12)} ${what}`).join('\n');
  process.stderr.write(`--only: there is no part called ${unknown.join(', ')}; there are:\n${names}\n`);
  process.exit(64);
}

const machine = {
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  memoryBytes: totalmem(),
  kernel: release(),
  node: process.version,
};
process.stdout.write(
  `${machine.cores} × ${machine.cpu}, ${Math.round(machine.memoryBytes / 2 ** 30)} GiB, Linux ${machine.kernel}, Node ${machine.node}\n`,
);
const measurements: (Measurement & { readonly suite: string })[] = [];
const folder = await mkdtemp(join(process.cwd(), 'bench-'));
try {
  for (const suite of chosen) {
    const { name, what } = suite;
    process.stdout.write(`\n${name}: ${what}\n`);
    await suite.run({
      isQuick: values.quick,
      folder,
      report: (...rows) => {
        for (const row of rows) {
          measurements.push({ suite: name, ...row });
          process.stdout.write(`  ${formatMeasurement(row)}\n`);
        }
      },
    });
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

const judged = measurements.filter(({ target }) => target !== undefined);
const missed = judged.filter((row) => isMet(row) === false);
process.stdout.write(`\n${judged.length - missed.length} of ${judged.length} targets met\n`);
for (const row of missed) process.stdout.write(`  missed: ${formatMeasurement(row)}\n`);
if (values.json !== undefined) {
  const rows = measurements.map((row) => ({ ...row, ratio: ratioOf(row), met: isMet(row) }));
  const report = { at: new Date().toISOString(), quick: values.quick, machine, measurements: rows };
  await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
}
