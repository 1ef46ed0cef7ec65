import { imageNames } from '../../src/compose/image-names.ts';
import type { AdmissionRequest, Principal } from '../../src/policy/resolution.ts';
import { DEFAULT_SITE_POLICY } from '../../src/policy/site.ts';
import { ISOLATIONS, NETWORK_MODES } from '../../src/sandbox/sandbox.ts';
import type { TesTaskDocument } from '../../src/tes/task.ts';

const MACHINE = { cpuCores: 4, memoryBytes: 2 ** 34, diskBytes: 2 ** 38 };

/** Where everything is made, so that policy alone decides. */
export const ALL_ABILITIES = { isolations: ISOLATIONS, networks: NETWORK_MODES };

/** What a site without a policy of its own is asked for a task, where everything is enforced; as the server asks it. */
export function admissionRequest(
  document: TesTaskDocument,
  principal: Principal = { subject: 'ann', groups: [] },
  changes: Partial<AdmissionRequest> = {},
): AdmissionRequest {
  return {
    site: DEFAULT_SITE_POLICY,
    document,
    principal,
    images: imageNames(document),
    machine: MACHINE,
    abilities: { isolations: ['userns', 'namespace'], networks: ['none'] },
    unenforced: [],
    ...changes,
  };
}
