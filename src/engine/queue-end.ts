import type { QueuedTask } from '../store/store.ts';
import type { Dependencies } from './dependencies.ts';
import { AttemptDraft } from './draft.ts';

/** Ends a task that will never start, with the reason in its system logs. False where it isn't queued any more. */
export async function endQueued(
  dependencies: Dependencies,
  taskId: string,
  reason: string,
): Promise<boolean> {
  const { notices, now, store } = dependencies;
  const task = await store.get(taskId, { view: 'FULL' });
  if (task?.state !== 'QUEUED') return false;
  const at = now();
  const last = task.attempts.at(-1);
  const draft = new AttemptDraft(
    task.sandbox,
    (last?.number ?? 0) + 1,
    at,
    last === undefined ? task.warnings : [],
  );
  draft.log(reason);
  draft.ended(at);
  const isEnded = await store.transition({
    id: taskId,
    from: 'QUEUED',
    to: 'SYSTEM_ERROR',
    at,
    reason,
    attempt: draft.record(),
  });
  notices.tell(taskId);
  return isEnded;
}

/** Why a task has waited long enough, where it has. */
export function overdue({ createdAt, sandbox }: QueuedTask, now: number): string | undefined {
  const { queueTimeMs } = sandbox.limits;
  if (queueTimeMs === null || now - createdAt <= queueTimeMs) return undefined;
  return `the task waited in the queue for ${now - createdAt} ms, its limit is ${queueTimeMs} ms: it was not started`;
}
