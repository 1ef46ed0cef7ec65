import { Type } from '../tes/schema.ts';
import type { Static } from '../tes/schema.ts';
import { GRADES } from '../sandbox/sandbox.ts';

const milliseconds = (description: string) =>
  Type.Unsafe<number | null>({
    type: 'integer',
    nullable: true,
    description: `${description}; null: no limit.`,
  });

const evidence = Type.Object({
  grade: Type.Enum([...GRADES], {
    type: 'string',
    description: 'Weakest first: requested, configured, observed, probed.',
  }),
  config_sha256: Type.String({ description: "Of the runtime's configuration as it was handed over." }),
  image_digest: Type.String(),
  runtime: Type.String(),
  observed: Type.Unsafe<Record<string, string>>({
    type: 'object',
    additionalProperties: { type: 'string' },
    description: 'What was read from outside before the first instruction.',
  }),
  unenforced: Type.Array(Type.String(), {
    description: "Controls of the sandbox that the host couldn't enforce.",
  }),
});

const executorSandbox = {
  profile: Type.String(),
  isolation: Type.String(),
  privilege: Type.String(),
  network: Type.String(),
  egress: Type.Optional(Type.Array(Type.String(), { description: 'What may be reached, as `host:port`.' })),
  rootfs: Type.String(),
  compat: Type.Array(Type.String()),
};

/** What is to be enforced for a task, and what is known of it; field names are those of `sandbox_effective`. */
export const sandboxAnswer = Type.Object(
  {
    id: Type.String(),
    sandbox: Type.Object({
      ...executorSandbox,
      limits: Type.Object({
        cpu_cores: Type.Number(),
        memory_bytes: Type.Integer(),
        disk_bytes: Type.Integer(),
        disk_inodes: Type.Integer(),
        pids: Type.Integer(),
        open_files: Type.Integer(),
        log_bytes: Type.Integer(),
        wall_time_ms: milliseconds('From the start of the first executor'),
        queue_time_ms: milliseconds('In QUEUED'),
      }),
      executors: Type.Array(
        Type.Object({ index: Type.Integer(), ...executorSandbox, pids: Type.Integer() }),
        { description: 'Those whose sandbox is another.' },
      ),
      rules: Type.Array(Type.String(), { description: "Ids of the site's rules that decided something." }),
    }),
    attempts: Type.Array(
      Type.Object({
        number: Type.Integer(),
        executors: Type.Array(
          Type.Object({
            index: Type.Integer(),
            evidence: Type.Unsafe<Static<typeof evidence> | null>({ ...evidence, nullable: true }),
          }),
        ),
      }),
    ),
  },
  { $id: 'taskSandbox' },
);
