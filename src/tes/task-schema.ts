import { Type } from './schema.ts';
import { documentFields } from './document-schema.ts';
import { TES_STATES } from './states.ts';

/** What the server answers, as schemas. Each `$id` is the name that the specification gives the schema. */

const moment = (description: string) =>
  Type.Optional(Type.String({ description: `${description}, RFC 3339.` }));

export const tesState = Type.Enum([...TES_STATES], {
  $id: 'tesState',
  type: 'string',
  readOnly: true,
  default: 'UNKNOWN',
  description: 'Where the task is. UNKNOWN, PAUSED and PREEMPTED are never entered by this server.',
});

export const tesExecutorLog = Type.Object(
  {
    start_time: moment('When the executor started'),
    end_time: moment('When it ended'),
    stdout: Type.Optional(
      Type.String({ description: 'The first part of its standard output. FULL view only.' }),
    ),
    stderr: Type.Optional(
      Type.String({ description: 'The first part of its standard error. FULL view only.' }),
    ),
    exit_code: Type.Integer({
      format: 'int32',
      description: '127 not found, 126 not executable, 128 + n ended by signal n.',
    }),
  },
  { $id: 'tesExecutorLog', description: 'One executor that has ended; one that runs has no log yet.' },
);

export const tesOutputFileLog = Type.Object(
  {
    url: Type.String(),
    path: Type.String(),
    size_bytes: Type.String({
      format: 'int64',
      description: 'Bytes, as a string: JSON has no 64-bit integers.',
    }),
  },
  { $id: 'tesOutputFileLog', description: 'One file that was delivered; directories are flattened.' },
);

export const tesTaskLog = Type.Object(
  {
    logs: Type.Array(tesExecutorLog, { description: 'One entry for each executor that has ended.' }),
    metadata: Type.Optional(
      Type.Unsafe<Record<string, string>>({
        type: 'object',
        additionalProperties: { type: 'string' },
        description:
          'The sandbox that was enforced and the evidence for it, by keys that begin with `sandbox_`.',
      }),
    ),
    start_time: moment('When the attempt started'),
    end_time: moment('When it ended'),
    outputs: Type.Array(tesOutputFileLog),
    system_logs: Type.Optional(
      Type.Array(Type.String(), { description: 'Warnings and causes, for people. FULL view only.' }),
    ),
  },
  { $id: 'tesTaskLog', description: 'One attempt at the task.' },
);

export const tesTask = Type.Object(
  {
    id: Type.String({ readOnly: true }),
    state: tesState,
    ...documentFields,
    executors: Type.Optional(documentFields.executors),
    logs: Type.Optional(
      Type.Array(tesTaskLog, { readOnly: true, description: 'One entry for each attempt.' }),
    ),
    creation_time: Type.Optional(Type.String({ readOnly: true, description: 'RFC 3339.' })),
  },
  { $id: 'tesTask', description: 'A task. With view MINIMAL an answer holds id and state only.' },
);

export const tesCreateTaskResponse = Type.Object({ id: Type.String() }, { $id: 'tesCreateTaskResponse' });

export const tesCancelTaskResponse = Type.Object({}, { $id: 'tesCancelTaskResponse' });

export const tesListTasksResponse = Type.Object(
  {
    tasks: Type.Array(tesTask),
    next_page_token: Type.Optional(
      Type.String({ description: 'For `page_token` of the next request; absent on the last page.' }),
    ),
  },
  { $id: 'tesListTasksResponse' },
);
