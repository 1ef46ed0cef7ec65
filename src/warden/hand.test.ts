import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { lstat, mkdtemp, mkdir, open, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processesWith } from '../../test/e2e/traces.ts';
import { until } from '../../test/poll.ts';
import { startHand, type Hand } from './hand.ts';
import * as step from './steps.ts';

const USER = 1_700_000_000;
let hand: Hand;
let folder: string;

beforeAll(async () => {
  hand = startHand();
  folder = await mkdtemp(join(tmpdir(), 'bulkhead-hand-'));
});
afterAll(async () => {
  await hand.close();
  await rm(folder, { recursive: true, force: true });
});

describe("the warden's hand", () => {
  it('runs the steps of a call in order, with modes and owners as told', async () => {
    const path = join(folder, 'made');
    await hand.run('test', [
      step.mkdir(path, 0o711, USER, USER),
      step.write(join(path, 'file'), 0o640, USER, 0, 'bytes\0\n:,'),
    ]);
    expect((await stat(path)).mode & 0o7777).toBe(0o711);
    expect(await stat(join(path, 'file'))).toMatchObject({ uid: USER, gid: 0, mode: 0o100640 });
    expect(await readFile(join(path, 'file'), 'latin1')).toBe('bytes\0\n:,');
  });

  it('stops at the first step that fails, naming what was done and why it failed', async () => {
    const after = join(folder, 'after');
    const running = hand.run('making a disk', [
      step.mkdir(join(folder, 'no', 'where'), 0o700, 0, 0),
      step.mkdir(after, 0o700, 0, 0),
    ]);
    await expect(running).rejects.toMatchObject({
      code: 'warden',
      message: expect.stringMatching(/^making a disk: mkdir .*where: No such file or directory/),
    });
    await expect(lstat(after)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('answers many calls at once, each with its own', async () => {
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, at) => hand.run('echo', [step.exec('/bin/echo', [String(at)])])),
    );
    expect(answers.map((answer) => answer.trim())).toEqual(Array.from({ length: 30 }, (_, at) => String(at)));
  });

  it('does what is brief itself; what is busy waits in a process of its own, and holds nobody up', async () => {
    const [mounted, removed] = [join(folder, 'mounted'), join(folder, 'removed')];
    await mkdir(removed);
    await hand.run('test', [step.mkdir(mounted, 0o700, 0, 0), step.mount('tmpfs', mounted, 'tmpfs', 0, '')]);
    const file = await open(join(mounted, 'file'), 'w');
    let isDone = false;
    const ended = hand
      .run('unmounting', step.brief([step.umount(mounted), step.rmdir(mounted)]))
      .then(() => (isDone = true));
    try {
      await hand.run('test', step.brief([step.rmdir(removed), step.rmdir(removed)]));
      expect([isDone, existsSync(removed), existsSync(join(mounted, 'file'))]).toEqual([false, false, true]);
    } finally {
      await file.close();
    }
    await ended;
    expect(existsSync(mounted)).toBe(false);
    const failed = hand.run('removing', step.brief([step.rmdir(folder)]));
    await expect(failed).rejects.toMatchObject({ message: expect.stringContaining('rmdir') });
  });

  it('never writes through a symbolic link', async () => {
    const target = join(folder, 'target');
    await writeFile(target, 'untouched');
    await symlink(target, join(folder, 'link'));
    await expect(
      hand.run('test', [step.write(join(folder, 'link'), 0o600, 0, 0, 'x')]),
    ).rejects.toMatchObject({ code: 'warden' });
    expect(await readFile(target, 'utf8')).toBe('untouched');
  });

  it('is confined inside a root, and has no privilege there', async () => {
    const root = join(folder, 'root');
    const secret = join(folder, 'secret');
    await mkdir(root);
    await writeFile(secret, 'untouched', { mode: 0o666 });
    await hand.run('test', [
      step.mkdir(join(root, 'own'), 0o755, USER, USER),
      step.mkdir(join(root, 'foreign'), 0o755, 0, 0),
    ]);
    await symlink(folder, join(root, 'own', 'out'));
    await symlink(secret, join(root, 'own', 'secret'));
    const inside = (...steps: step.Step[]): Promise<string> =>
      hand.run('test', [step.inside(root, USER, USER, steps)]);

    await inside(step.mkpath('/own/a/b', 0o755, 0o700), step.file('/own/a/b/c', 0o600, 'made'));
    expect(await stat(join(root, 'own/a/b/c'))).toMatchObject({ uid: USER, gid: USER });
    await expect(inside(step.file('/own/out/planted', 0o600, 'x'))).rejects.toThrow(/No such file/);
    await expect(inside(step.file('/foreign/planted', 0o600, 'x'))).rejects.toThrow(/Permission denied/);
    await expect(inside(step.file('/../../etc/planted', 0o600, 'x'))).rejects.toThrow(
      /No such file|Permission denied/,
    );
    await inside(step.append('/own/secret', 'more'));
    expect(await readFile(secret, 'utf8')).toBe('untouched');
    // The control: the same step outside of a root follows the link.
    await writeFile(join(root, 'own', 'secret'), 'reached');
    expect(await readFile(secret, 'utf8')).toBe('reached');
  });

  it('confines nobody as uid 0, whom a root folder would not hold', async () => {
    await expect(hand.run('test', [step.inside(folder, 0, 0, [])])).rejects.toThrow(
      /only an unprivileged id/,
    );
  });

  it.each(['relative/path', '', '/with\0nul'])('takes no path such as %j', (path) => {
    expect(() => step.mkdir(path, 0o700, 0, 0)).toThrow(/absolute path/);
  });

  it('rejects what waits, and what comes later, when it has ended', async () => {
    const other = startHand();
    await other.run('nothing', []);
    await other.close();
    await expect(other.run('late', [])).rejects.toMatchObject({ code: 'warden' });
  });
});

