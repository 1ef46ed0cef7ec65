import { OCI_ABILITIES } from '../backends/oci/compile.ts';
import { imageNames } from './image-names.ts';
import { explain } from '../policy/explanation.ts';
import type { Explanation } from '../policy/explanation.ts';
import type { Principal } from '../policy/resolution.ts';
import type { SitePolicy } from '../policy/site.ts';
import type { TesTaskDocument } from '../tes/task.ts';

/** Large enough for all that a policy could say of sizes: where its cases are tried is not where it counts. */
const ANY_MACHINE = { cpuCores: 2 ** 20, memoryBytes: 2 ** 60, diskBytes: 2 ** 60 };

/** What a policy says of a task on a host that has all and enforces all. Throws `image-reference`, `config`. */
export function tryPolicy(site: SitePolicy, document: TesTaskDocument, principal: Principal): Explanation {
  return explain({
    site,
    document,
    principal,
    images: imageNames(document),
    machine: ANY_MACHINE,
    abilities: OCI_ABILITIES,
    unenforced: [],
  });
}
