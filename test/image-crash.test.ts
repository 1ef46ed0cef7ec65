import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

import { busyboxLayout } from './fixtures/images.ts';
import { acquire, newProvider, temporaryFolder } from './fixtures/provider.ts';
import { until } from './poll.ts';

const PROGRAM = fileURLToPath(new URL('fixtures/acquire-image.ts', import.meta.url));
const ROUNDS = 12;

it('killed at any moment, a store holds whole images or none, and no tool of it runs on', async () => {
  await using folder = await temporaryFolder();
  const layouts = await busyboxLayout();
  const found: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const store = folder.at(`store-${round}`);
    const child = spawn(process.execPath, [PROGRAM, store, layouts, 'busybox'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    const acquired = once(child.stdout, 'data');
    // Not a wait for something: the moment of the kill, spread over the whole of the work; the last one comes after it.
    const moment = until(() => exists(store), { what: 'the store' }).then(() => sleep(round * 25));
    await (round < ROUNDS - 1 ? Promise.race([acquired, moment]) : acquired);
    child.kill('SIGKILL');
    await exited;
    await until(async () => (await umocis(store)).length === 0, { what: 'umoci to be gone' });

    // One that is being made has another name.
    const roots = (await readdir(`${store}/roots`).catch(() => [])).filter((name) => !name.includes('.'));
    found.push(roots.length);
    for (const hex of roots) expect(await readdir(`${store}/roots/${hex}`)).toEqual(['image.json', 'rootfs']);
    const { digest, rootfs } = await acquire(await newProvider(store, { layouts: [layouts] }), 'busybox');
    expect(
      (await promisify(execFile)('chroot', [rootfs, '/bin/sh', '-c', 'ls /bin | wc -l'])).stdout.trim(),
    ).toMatch(/^[23]\d\d$/);
    expect(await readdir(`${store}/work`)).toEqual([]);
    expect(await readdir(`${store}/roots`)).toEqual([digest.slice('sha256:'.length)]);
  }
  // Control: the kills did fall before and after the moment at which an image appears.
  expect(new Set(found)).toEqual(new Set([0, 1]));
});

async function exists(path: string): Promise<boolean> {
  return readdir(path).then(
    (names) => names.includes('work'),
    () => false,
  );
}

async function umocis(store: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.filter((line) => line.includes('umoci') && line.includes(store));
}
