import { chown, mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TesOutput, TesTask } from '../../src/tes/task.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { startWeb, type Web } from './web.ts';

/** What goes in and what comes out, on a real server with real containers. */
let server: TestServer;
let open: Web;
let closed: Web;
/** Roots of the server: one to read only, one whose files belong to somebody. */
let readOnly: string;
let owned: string;
/** A folder of the test's own, below a root that tasks may write. */
let folder: string;
let tests = 0;

beforeAll(async () => {
  open = await startWeb();
  closed = await startWeb();
  server = await startServer((at) => ({
    storage: {
      http: { allow_private: [open.host] },
      file: {
        roots: [
          { path: join(at, 'files'), write: true },
          { path: join(at, 'read-only') },
          { path: join(at, 'owned'), write: true, owner: '4321:5432' },
        ],
      },
    },
  }));
  [readOnly, owned] = [join(server.folder, 'read-only'), join(server.folder, 'owned')];
  for (const path of [readOnly, owned]) await mkdir(path);
  await writeFile(join(server.folder, 'secret'), 'secret\n');
});
afterAll(async () => {
  await server.stop();
  for (const web of [open, closed]) await web[Symbol.asyncDispose]();
});
beforeEach(async () => {
  tests += 1;
  folder = join(server.files, String(tests));
  await mkdir(folder);
});

const LIGHT = { cpu_cores: 0.25 };

/** A task of one shell script. */
async function run(
  script: string,
  files: { inputs?: object[]; outputs?: TesOutput[]; volumes?: string[] },
  on: TestServer = server,
): Promise<TesTask> {
  return on.run({
    resources: LIGHT,
    executors: [{ image: 'busybox:latest', command: ['sh', '-c', script] }],
    ...files,
  });
}

const told = (task: TesTask): string => task.logs?.at(-1)?.system_logs?.join('\n') ?? '';
const stdoutOf = (task: TesTask): string | undefined => task.logs?.at(-1)?.logs[0]?.stdout;
const listed = (task: TesTask): string[] =>
  (task.logs?.at(-1)?.outputs ?? []).map(({ url }) => url.replace(`${folder}/`, '')).toSorted();

