import type { LogEvent } from '../../src/engine/engine.ts';
import type { TestServer } from '../fixtures/server.ts';

/** A line of `GET /bulkhead/v1/tasks/{id}/logs`: output comes as base64. */
export type LogLine = Exclude<LogEvent, { kind: 'output' }> | OutputLine;
interface OutputLine {
  readonly kind: 'output';
  readonly executor: number;
  readonly stream: 'stdout' | 'stderr';
  readonly data: string;
}

/** What the server tells of a task, line by line, until its end. */
export async function* followed(server: TestServer, id: string): AsyncGenerator<LogLine> {
  const answer = await server.request(`/bulkhead/v1/tasks/${id}/logs?follow=true`);
  if (!answer.ok || answer.body === null) throw new Error(`the logs of ${id} answered ${answer.status}`);
  let rest = '';
  for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const event: LogLine = JSON.parse(line);
      yield event;
    }
  }
}

/** All states that a task was in, in their order; waits for its end. */
export async function statesOf(server: TestServer, id: string): Promise<string[]> {
  const states: string[] = [];
  for await (const line of followed(server, id)) if (line.kind === 'state') states.push(line.state);
  return states;
}

export function textOf(lines: readonly LogLine[], executor: number, stream: 'stdout' | 'stderr'): string {
  return lines
    .flatMap((line) =>
      line.kind === 'output' && line.executor === executor && line.stream === stream
        ? Buffer.from(line.data, 'base64').toString()
        : [],
    )
    .join('');
}
