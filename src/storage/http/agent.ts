import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { callbackify } from 'node:util';
import { Agent, buildConnector } from 'undici';
import { BulkheadError } from '../../errors.ts';
import { type AllowedAddresses, addressProblem } from '../addresses.ts';

/** Every address of a host, such as `dns.lookup` gives. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export interface AgentOptions {
  readonly allowed: AllowedAddresses;
  /** Nothing arriving for so long is a failure; milliseconds. */
  readonly idleMs: number;
  readonly resolve: Resolve;
  /** Certificates to trust besides the usual, PEM. */
  readonly ca?: string;
}

const MAX_CONNECT_MS = 10_000;

/**
 * Connections to addresses that the site allows. A name is resolved once for a connection, and the address that was
 * judged is the one connected to. Its requests fail with `storage-denied` where no address of the host may be reached.
 */
export function createAgent({ allowed, idleMs, resolve, ca }: AgentOptions): Agent {
  const connect = buildConnector({
    timeout: Math.min(idleMs, MAX_CONNECT_MS),
    ...(ca === undefined ? {} : { ca }),
  });
  const choose = callbackify(chooseAddress);
  return new Agent({
    headersTimeout: idleMs,
    bodyTimeout: idleMs,
    connect(options, callback) {
      const host = options.hostname.replace(/^\[|\]$/g, '');
      const port = Number(options.port || (options.protocol === 'https:' ? 443 : 80));
      choose({ host, port }, allowed, resolve, (error, address) => {
        if (error) return callback(error, null);
        // The certificate is the name's, not the address's.
        const servername = options.servername ?? (isIP(host) === 0 ? host : '');
        connect({ ...options, hostname: address, host: address, port: String(port), servername }, callback);
      });
    },
  });
}

export async function resolveByHost(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

async function chooseAddress(
  target: { readonly host: string; readonly port: number },
  allowed: AllowedAddresses,
  resolve: Resolve,
): Promise<string> {
  const addresses = isIP(target.host) === 0 ? await resolve(target.host) : [target.host];
  const problems: string[] = [];
  for (const address of addresses) {
    const problem = addressProblem(address, target, allowed);
    if (problem === undefined) return address;
    problems.push(`${address} ${problem}`);
  }
  throw new BulkheadError(
    'storage-denied',
    `${target.host}:${target.port} must not be reached: ${problems.join(', ') || 'it has no address'}; ` +
      'the site can list it in storage.http.allow_private',
  );
}
