import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BulkheadError } from '../errors.ts';
import { cgroupVersion, MOUNT } from './cgroups.ts';

/** The slice in which systemd keeps what belongs to tasks: an operator may limit all of them there. */
const SLICE = 'bulkhead.slice';
const SYSTEMD_MS = 30_000;

/**
 * The cgroup below which an instance's containers stand, as a path in the hierarchy. On cgroup v2 systemd owns the tree
 * and tolerates others only below a unit that was delegated: there it is such a unit of the instance's own, outside of the
 * service, so that nothing that happens to the service reaches a task. Source: systemd, CGROUP_DELEGATION.md.
 */
export function cgroupParent(instance: string): string {
  return isDelegated() ? `/${SLICE}/${unit(instance)}` : `/bulkhead-${instance}`;
}

/** Whether systemd made that cgroup and removes it: on cgroup v2, where systemd is the first process. */
export function isDelegated(): boolean {
  return cgroupVersion() === 2 && existsSync('/run/systemd/system');
}

/**
 * Has systemd make the unit, where it is not there from an earlier start of this instance, and moves the process that
 * starts conmon into it: what must outlive the service never belongs to it. Throws `host`.
 */
export async function enterDelegation(instance: string, pid: number): Promise<void> {
  if (!isDelegated()) return;
  await startUnit(unit(instance));
  // A cgroup with cgroups below it holds no process itself.
  const leaf = join(MOUNT, cgroupParent(instance), 'supervisors');
  await mkdir(leaf, { recursive: true });
  const keeper = (
    await systemd('systemctl', ['show', '--property=MainPID', '--value', unit(instance)])
  ).trim();
  for (const each of [keeper, String(pid)]) await writeFile(join(leaf, 'cgroup.procs'), each);
}

/** Once no task is left: ends the unit. */
export async function leaveDelegation(instance: string): Promise<void> {
  if (isDelegated()) await systemd('systemctl', ['stop', unit(instance)]).catch(() => {});
}

function unit(instance: string): string {
  return `bulkhead-tasks-${instance}.service`;
}

async function startUnit(name: string): Promise<void> {
  try {
    if ((await systemd('systemctl', ['show', '--property=ActiveState', '--value', name])).trim() === 'active')
      return;
    await systemd('systemd-run', [
      '--quiet',
      '--collect',
      `--unit=${name}`,
      `--slice=${SLICE}`,
      '--description=Tasks of Bulkhead; they go on while the server restarts',
      '--service-type=exec',
      '--property=Delegate=yes',
      // A task's end for want of memory is the task's affair.
      '--property=OOMPolicy=continue',
      '--property=TasksMax=infinity',
      '--property=TimeoutStopSec=10',
      // Without a process, systemd forgets the group (seen with a oneshot unit that remains).
      '/bin/sleep',
      'infinity',
    ]);
  } catch (error) {
    throw new BulkheadError(
      'host',
      `systemd made no unit ${name} for the control groups of tasks: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

async function systemd(program: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(`/usr/bin/${program}`, args, { timeout: SYSTEMD_MS });
  return stdout;
}
