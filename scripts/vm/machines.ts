import { access, constants } from 'node:fs/promises';
import type { Machine } from './job.ts';
import { qemuMachine, TRIAL_ARGUMENTS, type Accelerator } from './qemu.ts';
import { says } from './trial.ts';
import { hasUserMode, userModeMachine } from './user-mode.ts';

const TCG: Accelerator = { name: 'tcg', argv: ['-accel', 'tcg,thread=multi', '-cpu', 'max'] };
const KVM: Accelerator = { name: 'kvm', argv: ['-accel', 'kvm', '-cpu', 'host'] };
/** A kernel says its first word by KVM within one. */
const TRIAL_MS = 4000;

export const MACHINE_NAMES = ['auto', 'kvm', 'user-mode', 'tcg'] as const;
export type MachineName = (typeof MACHINE_NAMES)[number];

export interface Chosen {
  readonly name: Exclude<MachineName, 'auto'>;
  readonly run: Machine;
}

/**
 * KVM where Debian's kernel boots by it; else the same kernel's sources as a program, some three times slower than a host;
 * else QEMU's own translation, some twenty times slower.
 */
export async function chooseMachine(name: MachineName, kernel: string): Promise<Chosen> {
  const chosen = name === 'auto' ? await fastest(kernel) : name;
  const run = { kvm: qemuMachine(KVM), 'user-mode': userModeMachine, tcg: qemuMachine(TCG) }[chosen];
  return { name: chosen, run };
}

async function fastest(kernel: string): Promise<Chosen['name']> {
  if (await boots(kernel)) return 'kvm';
  return (await hasUserMode()) ? 'user-mode' : 'tcg';
}

/** A device file alone doesn't tell: a nested host may have one that runs only kernels of its own kind. */
async function boots(kernel: string): Promise<boolean> {
  const isThere = await access('/dev/kvm', constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  const argv = [...KVM.argv, ...TRIAL_ARGUMENTS, '-kernel', kernel];
  return isThere && says('Linux version', 'qemu-system-x86_64', argv, TRIAL_MS);
}
