/** For programs that run in a mount namespace of their own: mounts that nobody else sees and that end with them. */
import { execFileSync } from 'node:child_process';

/** In front of a program, so that its mounts are its own. */
export const OWN_MOUNTS = ['unshare', '--mount', '--propagation', 'private'] as const;

export function mount(...args: string[]): void {
  execFileSync('mount', args, { stdio: ['ignore', 'ignore', 'inherit'] });
}
