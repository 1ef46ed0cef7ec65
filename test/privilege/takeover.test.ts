/** A server that was taken over, whole: what it tries against another tenant's running task, the host and its warden. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { readdir } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runFolders } from '../../src/warden/run-folders.ts';
import { processesWith } from '../e2e/traces.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { until } from '../poll.ts';
import { attemptOf } from './served-warden.ts';

const SECRET = `secret-${process.pid}`;
const SECONDS = String(700_000 + process.pid);

let server: TestServer;
let port = 0;
/** Another tenant's attempt, which runs; and its secret as a path of the host. */
let attempt = '';
let secretPath = '';

beforeAll(async () => {
  port = await freePort();
  const implanted = {
    NODE_OPTIONS: `--import=${join(import.meta.dirname, 'implant.ts')}`,
    IMPLANT_PORT: `${port}`,
  };
  Object.assign(process.env, implanted);
  server = await startServer();
  for (const name of Object.keys(implanted)) delete process.env[name];
  const id = await server.create({
    volumes: ['/work'],
    executors: [
      {
        image: 'busybox:latest',
        command: ['sh', '-c', `echo ${SECRET} > /work/secret; exec sleep ${SECONDS}`],
      },
    ],
  });
  attempt = `${id}-1`;
  const { disks } = runFolders('/run/bulkhead', join(server.folder, 'data'));
  await until(
    async () => {
      for (const slot of await readdir(disks)) {
        const path = join(disks, slot, 't', 'ws', 'work', 'secret');
        if (textOf(path).startsWith(SECRET)) secretPath = path;
      }
      return secretPath !== '';
    },
    { timeoutMs: 60_000, what: 'the secret of the task' },
  );
}, 120_000);
afterAll(async () => {
  await server.stop();
}, 60_000);

/** Runs code in the server's process; answers what it returns, or what it throws as text. */
async function inServer(code: string): Promise<unknown> {
  const socket = connect(port, '127.0.0.1');
  socket.end(code);
  const { value, thrown }: { value?: unknown; thrown?: string } = JSON.parse(await text(socket));
  return thrown ?? value;
}

async function asked(method: string, params: unknown): Promise<unknown> {
  return await inServer(`return await ask(${JSON.stringify(method)}, ${JSON.stringify(params)})`);
}

const forbidden = (why: string): unknown =>
  expect.objectContaining({ failure: { code: 'forbidden', message: expect.stringContaining(why) } });

it('is the process that speaks HTTP, and asks the warden in its name', async () => {
  expect(await inServer('return process.getuid()')).not.toBe(0);
  expect(await asked('hasDisk', { attempt })).toMatchObject({ answer: true });
});

