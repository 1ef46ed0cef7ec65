import { isLoopback } from '../config/loopback.ts';
import { BulkheadError } from '../errors.ts';
import type { Session } from './session.ts';

export interface Server {
  /** Without a slash at its end; what `/ga4gh/tes/v1` and `/bulkhead/v1` are put after. */
  readonly base: string;
  /** The Authorization header, where there are credentials. */
  readonly authorization: string | undefined;
  /** Credentials would go over the network for everybody to read. */
  readonly isExposed: boolean;
}

export const DEFAULT_SERVER = 'http://127.0.0.1:8710';

/** The server of `--server` or BULKHEAD_SERVER_URL, with the credentials of the environment. Throws `invalid`. */
export function serverOf(option: string | undefined, env: Session['env']): Server {
  const written = option ?? (env['BULKHEAD_SERVER_URL'] || DEFAULT_SERVER);
  const url = parsed(written);
  const authorization = authorizationOf(env);
  return {
    base: url.origin + url.pathname.replace(/\/+$/, '').replace(/(?:\/ga4gh\/tes)?\/v1$/, ''),
    authorization,
    isExposed: authorization !== undefined && url.protocol === 'http:' && !isLoopback(url.hostname),
  };
}

function parsed(written: string): URL {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(written) ? written : `http://${written}`;
  const url = URL.parse(withScheme);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new BulkheadError(
      'invalid',
      `The server address ${JSON.stringify(written)} is not of the form ${DEFAULT_SERVER}`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new BulkheadError(
      'invalid',
      'The server address has credentials in it, where others can see them: use BULKHEAD_TOKEN, or BULKHEAD_USER and BULKHEAD_PASSWORD',
    );
  }
  return url;
}

function authorizationOf(env: Session['env']): string | undefined {
  const { BULKHEAD_TOKEN: token, BULKHEAD_USER: user, BULKHEAD_PASSWORD: password } = env;
  if (token) return `Bearer ${token.trim()}`;
  if (!user) return undefined;
  if (!password)
    throw new BulkheadError(
      'invalid',
      'BULKHEAD_USER is set, but BULKHEAD_PASSWORD is not: set both, or BULKHEAD_TOKEN',
    );
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