async function put(path: string, content: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

describe('inputs', () => {
  it('content wins over the URL beside it, and holds 128 KiB', async () => {
    const url = await put(join(folder, 'other'), 'of the URL');
    const content = 'ä'.repeat(64 * 1024);
    const task = await run('cat /in/short; wc -c < /in/long', {
      inputs: [
        { url, path: '/in/short', content: 'of the content\n' },
        { path: '/in/long', content },
      ],
    });
    expect({ state: task.state, out: stdoutOf(task) }).toEqual({
      state: 'COMPLETE',
      out: 'of the content\n131072\n',
    });
  });

  it("is the task's own: it may edit, move and remove what it was given, and the source stays", async () => {
    await put(join(folder, 'dir/deep/file'), 'source\n');
    const task = await run(
      'echo more >> /in/deep/file && mv /in/deep/file /in/moved && cat /in/moved && rm -r /in/deep && ls /in',
      { inputs: [{ url: join(folder, 'dir'), path: '/in', type: 'DIRECTORY' }] },
    );
    expect(stdoutOf(task)).toBe('source\nmore\nmoved\n');
    expect(await readFile(join(folder, 'dir/deep/file'), 'utf8')).toBe('source\n');
  });

  it('by http come from an address that the site allows, and from no other of this host', async () => {
    const good = open.put('file', 'by http\n');
    expect(stdoutOf(await run('cat /in/file', { inputs: [{ url: good, path: '/in/file' }] }))).toBe(
      'by http\n',
    );

    const task = await run('cat /in/file', {
      inputs: [{ url: closed.put('file', 'never'), path: '/in/file' }],
    });
    expect({ state: task.state, executors: task.logs?.[0]?.logs }).toEqual({
      state: 'SYSTEM_ERROR',
      executors: [],
    });
    expect(told(task)).toContain('/in/file');
    expect(told(task)).toContain(closed.host.split(':')[0]);
    expect(closed.asked.size).toBe(0);
  });

  it('a task can reach no address itself, not even one that its inputs may come from', async () => {
    const url = open.put('asked-by-task', 'reached');
    const task = await run(`wget -q -T 3 -O - ${url}`, {});
    expect(task.state).toBe('EXECUTOR_ERROR');
    expect(open.asked.has('asked-by-task')).toBe(false);
  });

  it.each([
    ['outside of every root', () => join(server.folder, 'secret'), 'is below no folder of this site'],
    ['through a link that leads out', () => join(folder, 'link'), ''],
    ['that is not there', () => join(folder, 'missing'), 'missing'],
  ])('%s ends the task as SYSTEM_ERROR, and nothing of it arrives', async (_what, url, words) => {
    await symlink(join(server.folder, 'secret'), join(folder, 'link'));
    const task = await run('cat /in/file', { inputs: [{ url: url(), path: '/in/file' }] });
    expect({ state: task.state, executors: task.logs?.[0]?.logs }).toEqual({
      state: 'SYSTEM_ERROR',
      executors: [],
    });
    expect(told(task)).toContain(words);
    expect(JSON.stringify(task)).not.toContain('secret\\n');
  });

  it.each(['/../secret', '/%2e%2e/secret', '/d/../../secret'])(
    'with a way up, %s, are refused before there is a task',
    async (way) => {
      const inputs = [{ url: `file://${server.files}${way}`, path: '/in/file' }];
      await expect(run('true', { inputs })).rejects.toThrow(/answered 400: .*\/inputs\/0\/url/);
    },
  );

  it('of a scheme that TES names and this site lacks are accepted, and end the task with its name', async () => {
    const task = await run('true', { inputs: [{ url: 's3://bucket/key', path: '/in/file' }] });
    expect(task.state).toBe('SYSTEM_ERROR');
    expect(told(task)).toContain('s3');
  });
});

describe('outputs', () => {
  const MAKE =
    'mkdir -p /o/deep/er; for f in a.txt b.tsv c.log deep/d.txt deep/er/e.txt; do echo $f > /o/$f; done';

  it.each([
    ['/o/*.txt', ['a.txt']],
    ['/o/**.txt', ['a.txt', 'deep/d.txt', 'deep/er/e.txt']],
    ['/o/**/*.txt', ['a.txt', 'deep/d.txt', 'deep/er/e.txt']],
    ['/o/*.{txt,tsv}', ['a.txt', 'b.tsv']],
    ['/o/[bc].*', ['b.tsv', 'c.log']],
    ['/o/?.log', ['c.log']],
    ['/o/*.none', []],
  ])('the pattern %s delivers what it matches, below the prefix', async (path, expected) => {
    const task = await run(MAKE, { outputs: [{ url: folder, path, path_prefix: '/o' }], volumes: ['/o'] });
    expect({ state: task.state, listed: listed(task) }).toEqual({ state: 'COMPLETE', listed: expected });
    expect(await filesBelow(folder)).toEqual(expected);
  });

  it('a directory is told file by file, whichever way it was declared', async () => {
    const all = ['a.txt', 'b.tsv', 'c.log', 'deep/d.txt', 'deep/er/e.txt'];
    const task = await run(MAKE, {
      outputs: [
        { url: `file://${folder}/declared/`, path: '/o', type: 'DIRECTORY' },
        { url: join(folder, 'as-file'), path: '/o', type: 'FILE' },
      ],
    });
    expect(task.state).toBe('COMPLETE');
    expect(task.logs?.[0]?.outputs).toHaveLength(10);
    expect(task.logs?.[0]?.outputs).toContainEqual({
      url: `file://${folder}/declared/deep/er/e.txt`,
      path: '/o/deep/er/e.txt',
      size_bytes: '14',
    });
    for (const name of ['declared', 'as-file']) expect(await filesBelow(join(folder, name))).toEqual(all);
  });

  it('find their folders there, also below a volume, and so do volumes and working directories within another', async () => {
    const executors = [
      {
        image: 'busybox:user',
        command: ['sh', '-c', 'echo 1 > here; echo 2 > /v/x/y/z; echo 3 > /v/w/f; id -u'],
        workdir: '/v/work/dir',
      },
    ];
    const outputs = ['x/y/z', 'w/f', 'work/dir/here'].map((path) => ({
      url: join(folder, path),
      path: `/v/${path}`,
    }));
    for (const volumes of [['/v', '/v/w'], ['/v/w'], []]) {
      const task = await server.run({ resources: LIGHT, volumes, executors, outputs });
      expect({ state: task.state, out: stdoutOf(task) }).toEqual({ state: 'COMPLETE', out: '1000\n' });
      expect(listed(task)).toEqual(['w/f', 'work/dir/here', 'x/y/z']);
    }
  });

  it('find their folders there where the root is shared as a whole, too', async () => {
    const task = await run('cat /top; touch /v/w/f /o/deep/x', {
      inputs: [{ path: '/top', content: 'top\n' }],
      outputs: [{ url: join(folder, 'x'), path: '/o/deep/x' }],
      volumes: ['/v/w'],
    });
    expect({ state: task.state, listed: listed(task) }).toEqual({ state: 'COMPLETE', listed: ['x'] });
  });

  it('one that was not made is recorded, and an error where the site says so', async () => {
    const task = await run('echo 1 > /o/made', { outputs: madeAndMissing(folder) });
    expect({ state: task.state, listed: listed(task) }).toEqual({ state: 'COMPLETE', listed: ['made'] });
    expect(told(task)).toContain('/o/missing was not made');

    const strict = await startServer({ storage: { missing_outputs: 'error' } });
    try {
      const failed = await run('echo 1 > /o/made', { outputs: madeAndMissing(strict.files) }, strict);
      expect(failed.state).toBe('SYSTEM_ERROR');
      expect(told(failed)).toContain('/o/missing');
      expect(failed.logs?.[0]?.logs).toMatchObject([{ exit_code: 0 }]);
      expect(await filesBelow(strict.files)).toEqual(['made']);
    } finally {
      await strict.stop();
    }
  });

  it.each([
    ['a root that is read only', () => join(readOnly, 'x'), 'read only'],
    ['a place outside of every root', () => join(server.folder, 'data', 'x'), 'is below no folder'],
    ['a scheme that this site lacks', () => 's3://bucket/x', 's3'],
    ['a host of this machine', () => `http://${open.host}/x`, 'http'],
  ])(
    'to %s makes the task SYSTEM_ERROR, and keeps no other from being delivered',
    async (_what, url, words) => {
      const task = await run('echo 1 | tee /o/x > /o/y', {
        outputs: [
          { url: url(), path: '/o/x' },
          { url: join(folder, 'y'), path: '/o/y' },
        ],
      });
      expect(task).toMatchObject({ state: 'SYSTEM_ERROR', logs: [{ logs: [{ exit_code: 0 }] }] });
      expect({ listed: listed(task), there: await filesBelow(folder) }).toEqual({
        listed: ['y'],
        there: ['y'],
      });
      expect(told(task)).toContain(words);
      expect(await filesBelow(readOnly)).toEqual([]);
    },
  );

  it('that fail leave an EXECUTOR_ERROR what it is, and what was made is delivered', async () => {
    const task = await run('echo partial > /o/y; exit 5', {
      outputs: [
        { url: join(readOnly, 'x'), path: '/o/y' },
        { url: join(folder, 'y'), path: '/o/y' },
      ],
    });
    expect(task).toMatchObject({ state: 'EXECUTOR_ERROR', logs: [{ logs: [{ exit_code: 5 }] }] });
    expect(await readFile(join(folder, 'y'), 'utf8')).toBe('partial\n');
  });

  it("a link leads within the task's own root, never on this host", async () => {
    const secret = join(server.folder, 'secret');
    const task = await run(
      `mkdir /o/d; ln -s ${secret} /o/link; ln -s ../../..${secret} /o/d/link; ln -s real /o/near; echo own > /o/real`,
      {
        volumes: ['/o'],
        outputs: [
          { url: join(folder, 'link'), path: '/o/link' },
          { url: join(folder, 'd'), path: '/o/d', type: 'DIRECTORY' },
          { url: join(folder, 'near'), path: '/o/near' },
        ],
      },
    );
    expect(await readFile(join(folder, 'near'), 'utf8')).toBe('own\n');
    expect(JSON.stringify(task)).not.toContain('secret\\n');
    for (const path of await filesBelow(folder))
      expect(await readFile(join(folder, path), 'utf8')).not.toContain('secret');
  });

  it('files have mode 0664, programs and folders 0775, and belong to whom the root says', async () => {
    const script =
      'umask 077; mkdir -p /o/d; echo 1 > /o/d/file; echo 1 > /o/d/program; chmod 700 /o/d/program';
    await run(script, {
      outputs: [
        { url: join(owned, 'new/d'), path: '/o/d', type: 'DIRECTORY' },
        { url: join(folder, 'theirs/d'), path: '/o/d', type: 'DIRECTORY' },
      ],
    });
    for (const name of ['new', 'new/d', 'new/d/file', 'new/d/program']) {
      const { uid, gid, mode } = await stat(join(owned, name));
      expect({ name, uid, gid, mode: (mode & 0o7777).toString(8) }).toEqual({
        name,
        uid: 4321,
        gid: 5432,
        mode: name.endsWith('file') ? '664' : '775',
      });
    }
  });

  it('belong to the owner of the nearest folder that is there, where the root says nothing', async () => {
    const theirs = join(folder, 'theirs');
    await mkdir(theirs);
    await chown(theirs, 1234, 2345);
    await run('echo 1 > /o/x', { outputs: [{ url: join(theirs, 'new/x'), path: '/o/x' }] });
    for (const path of ['new', 'new/x']) {
      const { uid, gid } = await stat(join(theirs, path));
      expect({ path, uid, gid }).toEqual({ path, uid: 1234, gid: 2345 });
    }
  });

  it('sockets and FIFOs are refused where they are named, and skipped with a word inside a directory', async () => {
    const task = await run('mkfifo /o/fifo; echo 1 > /o/file', {
      volumes: ['/o'],
      outputs: [{ url: join(folder, 'all'), path: '/o', type: 'DIRECTORY' }],
    });
    expect({ state: task.state, listed: listed(task) }).toEqual({ state: 'COMPLETE', listed: ['all/file'] });
    expect(told(task)).toContain('/o/fifo');
    const named = await run('mkfifo /o/fifo', {
      outputs: [{ url: join(folder, 'fifo'), path: '/o/fifo' }],
    });
    expect(named.state).toBe('SYSTEM_ERROR');
  });
});

function madeAndMissing(to: string): TesOutput[] {
  return ['made', 'missing'].map((name) => ({ url: join(to, name), path: `/o/${name}` }));
}

async function filesBelow(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .toSorted();
}
