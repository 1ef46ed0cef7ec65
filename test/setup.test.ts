import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const checkout = join(import.meta.dirname, '..');

describe('scripts/setup and scripts/with-node, where everything is there', () => {
  it('installs nothing and says nothing, at once', () => {
    const started = performance.now();
    const { status, stdout, stderr } = spawnSync('bash', ['scripts/setup', 'test'], {
      cwd: checkout,
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('runs a script on Node 24 from any folder, with its arguments and its exit code', () => {
    const print =
      'console.log(process.versions.node.split(".")[0], ...process.argv.slice(1)); process.exit(7)';
    // With nothing but the system's folders on PATH, where an older Node may be.
    const { status, stdout } = spawnSync(
      join(checkout, 'scripts/with-node'),
      ['-e', print, '--', 'a b', '$HOME'],
      {
        cwd: tmpdir(),
        env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
        encoding: 'utf8',
      },
    );
    expect({ status, stdout }).toEqual({ status: 7, stdout: '24 a b $HOME\n' });
  });
});

describe('the check whether node_modules is current', () => {
  const LOCKED = {
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
    'node_modules/b': { version: '2.0.0', integrity: 'sha512-b', optional: true },
  };
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bulkhead-setup-'));
    mkdirSync(join(folder, 'node_modules'));
    cpSync(
      join(checkout, 'scripts/npm-packages-current.ts'),
      join(folder, 'scripts/npm-packages-current.ts'),
    );
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ packages: { '': {}, ...LOCKED } }));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    ['the same packages', LOCKED, 0],
    ['all but an optional one', { 'node_modules/a': LOCKED['node_modules/a'] }, 0],
    ['all but one that is needed', { 'node_modules/b': LOCKED['node_modules/b'] }, 1],
    ['another version', { ...LOCKED, 'node_modules/a': { version: '1.0.1', integrity: 'sha512-a' } }, 1],
    ['other content', { ...LOCKED, 'node_modules/a': { version: '1.0.0', integrity: 'sha512-x' } }, 1],
    ['one package more', { ...LOCKED, 'node_modules/c': { version: '1.0.0' } }, 1],
    ['nothing', undefined, 1],
  ])('is right where there is %s', (_what, packages, expected) => {
    if (packages !== undefined) {
      writeFileSync(join(folder, 'node_modules/.package-lock.json'), JSON.stringify({ packages }));
    }
    expect(spawnSync(process.execPath, [join(folder, 'scripts/npm-packages-current.ts')]).status).toBe(
      expected,
    );
  });
});
