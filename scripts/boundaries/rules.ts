import type { IRegularForbiddenRuleType } from 'dependency-cruiser';

/**
 * Who may import whom, as ARCHITECTURE.md says it: tes ← sandbox ← policy ← engine and the ports ← adapters ←
 * http, cli ← compose. Unit tests may import what they like; nothing may import them.
 */
export function forbiddenImports(): IRegularForbiddenRuleType[] {
  return [
    ...roomRules(),
    ...packageRules(),
    rule('only-own-room', 'an adapter imports no other adapter, but port files are fine', {
      from: { path: `^src/(${ADAPTERS.join('|')})/`, pathNot: [TESTS, PORTS, COMPILERS] },
      to: { path: `^src/(${ADAPTERS.join('|')})/`, pathNot: ['^src/$1/', PORTS, COMPILERS] },
    }),
    rule('only-own-backend', 'one backend imports no other', {
      from: { path: '^src/backends/([^/]+)/', pathNot: TESTS },
      to: { path: '^src/backends/[^/]+/', pathNot: '^src/backends/$1/' },
    }),
    rule(
      'pure-is-pure',
      'tes, sandbox, policy, errors and compilers do no I/O: of Node they may have hashing only',
      {
        from: { path: ['^src/((tes|sandbox|policy)/|errors\\.ts$)', COMPILERS], pathNot: TESTS },
        to: { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' },
      },
    ),
    rule(
      'engine-knows-ports',
      'the engine does no I/O of its own: of Node it may have hashing, events and timers',
      {
        from: { path: '^src/engine/', pathNot: TESTS },
        to: { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|events|timers|timers/promises)$' },
      },
    ),
    rule('not-main', 'compose/ puts the programs together: only the command line imports it, lazily', {
      from: { path: '^src/', pathNot: [TESTS, '^src/(bulkhead\\.ts$|compose/)'] },
      to: { path: '^src/(bulkhead\\.ts$|compose/)' },
    }),
    rule('not-programs', 'programs of their own are imported by nothing', {
      from: { path: '^src/', pathNot: TESTS },
      to: { path: '^src/(bulkhead|compose/(warden-process|config-process|server))\\.ts$' },
    }),
    rule('not-tests', 'the program imports neither tests nor scripts', {
      from: { path: '^src/', pathNot: TESTS },
      to: { path: ['^(test|scripts|bench)/', TESTS] },
    }),
    rule('no-cycles', 'no cycles, of types either', { from: {}, to: { circular: true } }),
    rule('resolves', 'every import can be found', { from: {}, to: { couldNotResolve: true } }),
  ];
}

const TESTS = '\\.test\\.ts$';

/** The files that belong to everyone from the engine upwards: interfaces and plain data, no behaviour. */
const PORTS =
  '^src/(store/(store|backup)|backends/backend|warden/(warden|confined-tree|unpacked-images|ready-disks)|storage/storage|images/images|auth/authenticator|engine/(engine|operation))\\.ts$';

/** A backend's pure part, from a sandbox to the runtime's own description: the warden compiles what it starts. */
const COMPILERS = '^src/backends/[^/]+/(compile|seccomp|compile/[^/]+)\\.ts$';

/** Rooms that implement ports or do I/O. */
const ADAPTERS = [
  'store',
  'backends',
  'warden',
  'storage',
  'images',
  'network',
  'auth',
  'telemetry',
  'config',
];

/** From each layer, what it may import of ours besides itself. The rest of `src/` is forbidden to it. */
const LAYERS: readonly { readonly name: string; readonly path: string; readonly may: readonly string[] }[] = [
  { name: 'errors', path: '^src/errors\\.ts$', may: [] },
  { name: 'printable', path: '^src/printable\\.ts$', may: [] },
  { name: 'tes', path: '^src/tes/', may: ['errors'] },
  { name: 'sandbox', path: '^src/sandbox/', may: ['errors', 'tes'] },
  { name: 'policy', path: '^src/policy/', may: ['errors', 'tes', 'sandbox'] },
  { name: 'ports', path: PORTS, may: ['errors', 'tes', 'sandbox', 'policy', 'compilers'] },
  { name: 'compilers', path: COMPILERS, may: ['errors', 'tes', 'sandbox'] },
  { name: 'engine', path: '^src/engine/', may: ['errors', 'tes', 'sandbox', 'policy', 'ports'] },
  { name: 'http', path: '^src/http/', may: ['errors', 'tes', 'sandbox', 'policy', 'ports'] },
  {
    name: 'cli',
    path: '^src/cli/',
    may: ['errors', 'printable', 'tes', 'sandbox', 'policy', 'ports', 'config'],
  },
  { name: 'config', path: '^src/config/', may: ['errors', 'tes', 'sandbox', 'policy', 'ports'] },
];

function roomRules(): IRegularForbiddenRuleType[] {
  const pathOf = new Map(LAYERS.map((layer) => [layer.name, layer.path]));
  return LAYERS.map(({ name, path, may }) => {
    const allowed = [path, ...may.map((other) => pathOf.get(other) ?? other)];
    const from = name === 'engine' ? { path, pathNot: [TESTS, PORTS] } : { path, pathNot: TESTS };
    const list = may.length === 0 ? 'nothing' : may.join(', ');
    return rule(`room-${name}`, `${name} may import ${list} of ours`, {
      from,
      to: { path: '^src/', pathNot: allowed },
    });
  });
}

/** Each third-party package, and the rooms that own it. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  '@fastify/cors': ['http'],
  '@fastify/swagger': ['http'],
  commander: ['cli'],
  fastify: ['http'],
  pino: ['telemetry'],
  'prom-client': ['telemetry'],
  // Schemas are written where the data they describe lives.
  typebox: ['config'],
  undici: ['storage'],
  yaml: ['config'],
};

function packageRules(): IRegularForbiddenRuleType[] {
  const owned = Object.entries(OWNERS).map(([name, rooms]) =>
    rule(`package-${name}`, `${name} belongs to ${rooms.join(', ')}`, {
      from: { path: '^src/', pathNot: [TESTS, `^src/(${rooms.join('|')})/`] },
      to: { path: `^node_modules/${name}/` },
    }),
  );
  const names = Object.keys(OWNERS).map((name) => `^node_modules/${name}/`);
  return [
    ...owned,
    rule('package-without-owner', 'a package needs an owner room in scripts/boundaries/rules.ts', {
      from: { path: '^src/', pathNot: TESTS },
      to: { path: '^node_modules/', pathNot: names },
    }),
  ];
}

function rule(
  name: string,
  comment: string,
  parts: Pick<IRegularForbiddenRuleType, 'from' | 'to'>,
): IRegularForbiddenRuleType {
  return { name, comment, severity: 'error', ...parts };
}
