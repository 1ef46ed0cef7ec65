import { expect, test } from 'vitest';
import { SANDBOX } from '../../test/contract/backend-samples.ts';
import { BulkheadError } from '../errors.ts';
import { AttemptDraft, errorLine } from './draft.ts';

test('a record that is taken up again is the same record', () => {
  const draft = new AttemptDraft(SANDBOX, 2, 10, ['a warning']);
  draft.handle = { backend: 'scripted', id: 'x' };
  draft.started(0, 20);
  draft.exited(0, { exitCode: 7, startedAt: 21, endedAt: 30, causes: ['killed'], stdout: 'o', stderr: 'e' });
  draft.collected({ outputs: [{ url: 'u', path: '/p', sizeBytes: 1 }], messages: ['m'], failures: [] });
  const record = draft.record();
  expect(AttemptDraft.resumed(SANDBOX, record, draft.handle).record()).toEqual(record);
  expect(record.systemLogs).toEqual(['a warning', 'executor 0: killed', 'm']);
});

test('system logs don’t grow without end, and say that they stop', () => {
  const draft = new AttemptDraft(SANDBOX, 1, 0, []);
  for (let count = 0; count < 5000; count += 1) draft.log('x'.repeat(100_000));
  const { systemLogs } = draft.record();
  expect(systemLogs).toHaveLength(1000);
  expect(systemLogs.at(-1)).toBe('further messages are left out');
  expect(systemLogs[0]).toHaveLength(4096);
});

test.each([
  [new BulkheadError('registry', 'docker.io said 503'), 'registry: docker.io said 503'],
  [new Error('ENOENT /var/lib/secret'), expect.not.stringContaining('secret')],
  ['a string', expect.stringMatching(/^internal: /u)],
])('%s in system logs', (error, line) => {
  expect(errorLine(error)).toEqual(line);
});
