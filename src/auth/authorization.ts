import { BulkheadError } from '../errors.ts';

export interface Authorization {
  /** In lower case. */
  readonly scheme: string;
  readonly credentials: string;
}

/** Splits an Authorization header (RFC 9110, 11.6.2). Undefined where there is none, or nothing in it. */
export function parseAuthorization(header: string | undefined): Authorization | undefined {
  const match = /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+) +(\S+)\s*$/.exec(header ?? '');
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { scheme: match[1].toLowerCase(), credentials: match[2] };
}

/** Name and password of Basic credentials (RFC 7617), in UTF-8; undefined where they are malformed. */
export function parseBasicCredentials(credentials: string): { name: string; password: string } | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(credentials)) return undefined;
  const bytes = Buffer.from(credentials, 'base64');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
  const colon = text.indexOf(':');
  return colon === -1 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** One message for whatever was wrong, so that it tells nothing about which users exist. */
export function unauthenticated(): BulkheadError {
  return new BulkheadError(
    'unauthenticated',
    'Missing or wrong credentials: send a user name and password (Basic) or a token (Bearer) that this server knows',
  );
}
