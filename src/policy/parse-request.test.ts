import { describe, expect, test } from 'vitest';
import type { TesTaskDocument } from '../tes/task.ts';
import { SUPPORTED_PARAMETERS } from './parameter-key.ts';
import { parseRequest } from './parse-request.ts';
import type { ParsedRequest } from './parse-request.ts';

const AT = '/resources/backend_parameters/';

interface Sent {
  readonly parameters?: Record<string, string>;
  readonly tags?: Record<string, string>;
  readonly strict?: boolean;
  readonly takesTags?: boolean;
  readonly executors?: number;
}

function parse({ parameters, tags, strict, takesTags = true, executors = 3 }: Sent): ParsedRequest {
  const document: TesTaskDocument = {
    executors: Array.from({ length: executors }, () => ({ image: 'alpine', command: ['true'] })),
    ...(tags && { tags }),
    resources: {
      ...(parameters && { backend_parameters: parameters }),
      ...(strict !== undefined && { backend_parameters_strict: strict }),
    },
  };
  return parseRequest(document, { profiles: ['strict', 'standard', 'mapped-root', 'own'], tags: takesTags });
}

/** What is asked for, by executor, in the words of the task. */
function asked(sent: Sent): Record<string, string[]> {
  const { request, refusals } = parse(sent);
  expect(refusals).toEqual([]);
  const words = ({ fields, profile }: (typeof request)['task']): string[] =>
    [...Object.values(fields), ...(profile ? [profile] : [])].map(({ as }) => as).toSorted();
  return {
    all: words(request.task),
    ...Object.fromEntries([...request.executors].map(([index, asks]) => [index, words(asks)])),
  };
}

describe('what a task asks of its sandbox', () => {
  test('is nothing where it says nothing', () => {
    const parsed = parse({});
    expect(parsed).toEqual({
      request: { task: { fields: {} }, executors: new Map() },
      supported: undefined,
      warnings: [],
      refusals: [],
    });
  });

  test('is read of each parameter that service-info advertises', () => {
    const parameters = {
      sandbox_profile: 'own',
      sandbox_isolation: 'microvm',
      sandbox_privilege: 'root-mapped',
      sandbox_network: 'egress',
      sandbox_egress: 'B.org:443,a.org:80',
      sandbox_rootfs: 'readonly',
      sandbox_compat: 'ptrace',
      sandbox_timeout: '90m',
      sandbox_pids: '64',
    };
    expect(Object.keys(parameters).toSorted()).toEqual(SUPPORTED_PARAMETERS.toSorted());
    const { request, supported, warnings, refusals } = parse({ parameters, strict: true });
    expect({ supported, warnings, refusals }).toEqual({ supported: parameters, warnings: [], refusals: [] });
    expect(request.task.profile).toEqual({
      value: 'own',
      at: `${AT}sandbox_profile`,
      as: 'sandbox_profile=own',
    });
    expect(request.task.fields).toEqual({
      isolation: { value: 'microvm', at: `${AT}sandbox_isolation`, as: 'sandbox_isolation=microvm' },
      privilege: { value: 'root-mapped', at: `${AT}sandbox_privilege`, as: 'sandbox_privilege=root-mapped' },
      network: { value: 'egress', at: `${AT}sandbox_network`, as: 'sandbox_network=egress' },
      egress: {
        value: [
          { host: 'b.org', port: 443 },
          { host: 'a.org', port: 80 },
        ],
        at: `${AT}sandbox_egress`,
        as: 'sandbox_egress=b.org:443,a.org:80',
      },
      rootfs: { value: 'readonly', at: `${AT}sandbox_rootfs`, as: 'sandbox_rootfs=readonly' },
      compat: { value: ['ptrace'], at: `${AT}sandbox_compat`, as: 'sandbox_compat=ptrace' },
      timeout: { value: 5_400_000, at: `${AT}sandbox_timeout`, as: 'sandbox_timeout=1h30m' },
      pids: { value: 64, at: `${AT}sandbox_pids`, as: 'sandbox_pids=64' },
    });
  });

  test('is of one executor where the key ends in its index', () => {
    const parameters = {
      'sandbox_network.2': 'open',
      sandbox_network: 'none',
      'sandbox_profile.0': 'strict',
    };
    expect(asked({ parameters })).toEqual({
      all: ['sandbox_network=none'],
      '0': ['sandbox_profile.0=strict'],
      '2': ['sandbox_network.2=open'],
    });
  });

  test('is egress where only places are listed', () => {
    const { request } = parse({ parameters: { 'sandbox_egress.1': 'a.org:443' } });
    expect(request.executors.get(1)?.fields.network).toEqual({
      value: 'egress',
      at: `${AT}sandbox_egress.1`,
      as: 'sandbox_egress.1=a.org:443',
    });
    expect(request.task.fields).toEqual({});
  });

  test('is stored under one spelling of its key, and what isn’t supported is not', () => {
    const { supported, warnings } = parse({ parameters: { SANDBOX_Profile: 'strict', vmsize: 'x' } });
    expect(supported).toEqual({ sandbox_profile: 'strict' });
    expect(warnings).toEqual(['backend parameter vmsize is not supported and was ignored']);
  });
});

