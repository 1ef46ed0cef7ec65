import type { Sandbox } from '../../sandbox/sandbox.ts';
import type { AttemptRecord, ExecutorRecord, NewTask, QueuedTask, TaskRecord } from '../store.ts';
import { documentSha256, indexedTags, joinDocument, parseText, splitDocument } from './document.ts';
import type { AdmissionRow, AttemptInput, CreateInput, QueuedRow, TaskRow, TextBody } from './messages.ts';

/** A new task as the database takes it. */
export function toCreateInput(task: NewTask): CreateInput {
  const { body, contents } = splitDocument(task.document);
  return {
    id: task.id,
    owner: task.owner,
    createdAt: task.createdAt,
    name: (task.document.name ?? '').toWellFormed(),
    tags: indexedTags(task.document),
    document: body,
    contents,
    sandbox: JSON.stringify(task.sandbox),
    warnings: JSON.stringify(task.warnings),
    ...(task.idempotencyKey === undefined
      ? {}
      : { idempotency: { key: task.idempotencyKey, sha256: documentSha256(task.document) } }),
  };
}

/** An attempt as the database takes it: its texts apart from the rest. */
export function toAttemptInput({ number, systemLogs, executors, ...rest }: AttemptRecord): AttemptInput {
  const texts: TextBody[] = [];
  if (systemLogs.length > 0) texts.push({ part: 'system', body: JSON.stringify(systemLogs) });
  const slim = executors.map(({ stdout, stderr, ...executor }, position) => {
    if (stdout !== undefined) texts.push({ part: `${position}.stdout`, body: JSON.stringify(stdout) });
    if (stderr !== undefined) texts.push({ part: `${position}.stderr`, body: JSON.stringify(stderr) });
    return executor;
  });
  return { number, body: JSON.stringify({ ...rest, executors: slim }), texts };
}

/** Tasks of one answer that were admitted alike share what is parsed of it. */
export function toTaskRecords(rows: readonly TaskRow[]): TaskRecord[] {
  const admissions = new Map<AdmissionRow, Admission>();
  return rows.map((row) => {
    const admission = admissions.get(row.admission) ?? parseAdmission(row.admission);
    admissions.set(row.admission, admission);
    return toTaskRecord(row, admission);
  });
}

type Admission = Pick<TaskRecord, 'sandbox' | 'warnings'>;

function parseAdmission({ sandbox, warnings }: AdmissionRow): Admission {
  return { sandbox: parseSandbox(sandbox), warnings: parseStrings(warnings) };
}

function toTaskRecord(row: TaskRow, { sandbox, warnings }: Admission): TaskRecord {
  return {
    id: row.id,
    sequence: row.sequence,
    owner: row.owner,
    state: row.state,
    createdAt: row.createdAt,
    document: row.document === undefined ? { executors: [] } : joinDocument(row.document, row.contents),
    sandbox,
    warnings,
    attempts: row.attempts.map(toAttemptRecord),
  };
}

export function toQueuedTask({ sandbox, ...row }: QueuedRow): QueuedTask {
  return { ...row, sandbox: parseSandbox(sandbox) };
}

/** Of our own making: `toCreateInput` wrote it. */
function parseSandbox(body: string): Sandbox {
  return JSON.parse(body);
}

function parseStrings(body: string): string[] {
  return JSON.parse(body);
}

function toAttemptRecord({ number, body, texts }: AttemptInput): AttemptRecord {
  const slim: Omit<AttemptRecord, 'number' | 'systemLogs'> = JSON.parse(body);
  const byPart = new Map(texts.map((text) => [text.part, text.body]));
  const system = byPart.get('system');
  return {
    ...slim,
    number,
    systemLogs: system === undefined ? [] : parseStrings(system),
    executors: slim.executors.map((executor, position) => withStreams(executor, position, byPart)),
  };
}

function withStreams(
  executor: ExecutorRecord,
  position: number,
  byPart: ReadonlyMap<string, string>,
): ExecutorRecord {
  const stdout = byPart.get(`${position}.stdout`);
  const stderr = byPart.get(`${position}.stderr`);
  return {
    ...executor,
    ...(stdout === undefined ? {} : { stdout: parseText(stdout) }),
    ...(stderr === undefined ? {} : { stderr: parseText(stderr) }),
  };
}
