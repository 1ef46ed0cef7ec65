import { expect, it } from 'vitest';
import { formatReport } from './report.ts';
import { openStage } from './stage.ts';
import { storm } from './storm.ts';

const SEED = 5;
const KILLS = 12;

/** A short storm; `npm run storm` has the long one. */
it('kills in every phase lose no task, start no executor twice and leak nothing', async () => {
  const stage = await openStage();
  try {
    const report = await storm(stage, { seed: SEED, kills: KILLS, tell: () => {} });
    expect(report.problems, formatReport(report)).toEqual([]);
    expect(report.kills).toBe(KILLS);
    expect(report.starts).toBeGreaterThan(KILLS);
  } finally {
    await stage.close();
  }
}, 240_000);