describe('tags', () => {
  test('count where the site takes them', () => {
    expect(
      asked({ tags: { sandbox_privilege: 'nonroot', 'sandbox_network.1': 'none', owner: 'ann' } }),
    ).toEqual({
      all: ['sandbox_privilege=nonroot'],
      '1': ['sandbox_network.1=none'],
    });
    expect(parse({ tags: { sandbox_privilege: 'nonroot' } }).supported).toBeUndefined();
  });

  test('may say what the parameters say, in their spelling or another', () => {
    expect(
      asked({
        parameters: { sandbox_timeout: '90m', sandbox_profile: 'own' },
        tags: { sandbox_timeout: '1h30m', sandbox_profile: 'own' },
      }),
    ).toEqual({ all: ['sandbox_profile=own', 'sandbox_timeout=1h30m'] });
  });

  test.each([
    ['sandbox_network', 'none', 'open', 'open', 'none'],
    ['sandbox_profile', 'strict', 'own', 'own', 'strict'],
    ['sandbox_timeout', '60m', '2h', '2h', '1h'],
  ])('may not say of %s what the parameters don’t', (key, parameter, tag, theirs, ours) => {
    const { refusals } = parse({ parameters: { [key]: parameter }, tags: { [key]: tag } });
    expect(refusals).toEqual([
      {
        field: `/tags/${key}`,
        problem: `asked ${key}=${theirs}, and ${AT}${key} asks ${key}=${ours}: ask once`,
      },
    ]);
  });

  test('are told that they count for nothing where the site takes none', () => {
    const { refusals, request } = parse({
      takesTags: false,
      tags: { sandbox_network: 'open', sandbox_x: 'y' },
    });
    expect(refusals).toEqual([
      { field: '/tags/sandbox_network', problem: expect.stringContaining('policy.tags') },
    ]);
    expect(request.task.fields).toEqual({});
  });

  test('that begin as sandbox parameters do and are none are refused: they may be mistyped', () => {
    const { refusals } = parse({ tags: { sandbox_netwrok: 'none', owner: 'sandbox_network' } });
    expect(refusals).toEqual([
      { field: '/tags/sandbox_netwrok', problem: expect.stringContaining('known are sandbox_profile') },
    ]);
  });
});

