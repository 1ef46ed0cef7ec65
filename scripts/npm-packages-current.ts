/**
 * Exits 0 where node_modules is what package-lock.json says, else 1. Compares with the copy of the lock file that
 * npm leaves in node_modules as the last act of an installation; it has no dependency, being what decides whether
 * there are any.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
process.exitCode = isCurrent(
  lockedPackages(join(root, 'package-lock.json')),
  lockedPackages(join(root, 'node_modules', '.package-lock.json')),
)
  ? 0
  : 1;

type LockedPackages = Record<string, { version?: string; integrity?: string; optional?: boolean }>;

/** Optional packages may be missing: those of other platforms always are. */
function isCurrent(wanted: LockedPackages | undefined, present: LockedPackages | undefined): boolean {
  if (wanted === undefined || present === undefined) return false;
  const names = Object.keys(wanted).filter((name) => name !== '');
  const matching = names.every((name) => {
    const copy = present[name];
    if (copy === undefined) return wanted[name]?.optional === true;
    return copy.version === wanted[name]?.version && copy.integrity === wanted[name]?.integrity;
  });
  return matching && Object.keys(present).every((name) => name in wanted);
}

function lockedPackages(file: string): LockedPackages | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}
