import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { Accelerator } from './accelerator.ts';
import type { RootImage } from './root-image.ts';

export interface Job {
  readonly command: readonly string[];
  /** `root`, or `tester`: a user with subordinate ids and a service manager of its own. */
  readonly user: 'root' | 'tester';
  readonly cores: number;
  readonly memoryMiB: number;
  /** From the start of the machine. */
  readonly timeoutMs: number;
  readonly onStdout: (bytes: Buffer) => void;
  readonly onStderr: (bytes: Buffer) => void;
}

export interface Disks {
  readonly root: RootImage;
  readonly checkout: string;
}

/**
 * Runs one command in a machine of its own: what it writes to the disks is thrown away. Resolves with the command's exit
 * code; rejects with the end of the machine's console where it has none. Files are put into `work`.
 */
export async function runJob(
  { root, checkout }: Disks,
  { name: accelerator, argv }: Accelerator,
  job: Job,
  work: string,
): Promise<number> {
  const words = join(work, 'job');
  const console = join(work, 'console');
  await writeFile(words, jobDisk(job));
  const ports = [await port(work, 'stdout', job.onStdout), await port(work, 'stderr', job.onStderr)];
  let status = '';
  const told = Promise.withResolvers<void>();
  ports.push(
    await port(work, 'status', (bytes) => {
      status += bytes.toString();
      if (status.includes('\n')) told.resolve();
    }),
  );
  const child = spawn(
    'setpriv',
    [
      // It ends with this process, however that ends.
      '--pdeathsig',
      'KILL',
      'qemu-system-x86_64',
      ...argv,
      ...MACHINE,
      '-smp',
      String(job.cores),
      '-m',
      String(job.memoryMiB),
      '-kernel',
      root.kernel,
      '-initrd',
      root.initrd,
      '-append',
      KERNEL_ARGUMENTS,
      '-serial',
      `file:${console}`,
      ...[root.disk, checkout, words].flatMap((file, at) => [
        '-drive',
        // Snapshot: a temporary layer that QEMU removes at its end.
        `if=none,id=disk${at},file=${file},format=raw,snapshot=on,cache=unsafe`,
        '-device',
        `virtio-blk-pci,drive=disk${at}`,
      ]),
      ...ports.flatMap(({ name, path }) => [
        '-chardev',
        `socket,id=${name},path=${path}`,
        '-device',
        `virtserialport,chardev=${name},name=${name}`,
      ]),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, TMPDIR: work } },
  );
  let complaint = '';
  child.stderr.on('data', (bytes: Buffer) => (complaint += bytes.toString()));
  const stop = (): boolean => child.kill('SIGKILL');
  for (const signal of STOP_SIGNALS) process.once(signal, stop);
  try {
    await within(job.timeoutMs, told.promise, exited(child));
    if (status.includes('\n')) return Number.parseInt(status, 10);
    const tail = (await readFile(console, 'latin1').catch(() => '')).trim().split('\n').slice(-40).join('\n');
    const how = child.exitCode === null ? `after ${job.timeoutMs / 1000} s` : `and ended (${child.exitCode})`;
    throw new Error(
      `the machine (${accelerator}) gave no exit code ${how}; ${complaint}its console:\n${tail}`,
    );
  } finally {
    for (const signal of STOP_SIGNALS) process.removeListener(signal, stop);
    const gone = exited(child);
    child.kill('SIGKILL');
    await gone;
    await Promise.all(ports.map((each) => each.close()));
  }
}

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const MACHINE =
  '-machine q35 -nodefaults -no-user-config -display none -no-reboot -device virtio-serial-pci -device virtio-rng-pci'.split(
    ' ',
  );

/** AppArmor is Debian's default; mitigations guard against neighbours that this machine hasn't. */
const KERNEL_ARGUMENTS =
  'console=ttyS0 root=/dev/vda rw quiet panic=-1 mitigations=off random.trust_cpu=on systemd.unified_cgroup_hierarchy=1 systemd.show_status=error audit=0';

/** Whole sectors: a disk has no other size. */
function jobDisk({ command, user }: Job): Buffer {
  const words = [user, String(command.length), ...command];
  if (words.some((word) => word.includes('\0'))) throw new Error('a word of the command has a NUL character');
  const bytes = Buffer.from(words.map((word) => `${word}\0`).join(''));
  return Buffer.concat([bytes, Buffer.alloc(512 - (bytes.length % 512))]);
}

interface Port {
  readonly name: string;
  readonly path: string;
  /** Once all that the machine said was handed on. */
  close(): Promise<void>;
}

async function port(work: string, name: string, onData: (bytes: Buffer) => void): Promise<Port> {
  const path = join(work, name);
  const connections: Promise<unknown>[] = [];
  const server: Server = createServer((socket) => {
    socket.on('data', onData);
    connections.push(once(socket, 'close'));
  }).listen(path);
  await once(server, 'listening');
  return {
    name,
    path,
    async close() {
      await Promise.all(connections);
      server.close();
    },
  };
}

async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

async function within(timeoutMs: number, ...events: Promise<void>[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, timeoutMs);
  await Promise.race([...events, promise]);
  clearTimeout(timer);
}
