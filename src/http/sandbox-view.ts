import type { Static } from '../tes/schema.ts';
import { limitsInWords } from '../sandbox/effective.ts';
import type { ExecutorSandbox, Sandbox } from '../sandbox/sandbox.ts';
import type { sandboxAnswer } from './sandbox-schema.ts';

type SandboxAnswer = Static<typeof sandboxAnswer>;

/** A sandbox in the words of `sandbox_effective`. */
export function sandboxView(sandbox: Sandbox): SandboxAnswer['sandbox'] {
  const { limits, executors = [], rules } = sandbox;
  return {
    ...executorView(sandbox),
    limits: limitsInWords(limits),
    executors: executors.map((each) => ({ index: each.index, ...executorView(each), pids: each.pids })),
    rules: [...(rules ?? [])],
  };
}

function executorView({ profile, isolation, privilege, network, egress, rootfs, compat }: ExecutorSandbox) {
  return {
    profile,
    isolation,
    privilege,
    network,
    ...(egress && { egress: [...egress] }),
    rootfs,
    compat: [...compat],
  };
}
