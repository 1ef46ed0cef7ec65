import { Type } from './schema.ts';

/**
 * What a client may write, as schemas: what is validated, what is serialised and what is documented, from one
 * place. Each `$id` is the name that the specification gives the schema.
 * Source: task-execution-schemas 1.1.0, `components.schemas`.
 */

/** A map of strings, as the specification writes it; JSON Schema could also say it by a pattern. */
const stringMap = (description: string) =>
  Type.Unsafe<Record<string, string>>({
    type: 'object',
    additionalProperties: { type: 'string' },
    description,
  });

export const tesFileType = Type.Enum(['FILE', 'DIRECTORY'], {
  $id: 'tesFileType',
  type: 'string',
  default: 'FILE',
  description: 'Whether a path is a file or a directory. Always answered, need not be sent.',
});

export const tesInput = Type.Object(
  {
    name: Type.Optional(Type.String()),
    description: Type.Optional(Type.String()),
    url: Type.Optional(
      Type.String({
        description:
          'Where the input comes from; a bare absolute path means `file://`. Required unless `content` is set.',
      }),
    ),
    path: Type.String({ description: 'Absolute path in the container.' }),
    type: Type.Optional(tesFileType),
    content: Type.Optional(
      Type.String({ description: "The file's content, as UTF-8. Where it isn't empty, `url` is ignored." }),
    ),
    streamable: Type.Optional(
      Type.Boolean({ description: 'Accepted and answered; inputs are always whole files.' }),
    ),
  },
  { $id: 'tesInput', description: 'A file or directory that is there before the first executor starts.' },
);

export const tesOutput = Type.Object(
  {
    name: Type.Optional(Type.String()),
    description: Type.Optional(Type.String()),
    url: Type.String({ description: 'Where the output goes; with wildcards in `path`, a directory.' }),
    path: Type.String({
      description: 'Absolute path in the container; may hold wildcards of POSIX, `**` and `{a,b}`.',
    }),
    path_prefix: Type.Optional(
      Type.String({
        description: 'Removed from each match of a path with wildcards, what is left is appended to `url`.',
      }),
    ),
    type: Type.Optional(tesFileType),
  },
  { $id: 'tesOutput', description: 'A file or directory that is collected after the last executor.' },
);

export const tesResources = Type.Object(
  {
    cpu_cores: Type.Optional(
      Type.Number({
        description: 'Cores. The specification says integer; fractions are taken too, and answered as sent.',
      }),
    ),
    preemptible: Type.Optional(Type.Boolean()),
    ram_gb: Type.Optional(Type.Number({ description: 'Memory in units of 2³⁰ bytes.' })),
    disk_gb: Type.Optional(Type.Number({ description: 'Disk in units of 2³⁰ bytes.' })),
    zones: Type.Optional(Type.Array(Type.String())),
    backend_parameters: Type.Optional(
      stringMap(
        'Keys are case-insensitive; those supported are listed in service-info, others are dropped with a warning.',
      ),
    ),
    backend_parameters_strict: Type.Optional(
      Type.Boolean({
        description: 'False by default. Refuse the task where a backend parameter is not supported.',
      }),
    ),
  },
  { $id: 'tesResources', description: 'What the task needs of the machine.' },
);

export const tesExecutor = Type.Object(
  {
    image: Type.String({ description: 'Name of a container image.' }),
    command: Type.Array(Type.String(), {
      description: "argv: replaces the image's entrypoint and command; no shell.",
    }),
    workdir: Type.Optional(
      Type.String({ description: "Absolute path; the image's own where it is left out." }),
    ),
    stdin: Type.Optional(Type.String({ description: 'Absolute path of a file that is read from.' })),
    stdout: Type.Optional(Type.String({ description: 'Absolute path of a file that is written to.' })),
    stderr: Type.Optional(Type.String({ description: 'Absolute path of a file that is written to.' })),
    env: Type.Optional(stringMap('Environment variables.')),
    ignore_error: Type.Optional(
      Type.Boolean({ description: 'Go on with the next executor whatever the exit code.' }),
    ),
  },
  { $id: 'tesExecutor', description: 'One command in one container; executors run one after the other.' },
);

export const documentFields = {
  name: Type.Optional(Type.String()),
  description: Type.Optional(Type.String()),
  inputs: Type.Optional(Type.Array(tesInput)),
  outputs: Type.Optional(Type.Array(tesOutput)),
  resources: Type.Optional(tesResources),
  executors: Type.Array(tesExecutor),
  volumes: Type.Optional(
    Type.Array(Type.String(), {
      description: 'Absolute paths of directories, empty at first, that all executors share.',
    }),
  ),
  tags: Type.Optional(stringMap('Anything; tasks can be listed by it.')),
};

/** A task as it is sent. */
export const taskDocument = Type.Object(documentFields);
