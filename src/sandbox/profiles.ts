import type { ExecutorSandbox } from './sandbox.ts';

/** The part of a sandbox that a profile presets; limits come from the task and the site. */
export type Profile = Omit<ExecutorSandbox, 'profile'>;

/** The profiles that every site has; a site can name its own beside them. Strictest first. */
export const PROFILES: Readonly<Record<'strict' | 'standard' | 'mapped-root', Profile>> = {
  strict: { isolation: 'userns', privilege: 'nonroot', network: 'none', rootfs: 'readonly', compat: [] },
  standard: {
    isolation: 'userns',
    privilege: 'root-capless',
    network: 'none',
    rootfs: 'ephemeral',
    compat: [],
  },
  'mapped-root': {
    isolation: 'userns',
    privilege: 'root-mapped',
    network: 'none',
    rootfs: 'ephemeral',
    compat: [],
  },
};
