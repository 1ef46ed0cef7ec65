import { Type } from '../tes/schema.ts';

/** What the operators' routes take and answer, for the document and for serialising. */

const own = { tags: ['Bulkhead'] };
const status = Type.Object({ status: Type.String() });
const state = Type.Object({
  draining: Type.Boolean(),
  takes_creates: Type.Boolean({ description: 'Whether a new task is taken, to run or to wait.' }),
  running: Type.Integer({ description: 'Attempts that run now.' }),
  holds: Type.Array(
    Type.Object({ cause: Type.String(), reason: Type.String(), since: Type.String({ format: 'date-time' }) }),
    { description: 'Why nothing new is started; empty where it is.' },
  ),
});
const leftovers = Type.Object({
  leftovers: Type.Array(
    Type.Object({
      kind: Type.String(),
      name: Type.String(),
      reason: Type.String(),
      bytes: Type.Optional(Type.Integer()),
      failure: Type.Optional(Type.String({ description: 'Why it could not be removed.' })),
    }),
  ),
});
const id = { params: Type.Object({ id: Type.String() }) };

export const LIVE_ROUTE = {
  ...own,
  operationId: 'GetLiveness',
  summary: 'Whether requests are served; for everybody',
  response: { 200: status },
};

const readiness = Type.Object({
  status: Type.String({ description: '`ok`; `held`: tasks are taken and wait; `failed`: none is taken.' }),
  draining: Type.Boolean(),
  parts: Type.Array(Type.Object({ name: Type.String(), status: Type.String() })),
});

export const READY_ROUTE = {
  ...own,
  operationId: 'GetReadiness',
  summary: 'Whether new tasks are taken; for everybody',
  response: { 200: readiness, 503: readiness },
};

export const DRAIN_ROUTE = {
  get: {
    ...own,
    operationId: 'GetDrain',
    summary: 'What runs, and why nothing new is',
    response: { 200: state },
  },
  post: {
    ...own,
    operationId: 'Drain',
    summary: 'Starts nothing new; what runs comes to its end',
    querystring: Type.Object({
      creates: Type.Optional(
        Type.Enum(['queue', 'refuse'], {
          type: 'string',
          default: 'queue',
          description: 'What becomes of new tasks.',
        }),
      ),
    }),
    response: { 200: state },
  },
  delete: { ...own, operationId: 'Undrain', summary: 'Takes a drain back', response: { 200: state } },
};

export const BACKUPS_ROUTE = {
  ...own,
  operationId: 'MakeBackup',
  summary: 'Makes a backup of the store as it is now; one JSON object a line',
  produces: ['application/x-ndjson'],
  response: {
    200: {
      description: 'Objects of kind `progress`, then `ready` or `failed`.',
      content: { 'application/x-ndjson': { schema: { type: 'string' } } },
    },
  },
};

export const BACKUP_ROUTE = {
  get: {
    ...own,
    ...id,
    operationId: 'GetBackup',
    summary: 'A backup that was made',
    produces: ['application/vnd.sqlite3'],
    response: {
      200: {
        description: 'An SQLite database.',
        content: { 'application/vnd.sqlite3': { schema: { type: 'string', format: 'binary' } } },
      },
    },
  },
  delete: {
    ...own,
    ...id,
    operationId: 'RemoveBackup',
    summary: 'Removes it',
    response: { 200: Type.Object({}) },
  },
};

export const LEFTOVERS_ROUTE = {
  get: { ...own, operationId: 'GetLeftovers', summary: 'What no task owns', response: { 200: leftovers } },
  delete: {
    ...own,
    operationId: 'RemoveLeftovers',
    summary: 'Removes what no task owns',
    response: { 200: leftovers },
  },
};

export const METRICS_ROUTE = {
  ...own,
  operationId: 'GetMetrics',
  summary: 'Metrics in the text format of Prometheus',
  produces: ['text/plain'],
  response: {
    200: { description: 'Metrics.', content: { 'text/plain': { schema: { type: 'string' } } } },
  },
};
