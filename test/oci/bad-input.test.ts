/** Documents, images and commands that can't run, on a real server: each with an error that says what is wrong. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TesExecutor, TesTask, TesTaskDocument } from '../../src/tes/task.ts';
import { tracesOfServer } from '../e2e/traces.ts';
import { busyboxLayout } from '../fixtures/images.ts';
import { temporaryFolder, type TemporaryFolder } from '../fixtures/provider.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { writeBoxLayout } from './images.ts';
import { exits, sh, told } from './tasks.ts';

let server: TestServer;
let boxes: TemporaryFolder;

beforeAll(async () => {
  boxes = await temporaryFolder();
  await writeBoxLayout(boxes.path);
  server = await startServer({
    images: { layouts: [await busyboxLayout(), boxes.path] },
    policy: { defaults: { cpu_cores: 0.25, ram_gb: 0.0625, disk_gb: 0.0625 } },
  });
});
afterAll(async () => {
  await server.stop();
  expect(await tracesOfServer(server)).toEqual([]);
  await boxes[Symbol.asyncDispose]();
});

describe('documents that can’t be tasks are refused with 400, naming the field', () => {
  const ok: TesExecutor = { image: 'busybox', command: ['true'] };
  const withImage = (image: string): TesTaskDocument => ({ executors: [{ ...ok, image }] });
  const DOCUMENTS: readonly [what: string, document: TesTaskDocument, field: string][] = [
    ...[
      '--privileged',
      '-v/:/host',
      'busybox;id',
      '$(id)',
      '`id`',
      '{{.ID}}',
      'a b',
      '../busybox',
      'busybox\nx',
    ].map((image): [string, TesTaskDocument, string] => [
      `the image ${JSON.stringify(image)}`,
      withImage(image),
      '/executors/0/image',
    ]),
    ['env with = in a key', { executors: [{ ...ok, env: { 'A=B': 'c' } }] }, '/executors/0/env'],
    ['env with an empty key', { executors: [{ ...ok, env: { '': 'c' } }] }, '/executors/0/env'],
    ['a relative workdir', { executors: [{ ...ok, workdir: 'work' }] }, '/executors/0/workdir'],
    ['.. in a workdir', { executors: [{ ...ok, workdir: '/a/../../etc' }] }, '/executors/0/workdir'],
    ['a relative stdin', { executors: [{ ...ok, stdin: 'in' }] }, '/executors/0/stdin'],
    ['.. in stdout', { executors: [{ ...ok, stdout: '/out/../../etc/x' }] }, '/executors/0/stdout'],
    ['.. in stderr', { executors: [{ ...ok, stderr: '/../x' }] }, '/executors/0/stderr'],
    ['a relative volume', { executors: [ok], volumes: ['data'] }, '/volumes/0'],
    ['.. in a volume', { executors: [ok], volumes: ['/a/../..'] }, '/volumes/0'],
    ['.. in an input', { executors: [ok], inputs: [{ path: '/in/../../x', content: '' }] }, '/inputs/0/path'],
    [
      'an output to ..',
      { executors: [ok], outputs: [{ path: '/x', url: '/data/../etc' }] },
      '/outputs/0/url',
    ],
    ['a relative output', { executors: [ok], outputs: [{ path: 'x', url: '/data/x' }] }, '/outputs/0/path'],
    [
      'inputs that collide',
      {
        executors: [ok],
        inputs: [
          { path: '/in', content: 'a' },
          { path: '/in/b', content: 'b' },
        ],
      },
      '/inputs/1/path',
    ],
  ];

  for (const [what, document, field] of DOCUMENTS) {
    test(what, async () => {
      const answer = await server.request('/ga4gh/tes/v1/tasks', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(document),
      });
      expect(answer.status).toBe(400);
      expect(await answer.text()).toContain(field);
    });
  }
});

describe('images that can’t run end SYSTEM_ERROR, and say why', () => {
  test.concurrent.each([
    ['busybox:missing', /library\/busybox[\s\S]*has the tags .*latest/],
    ['no-such-image:1', /library\/no-such-image[\s\S]*No layout/],
    ['busybox:arm64', /arm64[\s\S]*amd64|amd64[\s\S]*arm64/],
    ['busybox:big-uid', /70000|65535|65,535/],
    ['box:ill-named', /nobody-knows/],
  ])('%s', async (image, said) => {
    const task = await run({ executors: [{ image, command: ['true'] }] });
    expect(task.state).toBe('SYSTEM_ERROR');
    expect(task.logs?.[0]?.logs).toEqual([]);
    expect(told(task)).toMatch(said);
  });
});

describe('exit codes', () => {
  const ENDS: readonly [command: string[], exitCode: number, said: RegExp][] = [
    [['no-such-program'], 127, /command "no-such-program" was not found/],
    [['/etc/passwd'], 126, /command "\/etc\/passwd" can't be executed: Permission denied/],
    [['/tmp'], 126, /command "\/tmp" can't be executed/],
    [['sh', '-c', 'kill -KILL $$'], 137, /as by SIGKILL/],
    [['sh', '-c', 'kill -TERM $$'], 143, /as by SIGTERM/],
    [['sh', '-c', 'kill -ABRT $$'], 134, /as by SIGABRT/],
    [['sh', '-c', 'exit 255'], 255, /^$/],
  ];

  test.concurrent.each(ENDS)('%j ends with %i and the task with it', async (command, exitCode, said) => {
    const task = await run({ executors: [sh(command), sh(['true'])] });
    expect({ state: task.state, exits: exits(task) }).toEqual({ state: 'EXECUTOR_ERROR', exits: [exitCode] });
    expect(told(task)).toMatch(said);
  });

  test('each is subject to ignore_error, and keeps its code', async () => {
    const executors = ENDS.map(([command]) => ({ ...sh(command), ignore_error: true }));
    const task = await run({ executors: [...executors, sh(['true'])] });
    expect({ state: task.state, exits: exits(task) }).toEqual({
      state: 'COMPLETE',
      exits: [...ENDS.map(([, exitCode]) => exitCode), 0],
    });
  });
});

test('arguments and variables arrive as they were sent, whatever they look like', async () => {
  const odd = [
    '',
    ' ',
    '$(id)',
    '`id`',
    '${HOME}',
    '{{.ID}}',
    "it's",
    '"',
    '\\',
    'two\nlines',
    'é\u{1F9EC}',
    '--',
    '-e',
  ];
  const task = await run({
    executors: [
      sh(['printf', '<%s>', ...odd]),
      {
        ...sh(['sh', '-c', odd.map((_, at) => `printf "<%s>" "$ODD_${at}"`).join(';')]),
        env: Object.fromEntries(odd.map((value, at) => [`ODD_${at}`, value])),
      },
    ],
  });
  const expected = odd.map((value) => `<${value}>`).join('');
  expect((task.logs?.[0]?.logs ?? []).map(({ stdout }) => stdout)).toEqual([expected, expected]);
});

async function run(document: TesTaskDocument): Promise<TesTask> {
  return server.run(document);
}
