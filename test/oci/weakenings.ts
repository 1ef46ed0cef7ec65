/** A runtime specification without one of its protections each. */
import type { RuntimeSpec } from '../../src/backends/oci/compile.ts';

export function unchanged(spec: RuntimeSpec): object {
  return spec;
}

export function withoutSeccomp(spec: RuntimeSpec): object {
  const { seccomp: _, ...linux } = spec.linux;
  return { ...spec, linux };
}

export function withCapabilities(...names: readonly string[]): (spec: RuntimeSpec) => RuntimeSpec {
  const sets = { bounding: names, effective: names, permitted: names, inheritable: names, ambient: names };
  return (spec) => ({ ...spec, process: { ...spec.process, capabilities: sets } });
}

/** uid 0 inside is uid 0 of this host. */
export function withoutUserNamespace(spec: RuntimeSpec): RuntimeSpec {
  const namespaces = spec.linux.namespaces.filter(({ type }) => type !== 'user');
  return { ...spec, linux: { ...spec.linux, namespaces, uidMappings: [], gidMappings: [] } };
}

export function inHostNetwork(spec: RuntimeSpec): object {
  const namespaces = spec.linux.namespaces.filter(({ type }) => type !== 'network');
  // A user namespace that doesn't own the network namespace can't mount sysfs, nor set its sysctls.
  const mounts = spec.mounts.filter(({ destination }) => !destination.startsWith('/sys'));
  return { ...spec, mounts, linux: { ...spec.linux, namespaces, sysctl: {} } };
}

export function allowingNewPrivileges(spec: RuntimeSpec): object {
  return { ...spec, process: { ...spec.process, noNewPrivileges: false } };
}

export function withoutReadonlyPaths(spec: RuntimeSpec): RuntimeSpec {
  return { ...spec, linux: { ...spec.linux, readonlyPaths: [] } };
}

export function withoutMaskedPaths(spec: RuntimeSpec): object {
  return { ...spec, linux: { ...spec.linux, maskedPaths: [] } };
}

export function withoutSysctl(spec: RuntimeSpec): object {
  return { ...spec, linux: { ...spec.linux, sysctl: {} } };
}

export function withoutResourceLimits(spec: RuntimeSpec): object {
  return { ...spec, process: { ...spec.process, rlimits: [] } };
}

export function withResources(
  change: (own: RuntimeSpec['linux']['resources']) => object,
): (spec: RuntimeSpec) => object {
  return (spec) => {
    const { resources } = spec.linux;
    return { ...spec, linux: { ...spec.linux, resources: { ...resources, ...change(resources) } } };
  };
}
