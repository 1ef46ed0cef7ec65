/** Code in the jail in which the server runs, as its user: what it can't do, beside the same without the jail. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { spawnJailed, SYSTEM_PLACES } from '../../src/warden/jail.ts';
import { processesWith } from '../e2e/traces.ts';
import { until } from '../poll.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-jail-'));
  mkdirSync(join(folder, 'root'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function jailed(script: string): Promise<{ said: string; code: number | null }> {
  const child = spawnJailed(
    {
      root: join(folder, 'root'),
      uid: 54_321,
      gid: 54_321,
      capabilities: [],
      network: 'host',
      cwd: '/',
      places: [...SYSTEM_PLACES, { how: 'ro', path: '/proc' }, { how: 'tmp', path: '/tmp' }],
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
