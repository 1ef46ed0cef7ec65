/**
 * The main job, on real input: builds an image with bwa, samtools and bcftools from Debian packages, starts the
 * server, runs a task that aligns lambda phage reads and calls variants, checks the results, and shows what was
 * enforced. Leaves one folder, in which a second run finds image and inputs.
 *
 *   npm run demo [-- --folder FOLDER]    bulkhead-data/demo by default
 */
import { randomUUID } from 'node:crypto';
import { mkdir, rm, rmdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { isTerminal } from '../src/tes/states.ts';
import type { TesTask } from '../src/tes/task.ts';
import { checkResults } from './demo/check.ts';
import { fetchInputs, type Inputs } from './demo/inputs.ts';
import { findLeftovers } from './demo/leftovers.ts';
import { duration, follow } from './demo/progress.ts';
import { lastAttempt, outputs, phases, sandboxLines } from './demo/report.ts';
import { startServer, type DemoFolders, type DemoServer } from './demo/server.ts';
import { IMAGE, imageName, lambdaTask, PACKAGES, STEPS } from './demo/task.ts';
import { openTerminal } from './demo/terminal.ts';
import { buildDebianLayout } from './image-layout.ts';

const checkout = join(import.meta.dirname, '..');
const { values: options } = parseArgs({ options: { folder: { type: 'string' } } });
const home = resolve(options.folder ?? join(checkout, 'bulkhead-data', 'demo'));
const folders: DemoFolders = {
  home,
  images: join(home, 'images'),
  inputs: join(home, 'inputs'),
  results: join(home, 'results'),
  run: `/run/bulkhead-demo-${process.pid}`,
};
const terminal = openTerminal(process.stdout);
const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupt.abort());

const started = Date.now();
try {
  await demonstrate();
  terminal.line('');
  terminal.line(
    `Done in ${duration(Date.now() - started)}. Everything is in ${home}; remove that folder when you like.`,
  );
} catch (error) {
  terminal.line('');
  if (interrupt.signal.aborted) {
    terminal.line('Interrupted: the task was cancelled and the server stopped.');
    process.exitCode = 130;
  } else {
    terminal.line(`FAILED: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}

async function demonstrate(): Promise<void> {
  terminal.heading('Image and inputs');
  await mkdir(home, { recursive: true });
  const image = await buildDebianLayout({
    folder: folders.images,
    ...IMAGE,
    packages: PACKAGES,
    progress: (step) => terminal.live(`${imageName()}: ${step}`, duration(Date.now() - started)),
    signal: interrupt.signal,
  });
  terminal.line(
    `${imageName()} with ${PACKAGES.join(', ')}: ${image.cached ? 'there already' : `built in ${duration(image.elapsedMs)}`}`,
  );
  const inputs = await fetchInputs(folders.inputs, (message) => terminal.line(message));
  for (const file of Object.values(inputs)) terminal.line(file);

  terminal.heading('Server');
  await rm(folders.results, { recursive: true, force: true });
  const server = await startServer(checkout, folders);
  const marks = [home, folders.run];
  try {
    terminal.line(
      `bin/bulkhead serve, process ${server.pid}, ${server.url}/ga4gh/tes/v1; its log: ${home}/server.log`,
    );
    const id = await server.client.create(lambdaTask(inputs, folders.results), randomUUID());
    marks.push(id);
    await show(server, id, inputs);
  } finally {
    await server.stop();
    // Where it isn't empty, what it holds is found below.
    await rmdir(folders.run).catch(() => {});
  }

  terminal.heading('Left on this machine');
  // Where the kernel lets go of a mount or a control group a moment after the server does.
  for (let tries = 0; tries < 20 && (await findLeftovers(marks)).length > 0; tries++) await delay(100);
  const leftovers = await findLeftovers(marks);
  for (const leftover of leftovers) terminal.line(leftover);
  if (leftovers.length > 0) throw new Error(`the server left ${leftovers.length} things behind`);
  terminal.line('no mount, no loop device, no control group, no process of the server');
}

async function show(server: DemoServer, id: string, inputs: Inputs): Promise<void> {
  terminal.heading(`Task ${id}: ${STEPS.length} executors`);
  const task = await followOrCancel(server, id);
  if (task.state !== 'COMPLETE') throw new Error(explain(task));

  terminal.heading('Time');
  for (const line of phases(task, STEPS)) terminal.line(line);
  terminal.heading('Outputs');
  for (const line of await outputs(task)) terminal.line(line);
  terminal.heading('Checked');
  for (const line of await checkResults(inputs, folders.results)) terminal.line(line);
  terminal.heading('Sandbox that was enforced');
  const report = await server.sandbox(id);
  for (const line of sandboxLines(report, lastAttempt(task).metadata ?? {})) terminal.line(line);
}

/** A task outlives its server: one that is interrupted here must be cancelled, or it would run on. */
async function followOrCancel(server: DemoServer, id: string): Promise<TesTask> {
  try {
    return await follow(server.client, id, STEPS, terminal, interrupt.signal);
  } catch (error) {
    terminal.line('cancelling the task');
    await server.client.cancel(id);
    while (!isTerminal((await server.client.get(id, 'MINIMAL')).state)) await delay(100);
    throw error;
  }
}

function explain(task: TesTask): string {
  const { logs, system_logs } = lastAttempt(task);
  const last = logs.at(-1);
  const parts = [`the task ended as ${task.state}`, ...(system_logs ?? []).slice(-10)];
  if (last !== undefined)
    parts.push(`executor ${logs.length} ended with ${last.exit_code}: ${last.stderr ?? ''}`);
  return parts.join('\n  ');
}
