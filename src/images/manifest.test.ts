import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseConfig } from './config.ts';
import { MAX_DOCUMENT_BYTES, parseManifest } from './manifest.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: DIGEST, size: 2 };
const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: DIGEST, size: 3 };
const sound = { schemaVersion: 2, config, layers: [layer] };

function bytes(document: unknown): Buffer {
  return Buffer.from(typeof document === 'string' ? document : JSON.stringify(document));
}

describe('parseManifest', () => {
  it('reads an OCI manifest, also one without a media type', () => {
    expect(parseManifest(bytes(sound), 'it')).toMatchObject({
      kind: 'manifest',
      layers: [{ digest: DIGEST, sizeBytes: 3 }],
    });
  });

  it("reads Docker's manifest list", () => {
    const mediaType = 'application/vnd.docker.distribution.manifest.list.v2+json';
    const platform = { os: 'linux', architecture: 'arm64', variant: 'v8' };
    const entry = {
      mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
      digest: DIGEST,
      size: 1,
      platform,
    };
    expect(parseManifest(bytes({ schemaVersion: 2, mediaType, manifests: [entry] }), 'it')).toEqual({
      kind: 'index',
      manifests: [{ mediaType: entry.mediaType, digest: DIGEST, sizeBytes: 1, platform, refName: undefined }],
    });
  });

  it('takes null as absent, as encoders of other languages write it', () => {
    const document = { ...sound, layers: null, annotations: null };
    expect(parseManifest(bytes(document), 'it')).toMatchObject({ layers: [] });
  });

  it.each([
    ['not JSON', '{'],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['an array', []],
    ['null', null],
    ['schema 1', { ...sound, schemaVersion: 1 }],
    ['no schema version', { config, layers: [] }],
    ['a string for the version', { ...sound, schemaVersion: '2' }],
    ['no config', { schemaVersion: 2, layers: [layer] }],
    ['an array for the config', { ...sound, config: [] }],
    [
      'an artifact',
      { ...sound, config: { ...config, mediaType: 'application/vnd.cncf.helm.config.v1+json' } },
    ],
    ['a huge config', { ...sound, config: { ...config, size: MAX_DOCUMENT_BYTES + 1 } }],
    ['an object for the layers', { ...sound, layers: {} }],
    ['a string for a layer', { ...sound, layers: ['x'] }],
    ['too many layers', { ...sound, layers: Array.from({ length: 501 }, () => layer) }],
    [
      'a layer elsewhere',
      {
        ...sound,
        layers: [{ ...layer, mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' }],
      },
    ],
    ['a digest that is a path', { ...sound, layers: [{ ...layer, digest: '../../../etc/shadow' }] }],
    ['a digest with a path', { ...sound, layers: [{ ...layer, digest: `sha256:../${'a'.repeat(61)}` }] }],
    ['upper case', { ...sound, layers: [{ ...layer, digest: DIGEST.toUpperCase() }] }],
    ['a newline after the digest', { ...sound, layers: [{ ...layer, digest: `${DIGEST}\n` }] }],
    ['a number for the digest', { ...sound, layers: [{ ...layer, digest: 7 }] }],
    ['a negative size', { ...sound, layers: [{ ...layer, size: -1 }] }],
    ['a fractional size', { ...sound, layers: [{ ...layer, size: 1.5 }] }],
    ['a size beyond whole numbers', { ...sound, layers: [{ ...layer, size: 1e300 }] }],
    ['a string for the size', { ...sound, layers: [{ ...layer, size: '3' }] }],
    ['both layers and manifests', { ...sound, manifests: [] }],
    [
      'an index with layers',
      { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [], layers: [] },
    ],
    ['an unknown media type', { ...sound, mediaType: 'text/html' }],
    ['a number for the media type', { ...sound, mediaType: 1 }],
    ['a string for the platform', { schemaVersion: 2, manifests: [{ ...layer, platform: 'linux' }] }],
    [
      'a number for a name',
      {
        schemaVersion: 2,
        manifests: [{ ...layer, annotations: { 'org.opencontainers.image.ref.name': 1 } }],
      },
    ],
  ])('refuses %s', (_, document) => {
    const content = Buffer.isBuffer(document) ? document : bytes(document);
    expect(() => parseManifest(content, 'it')).toThrow(expect.objectContaining({ code: 'image-invalid' }));
  });
});

describe('parseConfig', () => {
  it('reads user, environment, folder, platform and diff ids', () => {
    const document = {
      os: 'linux',
      architecture: 'amd64',
      config: { User: 'me:us', Env: ['A=b=c', 'E='], WorkingDir: '/w' },
      rootfs: { type: 'layers', diff_ids: [DIGEST] },
    };
    expect(parseConfig(bytes(document), 'it')).toEqual({
      platform: { os: 'linux', architecture: 'amd64' },
      image: { user: 'me:us', env: ['A=b=c', 'E='], workdir: '/w' },
      diffIds: [DIGEST],
    });
  });

  it('takes an empty config for one that says nothing', () => {
    expect(parseConfig(bytes({ config: null }), 'it').image).toEqual({ user: '', env: [], workdir: '' });
  });

  it.each([
    ['a number for the user', { config: { User: 0 } }],
    ['NUL in the user', { config: { User: 'a\0b' } }],
    ['a string for the environment', { config: { Env: 'A=b' } }],
    ['a name without a value', { config: { Env: ['A'] } }],
    ['a value without a name', { config: { Env: ['=A'] } }],
    ['a long value', { config: { Env: [`A=${'x'.repeat(200_000)}`] } }],
    ['many variables', { config: { Env: Array.from({ length: 2_001 }, (_, index) => `A${index}=1`) } }],
    ['an array for the folder', { config: { WorkingDir: [] } }],
    ['a string for a diff id', { rootfs: { diff_ids: ['x'] } }],
    ['an object for the diff ids', { rootfs: { diff_ids: {} } }],
  ])('refuses %s', (_, document) => {
    expect(() => parseConfig(bytes(document), 'it')).toThrow(
      expect.objectContaining({ code: 'image-invalid' }),
    );
  });
});

it('no JSON whatever makes the parsers fail in another way', () => {
  const key = fc.constantFrom(
    'schemaVersion',
    'mediaType',
    'config',
    'layers',
    'manifests',
    'platform',
    'digest',
    'size',
    'rootfs',
    'Env',
  );
  const { document } = fc.letrec((tie) => ({
    document: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<unknown>(null, 2, '', DIGEST, -0, true),
      fc.array(tie('document'), { maxLength: 3 }),
      fc.dictionary(key, tie('document'), { maxKeys: 5 }),
    ),
  }));
  fc.assert(
    fc.property(document, (value) => {
      for (const parse of [parseManifest, parseConfig]) {
        try {
          parse(bytes(value ?? {}), 'it');
        } catch (error) {
          expect(error).toHaveProperty('code', 'image-invalid');
        }
      }
    }),
  );
});
