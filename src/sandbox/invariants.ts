import { parseEndpoint } from './endpoint.ts';
import { COMPATS, ISOLATIONS, NETWORK_MODES, PRIVILEGES, ROOT_FILE_SYSTEMS } from './sandbox.ts';
import type { ExecutorSandbox, Limits, Sandbox } from './sandbox.ts';

/**
 * What holds for every sandbox whatever a site or a task says; an empty list where all of it does. The types
 * forbid most of it already: this is for sandboxes that come from a file, a database or another process.
 */
export function violations(sandbox: Sandbox): readonly string[] {
  const exceptions = sandbox.executors ?? [];
  return [
    ...executorViolations(sandbox),
    ...exceptions.flatMap((exception) =>
      executorViolations(exception).map((problem) => `executor ${exception.index}: ${problem}`),
    ),
    ...bounds(sandbox.limits),
    ...exceptions.flatMap(({ index, pids }) =>
      isCount(pids) ? [] : [`executor ${index}: pids is ${pids}, not a whole number above 0`],
    ),
  ];
}

/** The same for one executor, limits apart. */
export function executorViolations(sandbox: ExecutorSandbox): readonly string[] {
  return [...vocabulary(sandbox), ...hostRoot(sandbox), ...openEgress(sandbox)];
}

function vocabulary(sandbox: ExecutorSandbox): readonly string[] {
  const fields: readonly [string, readonly string[], readonly string[]][] = [
    ['isolation', [sandbox.isolation], ISOLATIONS],
    ['privilege', [sandbox.privilege], PRIVILEGES],
    ['network', [sandbox.network], NETWORK_MODES],
    ['rootfs', [sandbox.rootfs], ROOT_FILE_SYSTEMS],
    ['compat', sandbox.compat, COMPATS],
  ];
  return fields.flatMap(([name, values, known]) =>
    values
      .filter((value) => !known.includes(value))
      .map((value) => `${name} is ${JSON.stringify(value)}, not one of ${known.join(', ')}`),
  );
}

/** Uid 0, and any capability, exists only where uid 0 inside isn't uid 0 outside: plain namespaces don't map ids. */
function hostRoot(sandbox: ExecutorSandbox): readonly string[] {
  if (sandbox.isolation !== 'namespace' || sandbox.privilege === 'nonroot') return [];
  return [
    `privilege ${sandbox.privilege} needs a user namespace, and isolation namespace has none: it would be host root`,
  ];
}

/** A list that is empty, or is there where it isn't looked at, is a mistake of somebody's. */
function openEgress({ network, egress }: ExecutorSandbox): readonly string[] {
  if (network !== 'egress')
    return egress === undefined ? [] : [`egress is a list, but network is ${network}`];
  if (egress === undefined || egress.length === 0)
    return ['network is egress, but egress lists no host:port'];
  return egress
    .filter((entry) => parseEndpoint(entry) === undefined)
    .map((entry) => `egress has ${JSON.stringify(entry)}, which is not host:port`);
}

function bounds(limits: Limits): readonly string[] {
  const whole = ['memoryBytes', 'diskBytes', 'diskInodes', 'pids', 'openFiles', 'logBytes'] as const;
  const durations = ['wallTimeMs', 'queueTimeMs'] as const;
  const problems: string[] = [];
  if (!(Number.isFinite(limits.cpuCores) && limits.cpuCores > 0))
    problems.push(`cpuCores is ${limits.cpuCores}, not above 0`);
  for (const name of whole) {
    const value = limits[name];
    if (!isCount(value)) problems.push(`${name} is ${value}, not a whole number above 0`);
  }
  for (const name of durations) {
    const value = limits[name];
    if (value !== null && !isCount(value))
      problems.push(`${name} is ${value}, neither null nor a whole number above 0`);
  }
  return problems;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}