describe('the files of another tenant’s running task', () => {
  it('can’t be read by their path, nor through what runs', async () => {
    const read = `const { readFileSync } = await load('node:fs'); return readFileSync(PATH, 'utf8')`;
    expect(await inServer(read.replace('PATH', JSON.stringify(secretPath)))).toMatch(/ENOENT|EACCES/);
    const [pid = 0] = await processesWith(SECONDS);
    expect(pid).toBeGreaterThan(0);
    for (const path of [`/proc/${pid}/root/work/secret`, `/proc/${pid}/cwd/../work/secret`])
      expect(await inServer(read.replace('PATH', JSON.stringify(path)))).toMatch(/ENOENT|EACCES/);
  });

  it('control: are there for who has the privilege', async () => {
    const [pid = 0] = await processesWith(SECONDS);
    expect(textOf(secretPath)).toBe(`${SECRET}\n`);
    expect(textOf(`/proc/${pid}/root/work/secret`)).toBe(`${SECRET}\n`);
  });

  it('aren’t given by the warden, nor are others put among them', async () => {
    const root = secretPath.replace(/\/work\/secret$/, '');
    const wanted = [{ kind: 'file', path: '/work/secret' }];
    const idBase = statSync(secretPath).uid;
    const as = { uid: idBase, gid: idBase };
    const reading = { mode: 'read', from: { root, as, withContents: true }, wanted, places: [] };
    const to = { root, as, bits: 'keep', isDurable: false, links: 'any' };
    const writing = { mode: 'write', to, wanted: [], places: ['/work/planted'] };
    expect(await askedForTree(reading)).toEqual({
      failure: { code: 'forbidden', message: expect.stringContaining('still runs') },
    });
    expect(await askedForTree(writing)).toEqual({
      failure: { code: 'forbidden', message: expect.stringContaining('has begun') },
    });
    expect(
      await askedForTree({ ...reading, from: { ...reading.from, root: '/run/bulkhead' } }),
    ).toMatchObject({
      failure: { code: 'forbidden' },
    });
  });

  it('aren’t given to an attempt of the attacker’s by its name or its place', async () => {
    const slot = Number(/\/disks\/(\d+)\//.exec(secretPath)?.[1]);
    expect(await asked('openAttempt', attemptOf(attempt, slot))).toMatchObject({
      failure: { code: 'conflict' },
    });
    expect(await asked('openAttempt', attemptOf('mine-1', slot))).toMatchObject({ failure: {} });
    expect(textOf(secretPath)).toBe(`${SECRET}\n`);
  });
});

describe('a folder of the host', () => {
  it('is mounted into no task', async () => {
    const link = {
      root: '/etc',
      relative: 'shadow',
      path: '/work/shadow',
      mode: 0o644,
      sizeBytes: 1,
      modifiedAt: 0,
    };
    expect(await asked('makeWorkspace', { attempt, links: [link], linkedFolders: [] })).toEqual(
      forbidden('has begun'),
    );
    const [sealed] = attemptOf('mine-2', 9).executors;
    for (const spec of [
      { ...sealed?.spec, mounts: [{ source: '/', destination: '/host' }] },
      { ...sealed?.spec, binds: [{ source: '/', destination: '/host' }] },
      { ...sealed?.spec, rootfs: '/' },
      { ...sealed?.spec, idBase: 0 },
    ])
      expect(
        await asked('openAttempt', { ...attemptOf('mine-2', 9), executors: [{ ...sealed, spec }] }),
      ).toEqual(forbidden('must not have'));
    for (const merged of ['/../../etc', '/work,upperdir=/etc', '/work:/etc'])
      expect(
        await asked('openAttempt', {
          ...attemptOf('mine-2', 9),
          executors: [{ ...sealed, merged: [merged] }],
        }),
      ).toEqual(forbidden('must match'));
  });

  const mount = `mount --bind /etc /tmp`;

  it('is mounted by no command of its own', async () => {
    expect(await inServer(shell(mount))).toMatch(/Command failed|ENOENT|EPERM/);
  });

  it('control: is by who has the privilege, in a namespace of its own', () => {
    execFileSync('unshare', ['--mount', 'sh', '-c', mount]);
  });
});

describe('a command outside of a sandbox', () => {
  it('is part of no request', async () => {
    for (const method of ['exec', 'run', 'launch', 'constructor', '__proto__', 'demandTree', 'close'])
      expect(await asked(method, { argv: ['/bin/sh'] })).toEqual(forbidden('no such request'));
  });

  it('gets no privilege from a set-user-id file, and changes no file of the host', async () => {
    expect(await inServer(shell('id -u; su -c id root </dev/null'))).not.toMatch(/uid=0/);
    for (const path of ['/usr/bin/planted', '/etc/planted'])
      expect(
        await inServer(`const { writeFileSync } = await load('node:fs'); writeFileSync('${path}', '')`),
      ).toMatch(/EROFS/);
  });

  it('sees and signals no process but its own', async () => {
    const pids = await inServer(
      `const { readdirSync, readFileSync } = await load('node:fs');
       return readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).map((pid) => readFileSync('/proc/' + pid + '/cmdline', 'utf8'))`,
    );
    expect(JSON.stringify(pids)).toContain('server.ts');
    expect(JSON.stringify(pids)).not.toContain(SECONDS);
    expect(JSON.stringify(pids)).not.toContain('conmon');
    expect(await inServer(`process.kill(${server.pid}, 'SIGKILL')`)).toMatch(/ESRCH/);
    // Control: outside of the jail, both are seen.
    expect(await processesWith(SECONDS)).not.toEqual([]);
    process.kill(server.pid, 0);
  });
});

describe('what stays of the operator’s', () => {
  it('is a log that the server can’t take back', async () => {
    expect(await server.log()).not.toBe('');
    for (const descriptor of [1, 2])
      expect(
        await inServer(`const { ftruncateSync } = await load('node:fs'); ftruncateSync(${descriptor}, 0)`),
      ).toMatch(/EINVAL/);
    expect(await server.log()).not.toBe('');
  });

  it('control: is one that could be, where the file itself is given', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bulkhead-log-'));
    const path = join(folder, 'log');
    writeFileSync(path, 'said before');
    const descriptor = openSync(path, 'a');
    ftruncateSync(descriptor, 0);
    closeSync(descriptor);
    expect(textOf(path)).toBe('');
    rmSync(folder, { recursive: true });
  });

  it('is no inspector, which anybody of this host could open by a signal and have any code run', async () => {
    const [program = 0] = (
      await processesWith(join(import.meta.dirname, '../../src/compose/server.ts'))
    ).filter((pid) => textOf(`/proc/${pid}/mountinfo`).includes(` ${server.folder}/data `) && isNode(pid));
    for (const pid of [server.pid, program]) process.kill(pid, 'SIGUSR1');
    // It has had its signal once it answers.
    expect(await asked('hasDisk', { attempt })).toMatchObject({ answer: true });
    expect(await server.log()).not.toMatch(/inspector|Debugger/);
  });

  it('control: is one in a Node that isn’t told otherwise', async () => {
    const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1000)'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    await once(child.stdout, 'data');
    child.kill('SIGUSR1');
    const [said] = await once(child.stderr.setEncoding('utf8'), 'data');
    // Or that it can't listen, as where another process has the port.
    expect(said).toMatch(/inspector|Debugger/);
    child.kill('SIGKILL');
  });
});

