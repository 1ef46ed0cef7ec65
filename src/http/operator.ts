import type { FastifyInstance } from 'fastify';
import type { Principal } from '../auth/authenticator.ts';
import { BulkheadError } from '../errors.ts';
import { callerOf } from './identity.ts';

/** For routes after `requireIdentity`: only operators pass. Others' tasks are no more theirs to see than before. */
export function requireOperator(app: FastifyInstance, operators: readonly string[]): void {
  app.addHook('onRequest', async (request) => {
    const caller = callerOf(request);
    if (isOperator(caller, operators)) return;
    throw new BulkheadError(
      'forbidden',
      `${caller.subject} is no operator of this server: auth.operators of its configuration lists who is.`,
    );
  });
}

/** Where nobody authenticates, the server listens on loopback alone, and its one caller is the operator. */
export function isOperator({ method, subject }: Principal, operators: readonly string[]): boolean {
  return method === 'none' || operators.includes(subject);
}
