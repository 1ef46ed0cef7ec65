import { isIP } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Authenticator, Principal } from '../auth/authenticator.ts';
import { BulkheadError, isBulkheadError } from '../errors.ts';

const CALLER = 'caller';

/** Finds out who calls, before a body is read, and refuses whoever may not. */
export function requireIdentity(app: FastifyInstance, authenticator: Authenticator): void {
  app.decorateRequest(CALLER, null);
  app.addHook('onRequest', async (request) => {
    request.setDecorator<Principal>(CALLER, await identify(request, authenticator));
  });
}

export function callerOf(request: FastifyRequest): Principal {
  return request.getDecorator<Principal>(CALLER);
}

/** Where a route serves everybody: undefined for a caller who shows no credential; a wrong one is refused all the same. */
export async function identifyIfShown(
  request: FastifyRequest,
  authenticator: Authenticator,
): Promise<Principal | undefined> {
  if (request.headers.authorization !== undefined) return identify(request, authenticator);
  try {
    return await identify(request, authenticator);
  } catch (error) {
    if (isBulkheadError(error) && error.code === 'unauthenticated') return undefined;
    throw error;
  }
}

async function identify(request: FastifyRequest, authenticator: Authenticator): Promise<Principal> {
  const principal = await authenticator.authenticate(request.headers.authorization);
  if (principal.method === 'none') refuseRebinding(request.headers.host);
  return principal;
}

/**
 * Without authentication a server is for programs of this machine alone, but a web page can make its own name mean
 * 127.0.0.1, and its visitor's browser then takes the server for the page's ("DNS rebinding"). Such a request still
 * names the page's host.
 */
function refuseRebinding(host: string | undefined): void {
  if (host === undefined || isLocalName(host.replace(/:\d*$/, ''))) return;
  throw new BulkheadError(
    'forbidden',
    `Without authentication this server answers only to localhost or an address, not to the name ${JSON.stringify(host.slice(0, 100))}: call it by its address, or configure auth.mode.`,
  );
}

function isLocalName(name: string): boolean {
  const bare = name.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  return bare === 'localhost' || bare.endsWith('.localhost') || isIP(bare) !== 0;
}
