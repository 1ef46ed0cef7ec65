/** Sites, callers and tasks of every kind, for the laws that hold for all of them. */
import * as fc from 'fast-check';
import type { Field, Grants, Values } from '../../src/policy/fields.ts';
import type { AdmissionRequest } from '../../src/policy/resolution.ts';
import { DEFAULT_SITE_POLICY } from '../../src/policy/site.ts';
import type { Floors, Preset, Rule, SitePolicy } from '../../src/policy/site.ts';
import { ISOLATIONS, NETWORK_MODES, PRIVILEGES, ROOT_FILE_SYSTEMS } from '../../src/sandbox/sandbox.ts';
import type { TesTaskDocument } from '../../src/tes/task.ts';
import { admissionRequest, ALL_ABILITIES } from './site.ts';

const PROFILE_NAMES = ['strict', 'standard', 'mapped-root', 'networked'];
const IMAGES = ['ubuntu:22.04', 'quay.io/lab/tool:1', 'ghcr.io/other/thing'];
const PLACES = ['a.org:443', '*.a.org:443', 'b.a.org:443', '*:443', 'c.org:80'];
const ENDPOINTS = [
  { host: 'a.org', port: 443 },
  { host: '*.a.org', port: 443 },
  { host: '*', port: 443 },
  { host: 'c.org', port: 80 },
] as const;

/** Values of each field, as a site writes them. */
export const FIELD_VALUES: { readonly [F in Field]: fc.Arbitrary<Values[F]> } = {
  isolation: fc.constantFrom(...ISOLATIONS),
  privilege: fc.constantFrom(...PRIVILEGES),
  network: fc.constantFrom(...NETWORK_MODES),
  egress: fc.subarray([...ENDPOINTS]),
  rootfs: fc.constantFrom(...ROOT_FILE_SYSTEMS),
  compat: fc.subarray(['ptrace'] as const),
  pids: fc.constantFrom(8, 64, 1024),
  timeout: fc.constantFrom(null, 60_000, 3_600_000),
  cpu_cores: fc.constantFrom(0.5, 1, 2, 8),
  ram_gb: fc.constantFrom(0.5, 2, 32),
  disk_gb: fc.constantFrom(1, 10, 500),
};

const grants: fc.Arbitrary<Grants> = fc.record(FIELD_VALUES, { requiredKeys: [] });
const preset: fc.Arbitrary<Preset> = fc
  .tuple(grants, fc.option(fc.constantFrom(...PROFILE_NAMES), { nil: undefined, freq: 2 }))
  .map(([fields, profile]) => (profile === undefined ? fields : { ...fields, profile }));
const { isolation, privilege, network, rootfs } = FIELD_VALUES;
const floors: fc.Arbitrary<Floors> = fc.record(
  { isolation, privilege, network, rootfs },
  { requiredKeys: [] },
);

const rule: fc.Arbitrary<Omit<Rule, 'id'>> = fc.record(
  {
    match: fc.record(
      {
        subjects: fc.constantFrom(['ann'], ['b*']),
        groups: fc.constantFrom(['lab'], ['guests']),
        images: fc.constantFrom(['ubuntu'], ['quay.io/**'], ['**:1']),
        registries: fc.constantFrom(['docker.io'], ['*.io']),
        task_names: fc.constantFrom(['nf-*'], ['*']),
        above: fc.constantFrom({ cpu_cores: 1 }, { ram_gb: 4 }),
      },
      { requiredKeys: [] },
    ),
    defaults: preset,
    ceilings: preset,
    floors,
    storage: fc.constant({}),
    refuse: fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) }, fc.constantFrom('not here', null)),
  },
  { requiredKeys: ['match', 'defaults', 'ceilings', 'floors', 'storage'] },
);

const siteDefaults = fc.record(
  { ...FIELD_VALUES, profile: fc.constantFrom(...PROFILE_NAMES) },
  { requiredKeys: ['profile', 'pids', 'timeout', 'cpu_cores', 'ram_gb', 'disk_gb'] },
);

