import type { Capabilities } from '../../src/cli/context.ts';

/** For commands that only talk to a server: whatever else they call fails the test. */
export function noCapabilities(with_: Partial<Capabilities> = {}): Capabilities {
  return {
    serve: () => Promise.reject(new Error('serve was called')),
    doctor: () => Promise.reject(new Error('doctor was called')),
    accounts: () => Promise.reject(new Error('accounts was called')),
    restore: () => Promise.reject(new Error('restore was called')),
    explain: () => Promise.reject(new Error('explain was called')),
    stoppedLeftovers: () => Promise.reject(new Error('stoppedLeftovers was called')),
    version: '1.2.3',
    ...with_,
  };
}
