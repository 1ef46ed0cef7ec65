import packageFile from '../package.json' with { type: 'json' };
import { runCommandLine } from './cli/program.ts';

/**
 * The program: its command line. What only some commands need is loaded when one of them runs, since a client command
 * that loaded the whole server would take several times as long to start.
 */
process.exitCode = await runCommandLine(process.argv.slice(2), {
  serve: async (config, origins) => {
    (await import('./compose/warden-start.ts')).becomeWarden(config, origins);
    return await (await import('./compose/main.ts')).serve(config, origins, config.backend);
  },
  doctor: async () => {
    const start = (await import('./compose/doctor-start.ts')).startDoctor();
    return typeof start === 'string' ? await (await import('./compose/main.ts')).doctor(start) : start;
  },
  accounts: async ({ auth }) => {
    const { createAccounts } = await import('./auth/accounts.ts');
    return createAccounts({ usersFile: auth.users_file, tokensFile: auth.tokens_file });
  },
  restore: async ({ data }, request) => {
    const { restoreDatabase } = await import('./store/sqlite/restore.ts');
    return restoreDatabase({ ...request, dataFolder: data, now: new Date() });
  },
  explain: async (site, document, caller) =>
    (await import('./compose/policy-trial.ts')).tryPolicy(site, document, caller),
  stoppedLeftovers: async (config, choices) => {
    const { stoppedLeftovers } = await import('./compose/stopped-leftovers.ts');
    return stoppedLeftovers(config, choices);
  },
  version: packageFile.version,
});
