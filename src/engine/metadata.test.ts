import { expect, test } from 'vitest';
import { SANDBOX } from '../../test/contract/backend-samples.ts';
import type { Evidence } from '../sandbox/sandbox.ts';
import { sandboxMetadata } from './metadata.ts';

function evidence(change: Partial<Evidence>): Evidence {
  return {
    grade: 'observed',
    configSha256: 'a',
    imageDigest: 'sha256:a',
    runtime: 'runc 1.1.5',
    observed: {},
    unenforced: [],
    ...change,
  };
}

test('before anything has started, what is known is what was asked for', () => {
  expect(sandboxMetadata(SANDBOX, new Map())).toEqual({
    sandbox_profile: 'standard',
    sandbox_effective: expect.stringMatching(/^\{"compat":\[\],/u),
    sandbox_grade: 'requested',
  });
});

test('an executor with a sandbox of its own has its own keys, and the rules that decided are named', () => {
  const { limits: _limits, ...own } = SANDBOX;
  const sandbox = {
    ...SANDBOX,
    executors: [
      { ...own, index: 1, pids: 7 },
      { ...own, index: 2, pids: 64, profile: 'mapped-root', privilege: 'root-mapped' as const },
    ],
    rules: ['guests', 'lab'],
  };
  expect(sandboxMetadata(sandbox, new Map())).toEqual({
    sandbox_profile: 'standard',
    sandbox_effective: expect.stringMatching(/"pids":64,.*"privilege":"root-capless"/u),
    'sandbox_effective.1': expect.stringMatching(/"pids":7,.*"privilege":"root-capless"/u),
    'sandbox_profile.2': 'mapped-root',
    'sandbox_effective.2': expect.stringMatching(/"pids":64,.*"privilege":"root-mapped"/u),
    sandbox_rules: 'guests,lab',
    sandbox_grade: 'requested',
  });
});

test('no grade is reported above what is held for every executor', () => {
  const all = new Map([
    [0, evidence({ grade: 'probed' })],
    [1, evidence({ grade: 'configured' })],
    [2, evidence({ grade: 'observed' })],
  ]);
  expect(sandboxMetadata(SANDBOX, all)).toMatchObject({ sandbox_grade: 'configured' });
});

test('what differs by executor stands under its index, what is unenforced for one is told', () => {
  const all = new Map([
    [0, evidence({ unenforced: ['pids', 'disk'] })],
    [2, evidence({ configSha256: 'c', imageDigest: 'sha256:c', runtime: 'runsc 1', unenforced: ['pids'] })],
  ]);
  expect(sandboxMetadata(SANDBOX, all)).toMatchObject({
    sandbox_config_sha256: 'a',
    'sandbox_config_sha256.2': 'c',
    sandbox_image_digest: 'sha256:a',
    'sandbox_image_digest.2': 'sha256:c',
    sandbox_runtime: 'runc 1.1.5, runsc 1',
    sandbox_unenforced: 'disk,pids',
  });
});
