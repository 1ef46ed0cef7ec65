import type { PolicyNews, ServeOrigins } from './policy-news.ts';
import { loadConfig } from '../config/load.ts';
import { sitePolicy } from '../config/site-policy.ts';
import { isBulkheadError } from '../errors.ts';

/**
 * The program that reads the configuration anew for a warden that runs: what understands one is 20 MiB, which the warden
 * doesn't keep. Its argument is where the configuration came from; what it found is on standard output.
 */
const origins: ServeOrigins = JSON.parse(process.argv[2] ?? '');
process.stdout.write(`${JSON.stringify(news())}\n`);

function news(): PolicyNews {
  try {
    const { policy, ...rest } = loadConfig({ ...origins, env: process.env });
    return { policy: sitePolicy({ policy, limits: rest.limits }), rest };
  } catch (error) {
    if (isBulkheadError(error)) return { problem: error.message };
    throw error;
  }
}