export const arbitrarySite: fc.Arbitrary<SitePolicy> = fc
  .record({
    defaults: siteDefaults,
    ceilings: preset,
    floors,
    rules: fc.array(rule, { maxLength: 3 }),
    tags: fc.boolean(),
  })
  .map(({ defaults, rules, ...rest }) => ({
    ...DEFAULT_SITE_POLICY,
    ...rest,
    defaults: { ...DEFAULT_SITE_POLICY.defaults, ...defaults },
    profiles: {
      networked: {
        isolation: 'userns',
        privilege: 'nonroot',
        network: 'egress',
        egress: ['a.org:443'],
        rootfs: 'readonly',
        compat: ['ptrace'],
      },
    },
    rules: rules.map((each, index) => ({ ...each, id: `rule-${index}` })),
  }));

const parameter = fc.oneof(
  fc.tuple(fc.constant('sandbox_profile'), mostly(fc.constantFrom(...PROFILE_NAMES), 'none-such')),
  fc.tuple(fc.constant('sandbox_isolation'), fc.constantFrom<string>(...ISOLATIONS)),
  fc.tuple(fc.constant('sandbox_privilege'), mostly(fc.constantFrom<string>(...PRIVILEGES), 'host')),
  fc.tuple(fc.constant('sandbox_network'), fc.constantFrom<string>(...NETWORK_MODES)),
  fc.tuple(
    fc.constant('sandbox_egress'),
    fc.subarray(PLACES, { minLength: 1 }).map((places) => places.join(',')),
  ),
  fc.tuple(fc.constant('sandbox_rootfs'), fc.constantFrom<string>(...ROOT_FILE_SYSTEMS)),
  fc.tuple(fc.constant('sandbox_compat'), fc.constantFrom('none', 'ptrace')),
  fc.tuple(fc.constant('sandbox_pids'), fc.constantFrom('1', '64', '5000')),
  fc.tuple(fc.constant('sandbox_timeout'), fc.constantFrom('1s', '1h', '48h', 'none')),
);
const suffix = fc.constantFrom('', '', '', '.0', '.1');
const parameters = fc
  .array(fc.tuple(parameter, suffix), { maxLength: 4, size: '-1' })
  .map((all) =>
    Object.fromEntries(
      all.map(([[key, value], index]) => [key === 'sandbox_timeout' ? key : key + index, value]),
    ),
  );
const size = fc.oneof({ weight: 8, arbitrary: fc.constantFrom(0.25, 0.5, 1, 2) }, fc.constantFrom(16, 1000));

export const arbitraryDocument: fc.Arbitrary<TesTaskDocument> = fc
  .record({
    name: fc.constantFrom('nf-align', 'other', ''),
    images: fc.array(fc.constantFrom(...IMAGES), { minLength: 2, maxLength: 3 }),
    sizes: fc.record({ cpu_cores: size, ram_gb: size, disk_gb: size }, { requiredKeys: [] }),
    parameters,
    tags: fc.oneof({ weight: 8, arbitrary: fc.constant({}) }, parameters),
  })
  .map(({ name, images, sizes, parameters: backend_parameters, tags }) => ({
    name,
    tags,
    resources: { ...sizes, backend_parameters },
    executors: images.map((image) => ({ image, command: ['true'] })),
  }));

export const arbitraryRequest: fc.Arbitrary<AdmissionRequest> = fc
  .record({
    site: arbitrarySite,
    document: arbitraryDocument,
    principal: fc.constantFrom(
      { subject: 'ann', groups: ['lab'] },
      { subject: 'bob', groups: ['guests', 'lab'] },
      { subject: 'eve', groups: [] },
    ),
    abilities: fc.constantFrom(ALL_ABILITIES, ALL_ABILITIES, {
      isolations: ['userns', 'namespace'] as const,
      networks: ['none'] as const,
    }),
  })
  .map(({ document, principal, ...rest }) => admissionRequest(document, principal, rest));

function mostly(usual: fc.Arbitrary<string>, rarely: string): fc.Arbitrary<string> {
  return fc.oneof({ weight: 9, arbitrary: usual }, fc.constant(rarely));
}
