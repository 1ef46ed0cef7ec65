import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TesTaskDocument } from '../../src/tes/task.ts';
import { startRig } from './rig.ts';
import type { Rig } from './rig.ts';

/** What a fixture holds; `test/clients/README.md` says what each key means. */
interface Fixture {
  readonly client: string;
  readonly request: { readonly path: string; readonly headers: Record<string, string> };
  readonly task: TesTaskDocument;
}

const FOLDER = join(import.meta.dirname, '../clients/fixtures');
const fixtures = readdirSync(FOLDER).map((name) => [name, readFixture(name)] as const);

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.close());

test('there is a fixture of every client that is known', () => {
  const names = fixtures.map(([name]) => name).join(' ');
  for (const client of [
    'nextflow',
    'snakemake-7',
    'snakemake-9',
    'py-tes',
    'cwl-tes',
    'toil',
    'cromwell',
    'galaxy-pulsar',
    'sprocket',
    'funnel',
  ]) {
    expect(names).toContain(client);
  }
});

test.each(fixtures)('%s is taken as it is sent, and answered strictly', async (_name, { request, task }) => {
  const { status, json, text } = await rig.request(request.path, { body: task, headers: request.headers });
  expect({ status, text }).toMatchObject({ status: 200 });
  const full = await rig.request(`${request.path}/${json.id}?view=FULL`, { headers: request.headers });
  expect(full.json).toEqual({
    ...asTesHasIt(task),
    id: json.id,
    state: 'QUEUED',
    logs: [],
    creation_time: expect.stringMatching(/Z$/),
  });
});

/** What TES has of a task as it was sent: without nulls, empty paths, read-only fields and unsupported parameters, with every type. */
function asTesHasIt(task: TesTaskDocument): object {
  const sent: TesTaskDocument = JSON.parse(
    JSON.stringify(task, (_key, value: unknown) => value ?? undefined),
  );
  const { backend_parameters: _parameters, ...resources } = sent.resources ?? {};
  return {
    ...sent,
    ...(sent.resources && { resources }),
    ...(sent.inputs && {
      inputs: sent.inputs.map((input) => withoutEmpty({ type: 'FILE', ...input }, ['url'])),
    }),
    ...(sent.outputs && {
      outputs: sent.outputs.map((output) => withoutEmpty({ type: 'FILE', ...output }, ['path_prefix'])),
    }),
    executors: sent.executors.map((executor) =>
      withoutEmpty(executor, ['workdir', 'stdin', 'stdout', 'stderr']),
    ),
  };
}

function withoutEmpty(value: object, keys: readonly string[]): object {
  return Object.fromEntries(
    Object.entries(value).filter(([key, member]) => !(keys.includes(key) && member === '')),
  );
}

function readFixture(name: string): Fixture {
  const text = readFileSync(join(FOLDER, name), 'utf8');
  return JSON.parse(
    text
      .replaceAll('{{root}}', '/srv/shared')
      .replaceAll('{{image}}', 'quay.io/biocontainers/bwa:0.7.18--he4a0461_1'),
  );
}
