import { describe, expect, it } from 'vitest';

import { compileRegistries, isListed } from './registries.ts';
import { registryFailure } from './registry-failure.ts';

describe('compileRegistries', () => {
  it('writes location, mirrors and plain HTTP as skopeo reads them', () => {
    const { conf, caFiles } = compileRegistries([
      {
        prefix: 'docker.io',
        location: 'cache.example:5000/hub',
        caFile: '/ca.pem',
        mirrors: [
          { location: 'near.example', plainHttp: true },
          { location: 'far.example/x', caFile: '/far.pem' },
        ],
      },
    ]);
    expect(conf).toBe(
      [
        'unqualified-search-registries = []',
        'short-name-mode = "enforcing"',
        '',
        '[[registry]]',
        'prefix = "docker.io"',
        'location = "cache.example:5000/hub"',
        'insecure = false',
        '[[registry.mirror]]',
        'location = "near.example"',
        'insecure = true',
        '[[registry.mirror]]',
        'location = "far.example/x"',
        'insecure = false',
        '',
      ].join('\n'),
    );
    expect([...caFiles]).toEqual([
      ['cache.example:5000', '/ca.pem'],
      ['near.example', undefined],
      ['far.example', '/far.pem'],
    ]);
  });

  it.each(['', 'https://a', 'a"\n[[registry]]', 'A', '../x', 'a/../b', 'a b', '-a', 'a:port'])(
    'refuses the prefix %j',
    (prefix) => {
      expect(() => compileRegistries([{ prefix }])).toThrow(
        expect.objectContaining({
          code: 'config',
          message: expect.stringContaining('images.registries[0].prefix'),
        }),
      );
    },
  );

  it('refuses two entries of one prefix and two CA files of one host', () => {
    expect(() => compileRegistries([{ prefix: 'a' }, { prefix: 'a' }])).toThrow(/twice/);
    expect(() =>
      compileRegistries([
        { prefix: 'a/x', caFile: '/1' },
        { prefix: 'a/y', caFile: '/2' },
      ]),
    ).toThrow(/put both into one file/);
  });

  it('a prefix is about whole parts of a name', () => {
    const entries = [{ prefix: 'quay.io/bio' }];
    expect(isListed(entries, 'quay.io/bio/x')).toBe(true);
    expect(isListed(entries, 'quay.io/biology')).toBe(false);
  });
});

describe('registryFailure', () => {
  it.each([
    ['reading manifest latest in h/x: manifest unknown', 'image-not-found', /has no image/],
    [
      'Get "https://h/v2/": dial tcp 1.2.3.4:443: connect: connection refused',
      'registry',
      /refuses the connection/,
    ],
    [
      'Get "https://h/v2/": x509: certificate signed by unknown authority',
      'registry',
      /isn't trusted.*ca_file/,
    ],
    ['http: server gave HTTP response to HTTPS client', 'registry', /doesn't speak TLS.*plain_http/],
    ['unauthorized: authentication required', 'registry', /needs credentials/],
    ['toomanyrequests: You have reached your pull rate limit', 'registry', /limits how often/],
    ['dial tcp: lookup h: no such host', 'registry', /its name has no address/],
    ['dial tcp 1.2.3.4:443: i/o timeout', 'registry', /stopped answering/],
    ['write /x: no space left on device', 'disk-full', /full/],
    ['something new', 'registry', /couldn't deliver/],
  ])('%s', (said, code, message) => {
    const error = registryFailure(
      'h/x:1',
      'h',
      `time="t" level=fatal msg=${JSON.stringify(`Error parsing image name "docker://h/x:1": ${said}`)}\n`,
    );
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(error.message).toContain(`It said: ${said}`);
  });

  it('keeps what a registry says short and on one line', () => {
    const error = registryFailure(
      'x',
      'h',
      `level=fatal msg=${JSON.stringify(`a\n\u001B[31m${'b'.repeat(5_000)}`)}`,
    );
    expect(error.message).not.toMatch(/\p{Cc}/u);
    expect(error.message.length).toBeLessThan(800);
    expect(registryFailure('x', 'h', '').message).toContain('It said: nothing');
  });
});