describe('code that the warden runs', () => {
  it('is none that the server can write: neither the program, nor Node, nor what Node has compiled of it', async () => {
    const [, cache] = /(?:^|\0)NODE_COMPILE_CACHE=([^\0]+)/.exec(textOf(`/proc/${server.pid}/environ`)) ?? [];
    const folders = [join(import.meta.dirname, '../../src'), dirname(process.execPath), cache ?? '/usr/lib'];
    for (const folder of folders) expect(await inServer(writeTo(folder))).toMatch(/EROFS|ENOENT|EACCES/);
  });

  it('control: its own can be written by it', async () => {
    expect(await inServer(writeTo(join(server.folder, 'data', 'compile-cache')))).toBe(null);
  });
});

/** On a connection of its own, as the server asks for a tree. */
async function askedForTree(request: unknown): Promise<unknown> {
  return await inServer(`
    const { connect } = await load('node:net');
    const socket = connect(process.argv[2]);
    const message = ${JSON.stringify(JSON.stringify(request))};
    socket.write(Buffer.byteLength(message) + ':' + message + ',');
    let said = '';
    for await (const part of socket) said += part;
    return JSON.parse(said.replace(/^[0-9]+:/, '').replace(/,$/, ''));
  `);
}

function writeTo(folder: string): string {
  return `const { writeFileSync } = await load('node:fs'); writeFileSync(${JSON.stringify(join(folder, 'planted'))}, '')`;
}

function shell(command: string): string {
  return `const { execFileSync } = await load('node:child_process');
    return execFileSync('/bin/sh', ['-c', ${JSON.stringify(`${command} 2>&1`)}], { encoding: 'utf8', stdio: 'pipe' })`;
}

function isNode(pid: number): boolean {
  return textOf(`/proc/${pid}/cmdline`).split('\0')[0]?.endsWith('node') === true;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
