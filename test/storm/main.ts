/** `npm run storm -- [--seed N] [--kills N] [--json FILE] [--log FILE]`: kills at random moments, and what came of them. */
import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { formatReport } from './report.ts';
import { openStage } from './stage.ts';
import { storm } from './storm.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    kills: { type: 'string', default: '200' },
    json: { type: 'string' },
    /** Where the server's log is left. */
    log: { type: 'string' },
  },
});
const seed = Number(values.seed ?? randomInt(2 ** 31));
const kills = Number(values.kills);
if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(kills) || kills < 1) {
  process.stderr.write('--seed and --kills take whole numbers, and there must be a kill\n');
  process.exit(64);
}
const began = performance.now();
const tell = (line: string): void => {
  const seconds = Math.round((performance.now() - began) / 1000);
  process.stderr.write(`${seconds} s: ${line}\n`);
};
const stage = await openStage();
try {
  const report = await storm(stage, { seed, kills, tell });
  process.stdout.write(formatReport(report));
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
  if (report.problems.length > 0) process.exitCode = 1;
} finally {
  if (values.log !== undefined) await writeFile(values.log, await stage.server.log());
  await stage.close();
}
