/** The command line as a program of its own, with real accounts; the server and the doctor are not part of it. */
import { createAccounts } from '../../src/auth/accounts.ts';
import { runCommandLine } from '../../src/cli/program.ts';
import { noCapabilities } from './capabilities.ts';

process.exitCode = await runCommandLine(
  process.argv.slice(2),
  noCapabilities({
    accounts: async ({ auth }) =>
      createAccounts({ usersFile: auth.users_file, tokensFile: auth.tokens_file }),
  }),
);
