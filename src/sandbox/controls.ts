/**
 * The controls of a sandbox that some hosts can't enforce, by the names under which they are reported: as
 * `sandbox_unenforced` in a task's metadata, and by `bulkhead doctor`.
 */
export const CONTROLS = ['cpu', 'memory', 'pids', 'disk', 'devices', 'id-range', 'apparmor'] as const;

/**
 * Without one of these a task can take from its neighbours and from the host what they need. The others stand behind a
 * boundary that holds by itself: no device is made in a user namespace, and each task has one of its own.
 */
export const SHARES: readonly string[] = ['cpu', 'memory', 'pids', 'disk'];
