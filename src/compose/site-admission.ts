import type { ExecutorSpec } from '../backends/oci/compile.ts';
import { compile, OCI_ABILITIES } from '../backends/oci/compile.ts';
import type { BackendSpecs, SpecBackend } from '../http/policy-options.ts';
import { imageNames } from './image-names.ts';
import { kubernetesObjects } from './kubernetes-example.ts';
import { admit } from '../policy/admission.ts';
import type { Admission } from '../policy/admission.ts';
import { explain } from '../policy/explanation.ts';
import type { Explanation } from '../policy/explanation.ts';
import { overview } from '../policy/overview.ts';
import type { Overview } from '../policy/overview.ts';
import type { AdmissionRequest, Principal } from '../policy/resolution.ts';
import type { Machine } from '../policy/resolve-task.ts';
import type { SitePolicy } from '../policy/site.ts';
import { executorSandbox } from '../sandbox/executor.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { TesTaskDocument } from '../tes/task.ts';

/** What a site with the `oci` backend says to a task, by its policy as it is when it is asked. */
export interface SiteAdmission {
  /** Throws `refused`, `image-reference`, `config`. */
  admit(document: TesTaskDocument, principal: Principal): Admission;
  explain(document: TesTaskDocument, principal: Principal): Explanation;
  overview(principal: Principal): Overview;
  specs(document: TesTaskDocument, sandbox: Sandbox, backend: SpecBackend): BackendSpecs;
}

export interface Site {
  readonly policy: { readonly current: SitePolicy };
  readonly machine: () => Machine;
  readonly unenforced: readonly string[];
}

export function createSiteAdmission({ policy, machine, unenforced }: Site): SiteAdmission {
  return {
    admit: (document, principal) => admit(requestFor(document, principal)),
    explain: (document, principal) => explain(requestFor(document, principal)),
    overview: (principal) => overview(policy.current, principal),
    specs: (document, sandbox, backend) =>
      backend === 'kubernetes' ? kubernetesObjects(document, sandbox) : ociSpecs(document, sandbox),
  };

  function ociSpecs(document: TesTaskDocument, sandbox: Sandbox): BackendSpecs {
    return {
      specs: document.executors.map((_, index) => compile(exampleSpec(document, sandbox, index))),
      unknown: UNKNOWN.flatMap((pointer) =>
        document.executors.map((_, index) => `/specs/${index}${pointer}`),
      ),
      unenforced,
    };
  }

  function requestFor(document: TesTaskDocument, principal: Principal): AdmissionRequest {
    return {
      site: policy.current,
      document,
      principal,
      images: imageNames(document),
      machine: machine(),
      abilities: OCI_ABILITIES,
      unenforced,
    };
  }
}

/** What the image, the slot and the host decide when an executor is made. */
const UNKNOWN = [
  '/process/user',
  '/process/env',
  '/process/cwd',
  '/process/rlimits',
  '/root/path',
  '/hostname',
  '/mounts',
  '/annotations',
  '/linux/uidMappings',
  '/linux/gidMappings',
  '/linux/cgroupsPath',
] as const;

/** With examples in the place of what isn't known: an image without a user, the first range of ids. */
function exampleSpec({ executors }: TesTaskDocument, sandbox: Sandbox, index: number): ExecutorSpec {
  const { command = [], env = {}, workdir = '/' } = executors[index] ?? {};
  const own = executorSandbox(sandbox, index);
  const id = own.privilege === 'nonroot' ? 65_532 : 0;
  return {
    sandbox: own,
    id: `TASK-1-${index}`,
    rootfs: '/run/bulkhead/INSTANCE/TASK',
    idBase: 1_879_048_192,
    idCount: 65_536,
    user: { uid: id, gid: id, additionalGids: [] },
    command,
    env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    cwd: workdir,
    hostname: 'TASK',
    binds: [],
    init: '/usr/bin/catatonit',
    cgroupParent: '/bulkhead-INSTANCE',
    hardLimits: { openFiles: 1_048_576, memlockBytes: 2 ** 26, fileSizeBytes: 2 ** 60 },
  };
}
