import { createHmac, randomBytes } from 'node:crypto';

/**
 * Which name and password were found right against which hash, for a short time. Kept by a keyed hash whose key
 * lives in this process alone, so that a dump of it is no list of passwords. A user whose hash changed or who is
 * gone is not remembered any more, because the stored hash is part of what is looked up.
 */
export interface VerifiedCredentials {
  has(name: string, password: string, storedHash: string): boolean;
  add(name: string, password: string, storedHash: string): void;
}

export interface VerifiedCredentialsOptions {
  readonly rememberMs: number;
  readonly most: number;
  /** Milliseconds that never go back. */
  readonly now: () => number;
}

export function createVerifiedCredentials({
  rememberMs,
  most,
  now,
}: VerifiedCredentialsOptions): VerifiedCredentials {
  const key = randomBytes(32);
  const until = new Map<string, number>();

  return {
    has(name, password, storedHash) {
      const entry = entryOf(name, password, storedHash);
      const end = until.get(entry);
      if (end === undefined || end > now()) return end !== undefined;
      until.delete(entry);
      return false;
    },
    add(name, password, storedHash) {
      const oldest = until.keys().next();
      if (until.size >= most && oldest.done !== true) until.delete(oldest.value);
      until.set(entryOf(name, password, storedHash), now() + rememberMs);
    },
  };

  function entryOf(...parts: readonly string[]): string {
    return createHmac('sha256', key).update(JSON.stringify(parts)).digest('base64');
  }
}
