import type { FastifyInstance } from 'fastify';
import { refuseOtherMethods } from './methods.ts';
import { LIVE_ROUTE, READY_ROUTE } from './operation-schema.ts';
import type { OperationOptions, ReadinessCheck } from './operation-options.ts';

/** A part that takes longer than this doesn't answer, in milliseconds. */
const PATIENCE_MS = 5_000;

interface Part {
  readonly name: string;
  /** `held`: works, but nothing new is started. */
  readonly status: 'ok' | 'held' | 'failed';
}

/**
 * `GET …/health/live`: 200 while requests are served at all; a process that doesn't answer is to be started anew.
 * `GET …/health/ready`: 200 while new tasks are taken, else 503, with each part by name. A drain or a disk that is nearly
 * full alone leaves a server ready, as long as it queues tasks. Without authentication, so without a word on why.
 */
export function readinessRoutes(
  app: FastifyInstance,
  { operation, readiness }: Pick<OperationOptions, 'operation' | 'readiness'>,
): void {
  app.get('/health/live', { schema: LIVE_ROUTE }, async () => ({ status: 'ok' }));
  app.get('/health/ready', { schema: READY_ROUTE }, async (request, reply) => {
    const { holds, takesCreates } = operation.state();
    const answers = await Promise.all(
      readiness.map(async (each) => await ask(each, (error) => request.log.warn({ err: error }, each.name))),
    );
    const held = holds.map(({ cause }): Part => ({ name: cause, status: takesCreates ? 'held' : 'failed' }));
    const parts = [...answers, ...held];
    const isReady = takesCreates && answers.every(({ status }) => status === 'ok');
    reply.code(isReady ? 200 : 503);
    if (!isReady) reply.header('retry-after', String(PATIENCE_MS / 1000));
    return {
      status: isReady ? (held.length > 0 ? 'held' : 'ok') : 'failed',
      draining: holds.some(({ cause }) => cause === 'drain'),
      parts,
    };
  });
  refuseOtherMethods(app, '/health/live', ['GET']);
  refuseOtherMethods(app, '/health/ready', ['GET']);
}

async function ask({ check, name }: ReadinessCheck, onFailure: (error: unknown) => void): Promise<Part> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer in ${PATIENCE_MS} ms`)), PATIENCE_MS);
  try {
    await Promise.race([check(), late.promise]);
    return { name, status: 'ok' };
  } catch (error) {
    onFailure(error);
    return { name, status: 'failed' };
  } finally {
    clearTimeout(timer);
  }
}
