import { BulkheadError } from '../../errors.ts';

const SHAPE = /^t1:([1-9][0-9]{0,14})$/;

/** A place in a list, newest first: what follows has a smaller sequence. Opaque to clients. */
export function toPageToken(before: number): string {
  return Buffer.from(`t1:${before}`).toString('base64url');
}

/** Throws `invalid` for what `toPageToken` never made. */
export function fromPageToken(token: string): number {
  const before = SHAPE.exec(Buffer.from(token, 'base64url').toString('latin1'))?.[1];
  // Decoding forgives much: only the one spelling that was handed out is taken.
  if (before !== undefined && toPageToken(Number(before)) === token) return Number(before);
  throw new BulkheadError(
    'invalid',
    `page_token "${token.slice(0, 100)}" is none that this server gave out. Leave it out to begin at the first page.`,
    { fields: [{ field: '/page_token', problem: 'is not a token of this server' }] },
  );
}
