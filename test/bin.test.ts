import { spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

/** bin/bulkhead, in a checkout of its own whose program tells how it was started. */
let checkout: string;
const REPORT =
  'console.log(JSON.stringify([process.pid, process.execPath, process.argv[1], ...process.argv.slice(2)]))';
const ARCH = process.arch === 'arm64' ? 'arm64' : 'x64';

beforeEach(() => {
  checkout = join(realpathSync(mkdtempSync(join(tmpdir(), 'bin-'))), 'with space');
  for (const folder of ['bin', 'src', 'dist']) mkdirSync(join(checkout, folder), { recursive: true });
  copyFileSync(fileURLToPath(new URL('../bin/bulkhead', import.meta.url)), join(checkout, 'bin/bulkhead'));
  writeFileSync(join(checkout, 'src/bulkhead.ts'), REPORT);
});
afterEach(() => rmSync(dirname(checkout), { recursive: true }));

async function start(command: string, args: readonly string[], path: string, cwd = '/') {
  const child = spawn(command, args, { cwd, env: { PATH: path }, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.once('close', resolve)),
  ]);
  return { pid: child.pid, out, err, code };
}

/** A folder with a `node` that is too old for us. */
function oldNode(): string {
  const folder = join(checkout, 'old');
  mkdirSync(folder);
  writeFileSync(join(folder, 'node'), '#!/bin/sh\nexit 1\n');
  chmodSync(join(folder, 'node'), 0o755);
  return folder;
}

function ownNode(): string {
  const folder = join(checkout, `.tools/node_modules/node-linux-${ARCH}/bin`);
  mkdirSync(folder, { recursive: true });
  symlinkSync(process.execPath, join(folder, 'node'));
  return join(folder, 'node');
}

const SYSTEM = '/usr/bin:/bin';
const NODE = `${dirname(process.execPath)}:${SYSTEM}`;

describe('bin/bulkhead', () => {
  test('becomes its Node: one process, with the arguments as they are', async () => {
    const { pid, out } = await start(join(checkout, 'bin/bulkhead'), ['a b', '', '$HOME', '--x'], NODE);
    expect(JSON.parse(out)).toEqual([
      pid,
      process.execPath,
      join(checkout, 'src/bulkhead.ts'),
      'a b',
      '',
      '$HOME',
      '--x',
    ]);
  });

  test('finds its checkout through symbolic links, relative ones too', async () => {
    symlinkSync(join(checkout, 'bin/bulkhead'), join(checkout, 'one'));
    mkdirSync(join(checkout, 'links'));
    symlinkSync('../one', join(checkout, 'links/two'));
    const { out } = await start('./links/two', [], NODE, checkout);
    expect(JSON.parse(out)).toContain(join(checkout, 'src/bulkhead.ts'));
  });

  test('uses the Node of the checkout where the one in PATH is too old', async () => {
    ownNode();
    const { pid, out } = await start(join(checkout, 'bin/bulkhead'), [], `${oldNode()}:${SYSTEM}`);
    expect(JSON.parse(out)[0]).toBe(pid);
  });

  test('without a Node says how to get one', async () => {
    const { err, code } = await start(join(checkout, 'bin/bulkhead'), [], `${oldNode()}:${SYSTEM}`);
    expect(code).toBe(69);
    expect(err).toContain('npm run setup');
  });

  test('runs what was built where there is no source, and below node_modules', async () => {
    writeFileSync(join(checkout, 'dist/bulkhead.js'), REPORT);
    writeFileSync(join(checkout, 'package.json'), '{"type":"module"}');
    const installed = join(checkout, 'node_modules/bulkhead');
    for (const folder of ['bin', 'src', 'dist']) mkdirSync(join(installed, folder), { recursive: true });
    for (const file of ['bin/bulkhead', 'src/bulkhead.ts', 'dist/bulkhead.js'])
      copyFileSync(join(checkout, file), join(installed, file));
    expect((await start(join(installed, 'bin/bulkhead'), [], NODE)).out).toContain('dist/bulkhead.js');
    rmSync(join(checkout, 'src/bulkhead.ts'));
    expect((await start(join(checkout, 'bin/bulkhead'), [], NODE)).out).toContain('dist/bulkhead.js');
  });
});
