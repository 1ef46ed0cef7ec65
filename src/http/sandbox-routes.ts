import type { FastifyInstance } from 'fastify';
import type { Static } from '../tes/schema.ts';
import type { Evidence } from '../sandbox/sandbox.ts';
import type { TaskRecord } from '../store/store.ts';
import { callerOf } from './identity.ts';
import { SANDBOX_ROUTE } from './openapi-routes.ts';
import type { HttpServerOptions } from './options.ts';
import type { sandboxAnswer } from './sandbox-schema.ts';
import { sandboxView } from './sandbox-view.ts';
import { unknownTask } from './task-routes.ts';

type SandboxAnswer = Static<typeof sandboxAnswer>;
type EvidenceAnswer = NonNullable<SandboxAnswer['attempts'][number]['executors'][number]['evidence']>;

/** `GET …/tasks/{id}/sandbox`: what is to be enforced for a task, and what is known of the enforcement for each executor. */
export function sandboxRoutes(app: FastifyInstance, { store }: Pick<HttpServerOptions, 'store'>): void {
  app.get<{ Params: { id: string } }>('/tasks/:id/sandbox', { schema: SANDBOX_ROUTE }, async (request) => {
    const { id } = request.params;
    const task = await store.get(id, { owner: callerOf(request).subject, view: 'BASIC' });
    if (task === undefined) throw unknownTask(id);
    return {
      id,
      sandbox: sandboxView(task.sandbox),
      attempts: task.attempts.map(attemptView),
    } satisfies SandboxAnswer;
  });
}

function attemptView({
  number,
  executors,
}: TaskRecord['attempts'][number]): SandboxAnswer['attempts'][number] {
  return {
    number,
    executors: executors.map(({ index, evidence }) => ({
      index,
      evidence: evidence === undefined ? null : evidenceView(evidence),
    })),
  };
}

function evidenceView(evidence: Evidence): EvidenceAnswer {
  return {
    grade: evidence.grade,
    config_sha256: evidence.configSha256,
    image_digest: evidence.imageDigest,
    runtime: evidence.runtime,
    observed: { ...evidence.observed },
    unenforced: [...evidence.unenforced],
  };
}
