import type { FieldFault } from '../errors.ts';
import type { TesResources } from '../tes/task.ts';

/**
 * The backend parameters that this version supports, in lower case: none yet. Advertised in service-info as
 * `tesResources_backend_parameters`.
 */
export const SUPPORTED_PARAMETERS: readonly string[] = [];

/** Keys with this prefix are this extension's own; see `refusalOf`. */
const RESERVED_PREFIX = 'sandbox_';

export interface ResolvedParameters {
  /** Without the keys that aren't supported: TES 1.1 forbids to store them. Undefined where none is left. */
  readonly supported: Readonly<Record<string, string>> | undefined;
  readonly warnings: readonly string[];
  readonly refusals: readonly FieldFault[];
}

/** Sorts a task's backend parameters into what is stored, warned of, and refused. Keys are case-insensitive. */
export function resolveParameters(resources: TesResources): ResolvedParameters {
  const strict = resources.backend_parameters_strict === true;
  const supported: [string, string][] = [];
  const warnings: string[] = [];
  const refusals: FieldFault[] = [];
  for (const [key, value] of Object.entries(resources.backend_parameters ?? {})) {
    if (SUPPORTED_PARAMETERS.includes(key.toLowerCase())) {
      supported.push([key.toLowerCase(), value]);
      continue;
    }
    const problem = refusalOf(key, strict);
    if (problem === undefined) warnings.push(`backend parameter ${key} is not supported and was ignored`);
    else refusals.push({ field: `/resources/backend_parameters/${escaped(key)}`, problem });
  }
  return { supported: supported.length > 0 ? Object.fromEntries(supported) : undefined, warnings, refusals };
}

/** A `sandbox_` key is refused also where the caller isn't strict: to ignore it could run the task in less isolation than it asks for. */
function refusalOf(key: string, strict: boolean): string | undefined {
  if (key.toLowerCase().startsWith(RESERVED_PREFIX)) {
    return 'this server takes no sandbox parameter yet, and ignoring one could weaken the sandbox; leave it out';
  }
  if (strict) return 'not supported by this server, and backend_parameters_strict is true';
  return undefined;
}

/** Of a JSON pointer, RFC 6901 section 3. */
function escaped(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}
