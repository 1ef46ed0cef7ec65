import type { Limits, Sandbox } from './sandbox.ts';

/**
 * A sandbox as it is reported, in `logs[].metadata.sandbox_effective`: canonical JSON (keys sorted, no white
 * space, after RFC 8785), so that equal sandboxes are equal strings. Field names are those of the extension;
 * a number carries its unit in its name.
 */
export function effectiveJson(sandbox: Sandbox): string {
  return canonical({
    isolation: sandbox.isolation,
    privilege: sandbox.privilege,
    network: sandbox.network,
    ...(sandbox.egress === undefined ? {} : { egress: sandbox.egress.toSorted() }),
    rootfs: sandbox.rootfs,
    compat: sandbox.compat.toSorted(),
    limits: limitsInWords(sandbox.limits),
  });
}

/** In the extension's words, with the unit in each name. */
export function limitsInWords(limits: Limits) {
  return {
    cpu_cores: limits.cpuCores,
    memory_bytes: limits.memoryBytes,
    disk_bytes: limits.diskBytes,
    disk_inodes: limits.diskInodes,
    pids: limits.pids,
    open_files: limits.openFiles,
    log_bytes: limits.logBytes,
    wall_time_ms: limits.wallTimeMs,
    queue_time_ms: limits.queueTimeMs,
  };
}

type Json = string | number | null | readonly string[] | { readonly [key: string]: Json };

function canonical(value: Json): string {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return JSON.stringify(value);
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`).join(',')}}`;
}