describe('a hand that is killed', () => {
  it('in one of its steps alone has that one answered for, and goes on', async () => {
    const seconds = String(randomInt(1e8, 1e9));
    const running = hand.run('sleeping', [step.exec('/bin/sleep', [seconds])]);
    const found = await sleeping(seconds);
    process.kill(found.step, 'SIGKILL');
    await expect(running).rejects.toMatchObject({
      code: 'warden',
      message: 'sleeping: the process that did it was ended by signal 9',
    });
    process.kill(found.program, 'SIGKILL');
    expect((await hand.run('echo', [step.exec('/bin/echo', ['on'])])).trim()).toBe('on');
  });

  it('is told before its calls fail, and the next one begins only when its steps are over', async () => {
    const seconds = String(randomInt(1e8, 1e9));
    const told: string[] = [];
    const first = startHand({ folder, onLost: (why) => told.push(why) });
    const running = first
      .run('sleeping', [step.exec('/bin/sleep', [seconds])])
      .catch(() => told.push('failed'));
    const { program } = await sleeping(seconds);
    process.kill(first.pid ?? 0, 'SIGKILL');
    await running;
    expect(told).toEqual([expect.stringContaining('SIGKILL'), 'failed']);

    const [second, elsewhere] = [startHand({ folder }), startHand({ folder: tmpdir() })];
    const made = second.run('second', [step.exec('/bin/echo', [])]).then(() => told.push('second'));
    await elsewhere.run('elsewhere', [step.exec('/bin/echo', [])]);
    expect(told).toHaveLength(2);
    process.kill(program, 'SIGKILL');
    await made;
    await Promise.all([second.close(), elsewhere.close()]);
  });
});

/** The step that sleeps for so long: who does it, and the program that is waited for. */
async function sleeping(seconds: string): Promise<{ step: number; program: number }> {
  let program = 0;
  await until(async () => ([program = 0] = await processesWith(seconds)).length > 0, { what: 'the step' });
  const fields = await readFile(`/proc/${program}/stat`, 'utf8');
  return { step: Number(fields.slice(fields.lastIndexOf(')') + 2).split(' ')[1]), program };
}
