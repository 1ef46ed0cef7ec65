import { BulkheadError } from '../errors.ts';
import type { FieldFault } from '../errors.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { TesTaskDocument } from '../tes/task.ts';
import { readonlyRootFaults } from './readonly-root.ts';
import { resolve } from './resolution.ts';
import type { AdmissionRequest } from './resolution.ts';

export interface Admission {
  readonly sandbox: Sandbox;
  /** As it is to be stored: without the backend parameters that aren't supported. */
  readonly document: TesTaskDocument;
  readonly warnings: readonly string[];
}

/**
 * Resolves what a task asks for and what its site grants into the sandbox that will be enforced. Total and
 * deterministic. Throws `refused` with every refusal at once, each naming its field, what was asked, the ceiling
 * and where the ceiling is written; `config` where the site names a profile that doesn't exist.
 */
export function admit(request: AdmissionRequest): Admission {
  const { sandbox, supported, warnings, refusals } = resolve(request);
  const all = [...refusals, ...readonlyRootFaults(request.document, sandbox)];
  if (all.length > 0) throw refused(all);
  return { sandbox, document: stored(request.document, supported), warnings };
}

function refused(refusals: readonly FieldFault[]): BulkheadError {
  const all = refusals.map(({ field, problem }) => (field === '' ? problem : `${field}: ${problem}`));
  return new BulkheadError('refused', `the task is refused: ${all.join('; ')}`, { fields: refusals });
}

function stored(
  document: TesTaskDocument,
  supported: Readonly<Record<string, string>> | undefined,
): TesTaskDocument {
  if (document.resources?.backend_parameters === undefined) return document;
  const { backend_parameters: _asked, ...resources } = document.resources;
  return {
    ...document,
    resources: supported === undefined ? resources : { ...resources, backend_parameters: supported },
  };
}
