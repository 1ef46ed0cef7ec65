import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cgroupFolders, cgroupVersion } from './cgroups.ts';
import { cgroupParent, isDelegated, leaveDelegation } from './delegation.ts';
import { startHand } from './hand.ts';
import { runFolders, type RunFolders } from './run-folders.ts';
import * as step from './steps.ts';
import { surveyHost, type Trace } from './survey.ts';
import { sweepHost } from './sweep.ts';
import { ownMounts } from './traces.ts';

/** An instance by what its warden wrote into its run folder, whose name alone doesn't tell where the rest of it is. */
export interface InstanceRecord {
  readonly dataFolder: string;
  readonly diskFolder: string;
  /** Path of the runtime that made its containers. */
  readonly runtime: string;
}

/** One whose data folder is gone, and that no warden has. */
export interface Orphan extends InstanceRecord {
  readonly runFolder: string;
  readonly run: RunFolders;
  readonly traces: readonly Trace[];
}

const RECORD = 'instance.json';
const INSTANCE = /^[0-9a-f]{10}$/;

export function recordSteps({ root }: RunFolders, record: InstanceRecord): step.Step[] {
  return [step.write(join(root, RECORD), 0o600, 0, 0, JSON.stringify(record))];
}

export function forgetSteps({ root }: RunFolders): step.Step[] {
  return [step.unlink(join(root, RECORD))];
}

/** Looks only. What has no record, as of a version that wrote none, isn't among them. */
export async function findOrphans(runFolder: string): Promise<readonly Orphan[]> {
  const names = existsSync(runFolder) ? await readdir(runFolder) : [];
  const orphans: Orphan[] = [];
  for (const name of names.filter((one) => INSTANCE.test(one))) {
    const record = recordIn(join(runFolder, name));
    if (record === undefined || existsSync(record.dataFolder)) continue;
    const run = runFolders(runFolder, record.dataFolder);
    if (run.instance !== name || (await isHeld(run.root))) continue;
    orphans.push({ ...record, runFolder, run, traces: await surveyHost({ ...record, runFolder }) });
  }
  return orphans;
}

/** Ends and removes all that stands on the host of it. Throws `warden`. */
export async function removeOrphan(orphan: Orphan): Promise<void> {
  const { diskFolder, run, runtime } = orphan;
  const hand = startHand({ folder: run.root });
  try {
    await sweepHost({
      survey: async () => await surveyHost(orphan),
      kept: [],
      run,
      hand,
      disks: {
        async discard(slot) {
          const mountPoint = join(run.disks, String(slot));
          await hand.run(`removing task disk ${slot}`, [
            step.umount(mountPoint, step.MNT_DETACH),
            step.rmdir(mountPoint),
            step.unlink(join(diskFolder, `${slot}.img`)),
          ]);
        },
      },
      containers: {
        async remove(container) {
          const deletion = ['--root', run.runtime, 'delete', '--force', container];
          await hand.run(`removing ${container}`, [step.exec(runtime, deletion)]);
        },
      },
    });
    // And images as its slots saw them.
    const mounts = await ownMounts(run.root);
    const cgroups = isDelegated() ? [] : cgroupFolders(cgroupVersion(), cgroupParent(run.instance));
    await hand.run(`removing ${run.root}`, [
      ...mounts.map(({ target }) => step.umount(target, step.MNT_DETACH)),
      ...cgroups.map(step.rmdir),
      step.exec('/bin/rm', ['-rf', '--one-file-system', '--', run.root]),
    ]);
  } finally {
    await hand.close();
  }
  await leaveDelegation(run.instance);
}

/** Written by a warden, in a folder that only root can change. */
function recordIn(root: string): InstanceRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(root, RECORD), 'utf8'));
  } catch {
    return undefined;
  }
}

/** By the lock that a warden's hand has for as long as it, or a step of it, lives. */
async function isHeld(root: string): Promise<boolean> {
  try {
    await promisify(execFile)('/usr/bin/flock', ['--nonblock', root, '/bin/true']);
    return false;
  } catch {
    return true;
  }
}
