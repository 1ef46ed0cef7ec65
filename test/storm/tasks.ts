import { request } from 'node:http';
import type { TesTaskDocument } from '../../src/tes/task.ts';
import type { Kill } from './plan.ts';
import { shapeOf, type Expected, type ShapeName } from './shapes.ts';
import type { Stage } from './stage.ts';

/** A task of the storm, and what was done to it. */
export interface StormTask {
  readonly name: string;
  readonly shape: ShapeName;
  readonly expected: Expected;
  readonly document: TesTaskDocument;
  /** Undefined where its creation was not acknowledged. */
  id: string | undefined;
  isCanceled: boolean;
  hasEnded: boolean;
  /** Kills of what was this task's alone. */
  readonly victimOf: Kill[];
}

export async function makeTask(stage: Stage, name: string, shape: ShapeName): Promise<StormTask> {
  const freshImage = shape === 'fresh' ? await stage.freshImage() : '';
  // So large that writing it takes a moment; its content is its own address, over and over.
  const url = stage.web.put(name, '');
  stage.web.put(name, url);
  const { document, expected } = shapeOf(shape, { name, files: stage.server.files, url, freshImage });
  return { name, shape, expected, document, id: undefined, isCanceled: false, hasEnded: false, victimOf: [] };
}

/** Sends a request, and calls back once it is on its way; the answer's body, or undefined where there is none. */
async function post(
  stage: Stage,
  path: string,
  body: string,
  onSent: () => void = () => {},
): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const sent = request(`${stage.server.address}/ga4gh/tes/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      agent: false,
    });
    sent.once('finish', onSent);
    sent.once('error', () => resolve(undefined));
    sent.once('response', (answer) => {
      let said = '';
      answer.setEncoding('utf8').on('data', (part: string) => (said += part));
      answer.once('error', () => resolve(undefined));
      answer.once('end', () => resolve(answer.statusCode === 200 ? said : undefined));
    });
    sent.end(body);
  });
}

/** Its id stays undefined where the server was killed before it answered. */
export async function create(stage: Stage, task: StormTask, onSent?: () => void): Promise<void> {
  const said = await post(stage, 'tasks', JSON.stringify(task.document), onSent);
  if (said === undefined) return;
  const { id }: { id: string } = JSON.parse(said);
  task.id = id;
}

export async function cancel(stage: Stage, task: StormTask, onSent?: () => void): Promise<void> {
  task.isCanceled = true;
  await post(stage, `tasks/${task.id}:cancel`, '', onSent);
}
