/** The unit files of deploy/systemd on a host with systemd and pure cgroup v2: tasks outlive all that happens to the service. */
import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { findLeftovers } from '../../../scripts/demo/leftovers.ts';
import { runFolders } from '../../../src/warden/run-folders.ts';
import { until } from '../../poll.ts';
import {
  answers,
  cgroupOf,
  installRelease,
  installService,
  property,
  startWaiting,
  systemctl,
  useRelease,
  version,
} from './service.ts';

const SERVICE = 'bulkhead.service';
const OUTCOME = { state: 'EXECUTOR_ERROR', exits: [7] };

before(async () => {
  await installService();
  await systemctl('start', SERVICE);
  await answers();
});
after(async () => {
  await systemctl('stop', SERVICE);
  const { instance } = runFolders('/run/bulkhead', '/var/lib/bulkhead');
  deepEqual(await findLeftovers([instance]), []);
});

void test('a task and what watches over it stand in a delegated unit of their own, and not in the service', async () => {
  const task = await startWaiting('apart');
  const main = Number(await property(SERVICE, 'MainPID'));
  equal(await cgroupOf(main), '/system.slice/bulkhead.service');
  const [, unit = ''] = (await cgroupOf(task.pid)).split('/').slice(1);
  match(unit, /^bulkhead-tasks-[0-9a-f]+\.service$/);
  deepEqual(
    [await property(unit, 'Slice'), await property(unit, 'Delegate'), await property(unit, 'ActiveState')],
    ['bulkhead.slice', 'yes', 'active'],
  );
  const own = await property(unit, 'ControlGroup');
  const procs = await readFile(`/sys/fs/cgroup${own}/supervisors/cgroup.procs`, 'utf8');
  const commands = await Promise.all(
    procs
      .trim()
      .split('\n')
      .map((pid) => readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')),
  );
  ok(commands.includes('conmon\n'), commands.join());
  const left = await readFile('/sys/fs/cgroup/system.slice/bulkhead.service/cgroup.procs', 'utf8');
  ok(!left.split('\n').includes(String(task.pid)));
  await task.letGo();
  deepEqual(await task.ended(), OUTCOME);
});

void test('systemctl restart: the task goes on, and its exit code is found', async () => {
  const task = await startWaiting('restarted');
  const earlier = await property(SERVICE, 'MainPID');
  await systemctl('restart', SERVICE);
  await answers();
  notEqual(await property(SERVICE, 'MainPID'), earlier);
  ok(await task.runs());
  await task.letGo();
  deepEqual(await task.ended(), OUTCOME);
});

void test('systemctl stop: the task goes on, ends meanwhile, and its exit code is found after the next start', async () => {
  const task = await startWaiting('stopped');
  await systemctl('stop', SERVICE);
  equal(await property(SERVICE, 'Result'), 'success');
  ok(await task.runs());
  await task.letGo();
  await until(async () => !(await task.runs()), { what: 'the task to end without a server' });
  await systemctl('start', SERVICE);
  await answers();
  deepEqual(await task.ended(), OUTCOME);
});

void test('kill -9 of the main process: systemd starts it again, and the task lives', async () => {
  const task = await startWaiting('killed');
  const restarts = Number(await property(SERVICE, 'NRestarts'));
  process.kill(Number(await property(SERVICE, 'MainPID')), 'SIGKILL');
  await until(async () => Number(await property(SERVICE, 'NRestarts')) === restarts + 1, {
    what: 'systemd to start it again',
  });
  await answers();
  ok(await task.runs());
  await task.letGo();
  deepEqual(await task.ended(), OUTCOME);
});

void test('upgrade and rollback: one version starts a task, the next knows it, the first finds its exit code', async () => {
  await installRelease('two');
  await release('one');
  const task = await startWaiting('upgraded');
  await release('two');
  ok(await task.runs());
  await release('one');
  ok(await task.runs());
  await task.letGo();
  deepEqual(await task.ended(), OUTCOME);
});

async function release(name: string): Promise<void> {
  await useRelease(name);
  await systemctl('restart', SERVICE);
  await answers();
  equal(await version(), `0.1.0-${name}`);
}
