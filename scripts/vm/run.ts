import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkoutImage } from './checkout-image.ts';
import type { Job } from './job.ts';
import { chooseMachine, type MachineName } from './machines.ts';
import { rootImage } from './root-image.ts';

/** Builds what is missing, and runs a command of this checkout in a machine of its own. */
export async function runInMachine(name: MachineName, job: Job): Promise<number> {
  const checkout = join(import.meta.dirname, '..', '..');
  const folder = join(checkout, '.tools', 'vm');
  const started = performance.now();
  const progress = (message: string): void => {
    process.stderr.write(`vm: ${((performance.now() - started) / 1000).toFixed(1)} s: ${message}\n`);
  };
  const root = await rootImage(folder, progress);
  const work = await mkdtemp(join(folder, 'run-'));
  try {
    const image = await checkoutImage(checkout, work);
    const machine = await chooseMachine(name, root.kernel);
    progress(`starting a machine (${machine.name})`);
    const status = await machine.run({ root, checkout: image }, job, work);
    progress(`the command ended with ${status}`);
    return status;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
