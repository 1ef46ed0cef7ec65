import { Type } from '../tes/schema.ts';
import { TES_STATES } from '../tes/states.ts';

/** What each route takes and answers, for the document and for serialising: an answer holds nothing that isn't here. */

const answer = (schema: object) => ({ 200: schema });
const component = (name: string) => ({ $ref: `${name}#` });
const id = { params: Type.Object({ id: Type.String({ description: "The task's id." }) }) };
const view = Type.Optional(
  Type.Enum(['MINIMAL', 'BASIC', 'FULL'], {
    type: 'string',
    default: 'MINIMAL',
    description:
      'MINIMAL: id and state. BASIC: all but `content`, stdout, stderr and system logs. FULL: all.',
  }),
);
const tes = { tags: ['TaskService'] };
const own = { tags: ['Bulkhead'] };

export const SERVICE_INFO_ROUTE = {
  ...tes,
  operationId: 'GetServiceInfo',
  summary: 'What this service is; for everybody, but for `storage`',
  response: answer(component('tesServiceInfo')),
};

export const LIST_ROUTE = {
  ...tes,
  operationId: 'ListTasks',
  summary: "The caller's tasks, newest first",
  querystring: Type.Object({
    name_prefix: Type.Optional(Type.String({ description: 'Literal, case-sensitive.' })),
    state: Type.Optional(Type.Enum([...TES_STATES], { type: 'string' })),
    tag_key: Type.Optional(Type.Array(Type.String(), { description: 'May be repeated: all must match.' })),
    tag_value: Type.Optional(
      Type.Array(Type.String(), {
        description: 'The nth belongs to the nth tag_key; empty or missing: any value.',
      }),
    ),
    page_size: Type.Optional(Type.Integer({ format: 'int32', minimum: 1, maximum: 2047, default: 256 })),
    page_token: Type.Optional(Type.String({ description: '`next_page_token` of the page before.' })),
    view,
  }),
  response: answer(component('tesListTasksResponse')),
};

export const CREATE_ROUTE = {
  ...tes,
  operationId: 'CreateTask',
  summary: 'Admits and queues a task; durable when answered',
  body: component('tesTask'),
  headers: Type.Object({
    'Idempotency-Key': Type.Optional(
      Type.String({ description: 'Of two requests with one key, the second answers the id of the first.' }),
    ),
  }),
  response: answer(component('tesCreateTaskResponse')),
};

export const GET_ROUTE = {
  ...tes,
  operationId: 'GetTask',
  summary: 'One task',
  ...id,
  querystring: Type.Object({ view }),
  response: answer(component('tesTask')),
};

export const CANCEL_ROUTE = {
  ...tes,
  operationId: 'CancelTask',
  summary: 'Ends a task; one that has ended stays as it is',
  ...id,
  response: answer(component('tesCancelTaskResponse')),
};

export const LOGS_ROUTE = {
  ...own,
  operationId: 'GetTaskLogs',
  summary: "Output of a task's executors, one JSON object a line; the bytes of `output` are in base64",
  ...id,
  querystring: Type.Object({
    follow: Type.Optional(Type.Boolean({ default: false, description: 'Go on until the task has ended.' })),
  }),
  produces: ['application/x-ndjson'],
  response: {
    200: {
      description: 'Events of kind `state`, `progress`, `output`, `exit`.',
      content: { 'application/x-ndjson': { schema: { type: 'string' } } },
    },
  },
};

export const SANDBOX_ROUTE = {
  ...own,
  operationId: 'GetTaskSandbox',
  summary: 'The sandbox of a task, and the evidence for it',
  ...id,
  response: answer(component('taskSandbox')),
};

export const HEALTH_ROUTE = {
  ...own,
  operationId: 'GetHealth',
  summary: 'Whether requests are served and the store answers; for everybody',
  response: answer(Type.Object({ status: Type.String() })),
};
