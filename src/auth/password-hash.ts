import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { ScryptOptions } from 'node:crypto';

/**
 * A memory-hard hash of a password in the PHC string format, `$scrypt$ln=15,r=8,p=3$SALT$HASH`: 32 MiB and about
 * 150 ms. The parameters are one of OWASP's equivalent choices for scrypt (Password Storage Cheat Sheet); of
 * these, the one that needs the least memory of a server which may be asked often.
 */
export async function hashPassword(password: string, salt: Uint8Array = randomBytes(16)): Promise<string> {
  const hash = await derive(password, salt, COST);
  const { ln, r, p } = COST;
  return `$scrypt$ln=${ln},r=${r},p=${p}$${base64(salt)}$${base64(hash)}`;
}

/** In time that doesn't depend on where the hashes differ. False for a text that isn't such a hash. */
export async function verifyPassword(password: string, encoded: string): Promise<boolean> {
  const parsed = parseHash(encoded);
  if (parsed === undefined) return false;
  return timingSafeEqual(await derive(password, parsed.salt, parsed), parsed.hash);
}

export function isPasswordHash(encoded: string): boolean {
  return parseHash(encoded) !== undefined;
}

/** Compared with where there is no such user, so that the answer takes as long. Its password is not known. */
export const NOBODYS_HASH = `$scrypt$ln=15,r=8,p=3$${base64(randomBytes(16))}$${base64(randomBytes(32))}`;

interface Cost {
  /** Binary logarithm of N. */
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

const COST: Cost = { ln: 15, r: 8, p: 3 };
const HASH_BYTES = 32;
const ENCODED =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22,86})\$([A-Za-z0-9+/]{43})$/;

function parseHash(encoded: string): (Cost & { salt: Buffer; hash: Buffer }) | undefined {
  const match = ENCODED.exec(encoded);
  if (match === null) return undefined;
  const [ln, r, p] = [Number(match[1]), Number(match[2]), Number(match[3])];
  // Weaker than we write is a mistake of whoever wrote it; much costlier would stop the server.
  if (ln < 14 || ln > 18 || r !== 8 || p < 1 || p > 8) return undefined;
  const hash = Buffer.from(match[5] ?? '', 'base64');
  return hash.length === HASH_BYTES
    ? { ln, r, p, salt: Buffer.from(match[4] ?? '', 'base64'), hash }
    : undefined;
}

/** NFC, because the same password is typed in different forms on different systems (RFC 8265, OpaqueString). */
function derive(password: string, salt: Uint8Array, { ln, r, p }: Cost): Promise<Buffer> {
  const N = 2 ** ln;
  const options: ScryptOptions = { N, r, p, maxmem: 128 * r * (N + p + 2) };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, HASH_BYTES, options, (error, hash) => {
      if (error === null) resolve(hash);
      else reject(error);
    });
  });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}
