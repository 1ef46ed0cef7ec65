import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statfs, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { jobDisk, outcome, statusLine, type Machine } from './job.ts';
import { says } from './trial.ts';

const KERNEL = '/usr/bin/linux.uml';
const LAUNCH = join(import.meta.dirname, 'user-mode-launch');
/** Where the launcher shows the folder of images to the machine. */
const SHOWN = '/mnt';

/**
 * A machine of User-Mode Linux: Debian's kernel, built as a program, so that what runs in the machine runs on the
 * processor itself, and only its system calls cost more. One processor. Source: the kernel's virt/uml documentation.
 */
export const userModeMachine: Machine = async ({ root, checkout }, job, work) => {
  const folder = dirname(work);
  const shown = (path: string): string => join(SHOWN, path.slice(folder.length));
  await writeFile(join(work, 'job'), jobDisk(job));
  const status = statusLine();
  const child = spawn(
    'setpriv',
    [
      ...ALONE,
      'bash',
      LAUNCH,
      folder,
      work,
      KERNEL,
      `mem=${job.memoryMiB}M`,
      `umid=${basename(work)}`,
      `uml_dir=${shown(work)}`,
      `ubd0=${shown(join(work, 'root.cow'))},${shown(root.disk)}`,
      `ubd1=${shown(checkout)}`,
      `ubd2r=${shown(join(work, 'job'))}`,
      // Descriptors of stdio, below.
      'ssl0=null,fd:3',
      'ssl1=null,fd:4',
      'ssl2=null,fd:5',
      ...KERNEL_ARGUMENTS,
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], TMPDIR: await memoryFolder(job, shown(work)) },
    },
  );
  const closed = once(child, 'close');
  const said: Buffer[] = [];
  const handlers = [
    (bytes: Buffer) => said.push(bytes),
    (bytes: Buffer) => said.push(bytes),
    job.onStdout,
    job.onStderr,
    status.onData,
  ];
  for (const [at, handler] of handlers.entries()) child.stdio[at + 1]?.on('data', handler);
  const console = async (): Promise<string> => Promise.resolve(Buffer.concat(said).toString('latin1'));
  return outcome({ kind: 'user mode', child, status, console, closed: async () => closed }, job.timeoutMs);
};

/** Whether this host lets such a kernel run: it needs ptrace(2), and tries what it needs before its first word. */
export async function hasUserMode(): Promise<boolean> {
  return says('Linux version', 'setpriv', [...ALONE, KERNEL, 'mem=32M', ...CONSOLE], TRIAL_MS);
}

const TRIAL_MS = 4000;

/** All that is in a namespace is killed at once: a program of the machine whose kernel died alone would go on, on this host. */
const ALONE = '--pdeathsig KILL unshare --pid --fork --kill-child --mount --mount-proc --net --ipc --'.split(
  ' ',
);
const CONSOLE = ['con=null', 'con0=null,fd:1', 'ssl=null'];

const KERNEL_ARGUMENTS = [
  ...CONSOLE,
  'root=/dev/ubda',
  'rw',
  'quiet',
  'noreboot',
  'panic=-1',
  'hostfs=/usr/lib/uml/modules',
  'init=/usr/local/sbin/user-mode-init',
  // The first of the list; Debian's own kernel has it too.
  'lsm=apparmor',
  'systemd.unified_cgroup_hierarchy=1',
  'systemd.show_status=error',
  // It has no device that appears later, and asking the kernel for all takes ten seconds.
  'systemd.mask=systemd-udev-trigger.service',
  'audit=0',
];

const SHARED_MEMORY = '/dev/shm';

/** The machine's memory is a file: in memory, where there is enough of it. */
async function memoryFolder({ memoryMiB }: { memoryMiB: number }, otherwise: string): Promise<string> {
  const { bavail, bsize } = await statfs(SHARED_MEMORY).catch(() => ({ bavail: 0, bsize: 0 }));
  return (bavail * bsize) / 2 ** 20 > memoryMiB ? SHARED_MEMORY : otherwise;
}
