import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { EnforcementPolicy } from '../policy/enforcement.ts';
import type { SitePolicy } from '../policy/site.ts';
import type { PolicyMessage } from './policy-news.ts';
import type { Logger } from '../telemetry/logger.ts';

/** The site's policy as it is now. Whoever decides something takes it once, and decides all by the same. */
export interface PolicySource extends EnforcementPolicy {
  readonly current: SitePolicy;
  close(): void;
}

/** Follows what the warden's process, which can read the configuration, tells: a policy takes the place of the one before as a whole. */
export function followPolicy(start: SitePolicy, messages: Readable, logger: Logger): PolicySource {
  let current = start;
  const lines = createInterface({ input: messages });
  lines.on('line', (line) => {
    // Written by the process that started this one.
    const message: PolicyMessage = JSON.parse(line);
    if ('problem' in message) {
      logger.error(
        { problem: message.problem },
        'the configuration was read again and can’t be used: the policy stays as it was',
      );
      return;
    }
    const isNew = JSON.stringify(message.policy) !== JSON.stringify(current);
    current = message.policy;
    const rules = current.rules.map(({ id }) => id);
    if (isNew) logger.info({ rules }, 'the policy was read again and is in force');
    if (message.later.length > 0)
      logger.warn(
        { sections: message.later },
        'the configuration has changed beside the policy: that counts from the next start',
      );
  });
  return {
    get current() {
      return current;
    },
    get require_enforced() {
      return current.require_enforced;
    },
    get may_be_unenforced() {
      return current.may_be_unenforced;
    },
    close() {
      lines.close();
      messages.destroy();
    },
  };
}
