import { join } from 'node:path';
import type { TesTaskDocument } from '../../src/tes/task.ts';

export const SHAPES = ['several', 'single', 'chatty', 'staged', 'failing', 'fresh'] as const;
export type ShapeName = (typeof SHAPES)[number];

/** Where a task's files come from and go to, which differs from task to task. */
export interface Surroundings {
  /** Of this task alone. */
  readonly name: string;
  /** A folder that tasks may read and write; below it, NAME is where outputs go. */
  readonly files: string;
  /** Asked for by http. */
  readonly url: string;
  /** Not on this host yet. */
  readonly freshImage: string;
}

export interface Shape {
  readonly document: TesTaskDocument;
  readonly expected: Expected;
}

/** How a task ends that nobody kills or cancels. */
export interface Expected {
  readonly state: 'COMPLETE' | 'EXECUTOR_ERROR';
  readonly exitCodes: readonly number[];
  readonly stdout: readonly string[];
  /** Content of output files, by path. */
  readonly outputs: Readonly<Record<string, string>>;
}

const BUSYBOX = 'busybox:latest';
const LIGHT = { cpu_cores: 0.25 };
/** Long enough that a kill finds it running. Seconds. */
const NAP = '0.25';
/** Enough that staging it takes some milliseconds. */
const MANY = 40;
const CHATTER = 32 * 1024;

export function shapeOf(name: ShapeName, around: Surroundings): Shape {
  const { document, expected } = MAKERS[name](around);
  return { document: { name: around.name, resources: LIGHT, ...document }, expected };
}

const MAKERS: Readonly<Record<ShapeName, (around: Surroundings) => Shape>> = {
  single: ({ name }) => ({
    document: { executors: [shell(`echo ${name}; sleep ${NAP}; exit 0`)] },
    expected: { state: 'COMPLETE', exitCodes: [0], stdout: [`${name}\n`], outputs: {} },
  }),
  failing: ({ name }) => ({
    document: { executors: [shell(`echo ${name}; sleep ${NAP}; exit 3`), shell('echo never')] },
    expected: { state: 'EXECUTOR_ERROR', exitCodes: [3], stdout: [`${name}\n`], outputs: {} },
  }),
  /** The file is begun anew by nobody: an executor that ran twice has left two lines in it. */
  several: ({ name, files }) => {
    const outputs = join(files, name);
    return {
      document: {
        volumes: ['/v'],
        executors: [1, 2, 3].map((at) => ({
          ...shell(`echo ${at} >> /v/began; cat /v/began; sleep ${NAP}; exit ${at}`),
          ignore_error: true,
        })),
        outputs: [{ url: outputs, path: '/v', type: 'DIRECTORY' }],
      },
      expected: {
        state: 'COMPLETE',
        exitCodes: [1, 2, 3],
        stdout: ['1\n', '1\n2\n', '1\n2\n3\n'],
        outputs: { [join(outputs, 'began')]: '1\n2\n3\n' },
      },
    };
  },
  staged: ({ name, files, url }) => {
    const outputs = join(files, name);
    const parts = Array.from({ length: MANY }, (_, at) => at);
    return {
      document: {
        inputs: [
          { url, path: '/in/web' },
          ...parts.map((at) => ({ path: `/in/many/${at}`, content: `part ${at}\n` })),
        ],
        volumes: ['/out'],
        executors: [shell('cp -r /in/many /out/; cp /in/web /out/; cat /in/many/* | wc -l')],
        outputs: [{ url: outputs, path: '/out', type: 'DIRECTORY' }],
      },
      expected: {
        state: 'COMPLETE',
        exitCodes: [0],
        stdout: [`${MANY}\n`],
        outputs: {
          [join(outputs, 'web')]: url,
          ...Object.fromEntries(parts.map((at) => [join(outputs, 'many', String(at)), `part ${at}\n`])),
        },
      },
    };
  },
  chatty: () => ({
    document: {
      executors: [shell(`yes o | head -c ${CHATTER}; yes e | head -c ${CHATTER} >&2; sleep ${NAP}`)],
    },
    expected: {
      state: 'COMPLETE',
      exitCodes: [0],
      stdout: ['o\n'.repeat(CHATTER / 2)],
      outputs: {},
    },
  }),
  fresh: ({ name, freshImage }) => ({
    document: { executors: [{ ...shell(`echo ${name}; sleep ${NAP}`), image: freshImage }] },
    expected: { state: 'COMPLETE', exitCodes: [0], stdout: [`${name}\n`], outputs: {} },
  }),
};

function shell(script: string): { image: string; command: string[] } {
  return { image: BUSYBOX, command: ['sh', '-c', script] };
}
