/** Code in the jail in which the server runs, as its user: what it can't do, beside the same without the jail. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { spawnJailed, SYSTEM_PLACES, type JailPlace } from '../../src/warden/jail.ts';
import { shownToServer } from '../../src/warden/server-folders.ts';
import { processesWith } from '../e2e/traces.ts';
import { until } from '../poll.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-jail-'));
  mkdirSync(join(folder, 'root'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function jailed(
  script: string,
  shown: readonly JailPlace[] = [],
): Promise<{ said: string; code: number | null }> {
  const child = spawnJailed(
    {
      root: join(folder, 'root'),
      uid: 54_321,
      gid: 54_321,
      capabilities: [],
      network: 'host',
      cwd: '/',
      places: [...SYSTEM_PLACES, { how: 'ro', path: '/proc' }, { how: 'tmp', path: '/tmp' }, ...shown],
    },
    ['/bin/sh', '-c', script],
    { env: { PATH: '/usr/bin:/bin' }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [said, [code]] = await Promise.all([
    child.stdout === null ? '' : text(child.stdout),
    once(child, 'exit'),
  ]);
  return { said, code };
}

it('has no capability, gets none, and is the user alone', async () => {
  const { said } = await jailed('id; grep -E "^(Cap|NoNewPrivs)" /proc/self/status');
  expect(said).toContain('uid=54321 gid=54321 groups=54321\n');
  expect(said).toContain('NoNewPrivs:\t1');
  expect(said.match(/^Cap\w+:\t0+$/gm)).toHaveLength(5);
});

it('sees the places that it was given', async () => {
  const { said } = await jailed('ls /; ls /root /home /run /var/lib 2>&1 | grep -c "No such"');
  expect(said.split('\n')).not.toContain('etc');
  expect(said.trimEnd().endsWith('\n4')).toBe(true);
});

it.each([
  ['a link', 0o755, 'there/link'],
  ['a link in a folder that is closed to others', 0o700, 'there/link'],
  ['a path with a link on its way', 0o755, 'way/real'],
])('sees what is listed by %s, and nothing beside it', async (_, mode, listed) => {
  for (const name of ['there', 'elsewhere', 'elsewhere/real', 'elsewhere/real/in'])
    mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'elsewhere/real/in/file'), 'seen\n', { mode: 0o600 });
  writeFileSync(join(folder, 'elsewhere/closed'), 'not to be seen\n', { mode: 0o600 });
  symlinkSync(join(folder, 'elsewhere/real'), join(folder, 'there/link'));
  symlinkSync(join(folder, 'elsewhere'), join(folder, 'way'));
  chmodSync(join(folder, 'there'), mode);
  const { said } = await jailed(
    `cat ${folder}/${listed}/in/file; cat ${folder}/elsewhere/closed 2>/dev/null; exit 0`,
    shownToServer(join(folder, listed)),
  );
  expect(said).toBe('seen\n');
});

const LEFT = 'setsid sleep SECONDS >/dev/null 2>&1 & exit 7';

it('leaves no process behind', async () => {
  const seconds = String(900_000 + process.pid);
  expect((await jailed(LEFT.replace('SECONDS', seconds))).code).toBe(7);
  await until(async () => (await processesWith(seconds)).length === 0, { what: 'its end' });
});

it('control: without the jail, the process stays', async () => {
  const seconds = String(800_000 + process.pid);
  try {
    execFileSync('/bin/sh', ['-c', LEFT.replace('SECONDS', seconds)]);
  } catch {
    // Exit code 7.
  }
  const left = await processesWith(seconds);
  expect(left).toHaveLength(1);
  for (const pid of left) process.kill(pid, 'SIGKILL');
});

it('signals no process of the host, though it were of the same user', async () => {
  expect((await jailed(`kill -0 ${process.pid} 2>/dev/null && echo seen; kill -9 1; echo on`)).said).toBe(
    'on\n',
  );
});

it('is refused the whole host as a place', () => {
  expect(() =>
    spawnJailed(
      {
        root: folder,
        uid: 1,
        gid: 1,
        capabilities: [],
        network: 'host',
        cwd: '/',
        places: [{ how: 'ro', path: '/' }],
      },
      ['/bin/true'],
      { env: {}, stdio: 'ignore' },
    ),
  ).toThrow(/whole host/);
});
