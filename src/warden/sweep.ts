import type { Containers } from './containers.ts';
import type { Disks } from './disks.ts';
import type { Hand } from './hand.ts';
import type { RunFolders } from './run-folders.ts';
import * as step from './steps.ts';
import type { Trace } from './survey.ts';
import type { SealedAttempt } from './warden.ts';

/**
 * In this order, each looked for anew: what goes before takes some of what comes after with it. Control groups last: one
 * in which something is alive stays, and is told.
 */
const ORDER: readonly Trace['kind'][] = ['container', 'mount', 'loop device', 'disk', 'cgroup'];

/** Ends and removes all that stands on the host and belongs to no attempt that is kept. */
export async function sweepHost(options: {
  readonly survey: () => Promise<readonly Trace[]>;
  readonly kept: readonly SealedAttempt[];
  readonly run: RunFolders;
  readonly hand: Hand;
  readonly disks: Pick<Disks, 'discard'>;
  readonly containers: Pick<Containers, 'remove'>;
}): Promise<void> {
  const { survey, kept, run, hand, disks, containers } = options;
  const slots = new Set(kept.map(({ slot }) => slot));
  const names = new Set(
    kept.flatMap(({ attempt, executors }) => [...executors.keys()].map((index) => `${attempt}-${index}`)),
  );
  const isKept = ({ slot, container }: Trace): boolean =>
    slot === undefined ? container !== undefined && names.has(container) : slots.has(slot);

  async function remove({ kind, name, slot }: Trace): Promise<void> {
    if (kind === 'container') return containers.remove(name);
    if (kind === 'mount' && slot !== undefined && name.startsWith(`${run.disks}/`))
      return disks.discard(slot);
    await hand.run(`sweeping ${name}`, STEPS[kind](name));
  }

  for (const kind of ORDER) {
    for (const trace of await survey()) if (trace.kind === kind && !isKept(trace)) await remove(trace);
  }
}

const STEPS: Readonly<Record<Exclude<Trace['kind'], 'container'>, (name: string) => step.Step[]>> = {
  mount: (path) => [step.umount(path, step.MNT_DETACH), step.rmdir(path)],
  'loop device': (device) => [step.exec('/sbin/losetup', ['--detach', device])],
  disk: (path) => [step.exec('/bin/rm', ['-rf', '--one-file-system', '--', path])],
  cgroup: (path) => [step.rmdir(path)],
};
