/**
 * Runs a command of this checkout in a virtual machine of its own (Debian 12, systemd, pure cgroup v2), with its output
 * and its exit code:
 *
 *   npm run vm -- [--machine auto|kvm|user-mode|tcg] [--user] [--cores N] [--memory MiB] [--timeout SECONDS] -- COMMAND [ARGUMENT…]
 *
 * --machine: by default the fastest that this host has (scripts/vm/machines.ts). --user: as a user without privilege who has subordinate ids and a service manager. What the command writes is thrown
 * away. The machine is built once and kept in .tools/vm.
 */
import { parseArgs } from 'node:util';
import { MACHINE_NAMES } from './vm/machines.ts';
import { runInMachine } from './vm/run.ts';

const { values, positionals } = parseArgs({
  options: {
    machine: { type: 'string', default: 'auto' },
    user: { type: 'boolean', default: false },
    cores: { type: 'string', default: '2' },
    memory: { type: 'string', default: '3072' },
    timeout: { type: 'string', default: '600' },
  },
  allowPositionals: true,
});
if (positionals.length === 0) throw new Error('which command? npm run vm -- -- COMMAND [ARGUMENT…]');

const machine = MACHINE_NAMES.find((name) => name === values.machine);
if (machine === undefined) throw new Error(`--machine is one of ${MACHINE_NAMES.join(', ')}`);

process.exitCode = await runInMachine(machine, {
  command: positionals,
  user: values.user ? 'tester' : 'root',
  cores: Number(values.cores),
  memoryMiB: Number(values.memory),
  timeoutMs: Number(values.timeout) * 1000,
  onStdout: (bytes) => process.stdout.write(bytes),
  onStderr: (bytes) => process.stderr.write(bytes),
});
