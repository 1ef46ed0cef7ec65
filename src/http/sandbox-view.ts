import type { Static } from '../tes/schema.ts';
import type { ExecutorSandbox, Sandbox } from '../sandbox/sandbox.ts';
import type { sandboxAnswer } from './sandbox-schema.ts';

type SandboxAnswer = Static<typeof sandboxAnswer>;

/** A sandbox in the words of `sandbox_effective`. */
export function sandboxView(sandbox: Sandbox): SandboxAnswer['sandbox'] {
  const { limits, executors = [], rules } = sandbox;
  return {
    ...executorView(sandbox),
    limits: {
      cpu_cores: limits.cpuCores,
      memory_bytes: limits.memoryBytes,
      disk_bytes: limits.diskBytes,
      disk_inodes: limits.diskInodes,
      pids: limits.pids,
      open_files: limits.openFiles,
      log_bytes: limits.logBytes,
      wall_time_ms: limits.wallTimeMs,
      queue_time_ms: limits.queueTimeMs,
    },
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
