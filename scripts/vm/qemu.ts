import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { jobDisk, outcome, statusLine, type Machine } from './job.ts';

/** How QEMU executes the machine's instructions. */
export interface Accelerator {
  readonly name: 'kvm' | 'tcg';
  readonly argv: readonly string[];
}

/** With a kernel, they show whether one boots. */
export const TRIAL_ARGUMENTS =
  '-machine q35 -m 256 -nodefaults -no-user-config -display none -no-reboot -serial stdio -append console=ttyS0'.split(
    ' ',
  );

/** A machine of QEMU, whose devices are real enough for Debian's own kernel. Files are put into `work`. */
export function qemuMachine({ name: accelerator, argv }: Accelerator): Machine {
  return async ({ root, checkout }, job, work) => {
    const words = join(work, 'job');
    const consoleFile = join(work, 'console');
    await writeFile(words, jobDisk(job));
    const status = statusLine();
    const ports = [
      await port(work, 'stdout', job.onStdout),
      await port(work, 'stderr', job.onStderr),
      await port(work, 'status', status.onData),
    ];
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
        `file:${consoleFile}`,
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
    const console = async (): Promise<string> =>
      complaint + (await readFile(consoleFile, 'latin1').catch(() => ''));
    const closed = async (): Promise<unknown> => Promise.all(ports.map(async (each) => each.close()));
    return outcome({ kind: accelerator, child, status, console, closed }, job.timeoutMs);
  };
}

const MACHINE =
  '-machine q35 -nodefaults -no-user-config -display none -no-reboot -device virtio-serial-pci -device virtio-rng-pci'.split(
    ' ',
  );

/** AppArmor is Debian's default; mitigations guard against neighbours that this machine hasn't. */
const KERNEL_ARGUMENTS =
  'console=ttyS0 root=/dev/vda rw quiet panic=-1 mitigations=off random.trust_cpu=on systemd.unified_cgroup_hierarchy=1 systemd.show_status=error audit=0';

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