describe('refused, each by its pointer, is', () => {
  test.each<[string, Record<string, string>, RegExp]>([
    ['a word that is none', { sandbox_network: 'host' }, /^asked "host"; must be one of none, egress, open$/],
    ['a word in another case', { sandbox_network: 'None' }, /^asked "None"; must be one of/],
    ['a word with white space', { sandbox_network: 'none ' }, /^asked "none "; must be/],
    ['an empty value', { sandbox_privilege: '' }, /^asked ""; must be/],
    ['full-width letters', { sandbox_network: 'ｎｏｎｅ' }, /must be one of/],
    ['letters that only look alike', { sandbox_network: 'nоne' }, /must be one of/],
    ['two words at once', { sandbox_network: 'none,open' }, /must be one of/],
    [
      'a profile that isn’t',
      { sandbox_profile: 'Strict' },
      /the profiles strict, standard, mapped-root, own$/,
    ],
    ['a name that every object has', { sandbox_profile: '__proto__' }, /the profiles strict/],
    ['a URL for a place', { sandbox_egress: 'https://a.org' }, /must be a list such as/],
    ['a duration without a unit', { sandbox_timeout: '90' }, /must be a duration/],
    ['no time at all', { sandbox_timeout: '0s' }, /must be a duration/],
    ['half a process', { sandbox_pids: '1.5' }, /must be a whole number/],
    ['more processes than Linux has', { sandbox_pids: '4194305' }, /must be a whole number/],
    ['an unknown compatibility', { sandbox_compat: 'ptrace,sys_admin' }, /must be none, or some of ptrace/],
    [
      'a list with another network',
      { sandbox_network: 'open', sandbox_egress: 'a.org:443' },
      /^asked a\.org:443, but sandbox_network=open: the list is for/,
    ],
    [
      'an executor that isn’t',
      { 'sandbox_network.3': 'none' },
      /^the task has 3 executors, and the first is sandbox_network\.0$/,
    ],
    ['an executor far beyond', { 'sandbox_network.99999': 'none' }, /^the task has 3 executors/],
    [
      'an index for the whole task’s time',
      { 'sandbox_timeout.0': '1h' },
      /task as a whole: ask for sandbox_timeout, without an index/,
    ],
    ['an index with a zero in front', { 'sandbox_network.02': 'none' }, /known are/],
    ['a negative index', { 'sandbox_network.-1': 'none' }, /known are/],
    ['two indices', { 'sandbox_network.1.1': 'none' }, /known are/],
    ['a size by the wrong way', { sandbox_ram_gb: '1' }, /known are/],
    ['a key of a later version', { sandbox_teleport: 'yes' }, /known are sandbox_profile, sandbox_isolation/],
    ['the prefix alone', { sandbox_: 'x' }, /known are/],
  ])('%s', (_what, parameters, problem) => {
    const at = Object.keys(parameters).at(-1) ?? '';
    for (const strict of [false, true]) {
      expect(parse({ parameters, strict }).refusals).toEqual([
        { field: AT + at, problem: expect.stringMatching(problem) },
      ]);
    }
  });

  test('an index beyond the only executor', () => {
    expect(parse({ parameters: { 'sandbox_pids.1': '5' }, executors: 1 }).refusals[0]?.problem).toBe(
      'the task has 1 executor, and the first is sandbox_pids.0',
    );
  });

  test('a long value, cut short', () => {
    const { refusals } = parse({ parameters: { sandbox_network: 'x'.repeat(100) } });
    expect(refusals[0]?.problem).toContain(`"${'x'.repeat(79)}…"`);
    expect(parse({ parameters: { sandbox_network: 'x'.repeat(80) } }).refusals[0]?.problem).toContain(
      `"${'x'.repeat(80)}"`,
    );
  });

  test('what isn’t supported, where the task is strict', () => {
    const { refusals, warnings } = parse({ parameters: { 'a/b~c': '1', d: '2' }, strict: true });
    expect(warnings).toEqual([]);
    expect(refusals).toEqual([
      { field: `${AT}a~1b~0c`, problem: expect.stringContaining('backend_parameters_strict is true') },
      { field: `${AT}d`, problem: expect.stringContaining('not supported by this server') },
    ]);
  });

  test('all of it at once', () => {
    const parameters = { sandbox_network: 'x', sandbox_pids: '0', 'sandbox_rootfs.9': 'readonly' };
    expect(parse({ parameters, tags: { sandbox_z: '' } }).refusals).toHaveLength(4);
  });
});

