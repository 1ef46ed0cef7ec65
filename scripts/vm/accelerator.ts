import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants } from 'node:fs/promises';

/** Arguments for QEMU: how it executes the machine's instructions. */
export interface Accelerator {
  readonly name: 'kvm' | 'tcg';
  readonly argv: readonly string[];
}

const TCG: Accelerator = { name: 'tcg', argv: ['-accel', 'tcg,thread=multi', '-cpu', 'max'] };
const KVM: Accelerator = { name: 'kvm', argv: ['-accel', 'kvm', '-cpu', 'host'] };
const TRIAL =
  '-machine q35 -m 256 -nodefaults -no-user-config -display none -no-reboot -serial stdio -append console=ttyS0'.split(
    ' ',
  );
/** A kernel says its first word by KVM within one. */
const TRIAL_MS = 4000;

/**
 * KVM where this kernel boots by it, which a device file alone doesn't tell (a nested host may have one that runs only
 * kernels of its own kind), else QEMU's own translation, some ten times slower.
 */
export async function accelerator(kernel: string): Promise<Accelerator> {
  const isThere = await access('/dev/kvm', constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  return isThere && (await boots(kernel)) ? KVM : TCG;
}

async function boots(kernel: string): Promise<boolean> {
  const child = spawn('qemu-system-x86_64', [...KVM.argv, ...TRIAL, '-kernel', kernel], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = once(child, 'close');
  const timer = setTimeout(() => child.kill('SIGKILL'), TRIAL_MS);
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => {
    said += bytes.toString('latin1');
    if (said.includes('Linux version')) child.kill('SIGKILL');
  });
  await ended;
  clearTimeout(timer);
  return said.includes('Linux version');
}
