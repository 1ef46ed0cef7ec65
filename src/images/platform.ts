import { BulkheadError } from '../errors.ts';
import type { IndexEntry, Platform } from './manifest.ts';

/** What this program runs today; arm64 needs a seccomp table of its own first. */
export const PLATFORM: Platform = { os: 'linux', architecture: 'amd64' };

/**
 * The entries of an index that this platform can run: those without a variant before `amd64/v2` and the like,
 * which need a newer processor. Entries without a platform come last and are decided by their own config.
 */
export function candidates(entries: readonly IndexEntry[]): IndexEntry[] {
  const plain = entries.filter((entry) => matches(entry.platform) && entry.platform?.variant === undefined);
  if (plain.length > 0) return plain;
  const first = entries.filter((entry) => matches(entry.platform) && entry.platform?.variant === 'v1');
  return first.length > 0 ? first : entries.filter((entry) => entry.platform === undefined);
}

export function matches(platform: Platform | undefined): boolean {
  return platform?.os === PLATFORM.os && platform.architecture === PLATFORM.architecture;
}

/** Names what there is: `linux/arm64/v8, windows/amd64`. */
export function noPlatform(reference: string, available: readonly (Platform | undefined)[]): BulkheadError {
  const names = available
    .filter((platform) => platform !== undefined)
    // Attestations are listed as unknown/unknown; they are no images.
    .filter((platform) => platform.os !== 'unknown')
    .map((platform) => [platform.os, platform.architecture, platform.variant].filter(Boolean).join('/'));
  const has = names.length === 0 ? 'no image at all' : [...new Set(names)].toSorted().join(', ');
  return new BulkheadError(
    'image-platform',
    `The image ${reference} is there for ${has}; this machine runs ${PLATFORM.os}/${PLATFORM.architecture} only.`,
  );
}