describe('smuggling', () => {
  test.each(['sandbox_network', 'SANDBOX_NETWORK', 'Sandbox_Network', 'sandbox_networK'])(
    'a key in another case is the same key: %s',
    (key) => {
      expect(asked({ parameters: { [key]: 'open' } })).toEqual({ all: ['sandbox_network=open'] });
      expect(asked({ tags: { [key]: 'open' } })).toEqual({ all: ['sandbox_network=open'] });
    },
  );

  test.each([
    [{ sandbox_network: 'none', SANDBOX_NETWORK: 'open' }, {}],
    [{ 'sandbox_network.1': 'none', 'Sandbox_network.1': 'open' }, {}],
    [{}, { sandbox_network: 'none', Sandbox_Network: 'open' }],
  ])('two keys that differ in case alone are one key with two values: %o %o', (parameters, tags) => {
    expect(parse({ parameters, tags }).refusals).toEqual([
      { field: expect.stringMatching(/network/i), problem: expect.stringContaining('ask once') },
    ]);
  });

  test.each([
    ['the Kelvin sign for a k', 'sandbox_networ\u212A'],
    ['a dotted capital I', 'sandbox_prof\u0130le'],
    ['a dotless i', 'sandbox_prof\u0131le'],
    ['a long s', '\u017Fandbox_network'],
    ['Cyrillic letters', 'ѕаndbох_network'],
    ['an Armenian n and o', 'saոdbօx_network'],
    ['a d of another alphabet', 'sanԁbox_network'],
    ['a b of another alphabet', 'sandƅox_network'],
    ['Greek letters', 'sαndbοχ_network'],
    ['full-width letters', 'ｓａｎｄｂｏｘ＿ｎｅｔｗｏｒｋ'],
    ['mathematical letters', '𝐬𝐚𝐧𝐝𝐛𝐨𝐱_network'],
    ['a zero-width space', 'sand\u200bbox_network'],
    ['a soft hyphen', 'sandbox\u00ad_network'],
    ['a right-to-left mark in front', '\u200fsandbox_network'],
    ['white space in front', ' sandbox_network'],
    ['white space behind', 'sandbox_network '],
    ['a NUL in front', '\0sandbox_network'],
    ['a hyphen', 'sandbox-network'],
    ['a dot', 'sandbox.network'],
    ['no bar at all', 'sandboxNetwork'],
    ['another bar', 'sandbox＿network'],
  ])('a key that only looks like ours asks for nothing, and is refused: %s', (_what, key) => {
    const { request, refusals, supported } = parse({ parameters: { [key]: 'open' } });
    expect(request.task.fields).toEqual({});
    expect(supported).toBeUndefined();
    expect(refusals).toEqual([{ field: AT + key, problem: expect.stringContaining('no sandbox parameter') }]);
  });

  test.each(['network', 'x_sandbox_network', 'box_sandbox', 'sand_bag', 'ｘ'])(
    'a key that doesn’t begin as ours is somebody else’s: %s',
    (key) => {
      const { refusals, warnings } = parse({ parameters: { [key]: 'open' } });
      expect(refusals).toEqual([]);
      expect(warnings).toHaveLength(1);
    },
  );

  test('names that every object has are keys like others', () => {
    const parameters: Record<string, string> = JSON.parse('{"__proto__": "open", "constructor": "x"}');
    const { warnings, refusals, supported } = parse({ parameters });
    expect(warnings).toHaveLength(2);
    expect({ refusals, supported }).toEqual({ refusals: [], supported: undefined });
  });

  test('what stands in an environment, a name or a description asks for nothing', () => {
    const document: TesTaskDocument = {
      name: 'sandbox_network=open',
      description: 'sandbox_privilege: root-mapped',
      executors: [{ image: 'alpine', command: ['sandbox_network=open'], env: { sandbox_network: 'open' } }],
      tags: { note: 'sandbox_network=open' },
      resources: { zones: ['sandbox_network=open'] },
    };
    expect(parseRequest(document, { profiles: [], tags: true })).toEqual({
      request: { task: { fields: {} }, executors: new Map() },
      supported: undefined,
      warnings: [],
      refusals: [],
    });
  });
});
