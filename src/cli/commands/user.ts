import type { Command } from 'commander';
import { BulkheadError } from '../../errors.ts';
import type { Accounts } from '../accounts.ts';
import { collect, configOf, examples, withConfig } from '../context.ts';
import type { ConfigOptions, Context } from '../context.ts';
import { note, write, writeJson, writeLine } from '../output.ts';
import { readNewPassword } from '../password.ts';
import { table } from '../table.ts';

interface GroupOptions extends ConfigOptions {
  readonly group: readonly string[];
}

/** `bulkhead user …`: works on the files of `auth.users_file` and `auth.tokens_file`, not through a server. */
export function addUser(program: Command, context: Context): void {
  const user = program
    .command('user')
    .summary('who may sign in')
    .description('Manages the users and tokens of `auth.mode: basic`. A server that runs notices at once.');
  addAdd(user, context);
  addList(user, context);
  addRemove(user, context);
  addToken(user, context);
  addRevoke(user, context);
}

function addAdd(user: Command, context: Context): void {
  withConfig(
    user
      .command('add')
      .summary('add a user, or change password and groups of one')
      .description('Asks for a password, or reads it from standard input.')
      .argument('<name>', 'name to sign in with')
      .option('--group <name>', 'a group of the user; may be repeated', collect, []),
  )
    .addHelpText(
      'after',
      examples('bulkhead user add ada --group lab', 'pass show bulkhead/ada | bulkhead user add ada'),
    )
    .action(async (name: string, options: GroupOptions) => {
      const config = await configOf(context, options);
      const password = await readNewPassword(context.session, name);
      const { existed } = await (
        await context.accounts(config)
      ).put({ name, groups: options.group, password });
      await note(context.session, `${existed ? 'changed' : 'added'} ${name} in ${config.auth.users_file}`);
      if (config.auth.mode === 'none')
        await note(context.session, 'auth.mode is none: nobody is asked to sign in until it is basic');
    });
}

function addList(user: Command, context: Context): void {
  withConfig(
    user.command('list').summary('list users').description('Lists everybody who has a password or a token.'),
  )
    .option('--json', 'answer for programs, as JSON on standard output')
    .action(async (options: ConfigOptions) => {
      const accounts = await (await accountsOf(context, options)).list();
      if (options.json === true) {
        await writeJson(context.session, { users: accounts });
        return;
      }
      const rows = accounts.map(({ name, groups, hasPassword, tokens }) => [
        name,
        hasPassword ? 'yes' : 'no',
        tokens.map(({ id, created }) => `${id} (${created.slice(0, 10)})`).join(', '),
        groups.join(', '),
      ]);
      await write(context.session.stdout, table(['NAME', 'PASSWORD', 'TOKENS', 'GROUPS'], rows));
    });
}

function addRemove(user: Command, context: Context): void {
  withConfig(
    user
      .command('remove')
      .summary('remove a user')
      .description('Removes a user with its tokens. Its tasks stay.')
      .argument('<name>', 'name of the user'),
  ).action(async (name: string, options: ConfigOptions) => {
    const { existed, tokens } = await (await accountsOf(context, options)).remove(name);
    if (!existed && tokens === 0) throw nobody(name);
    await note(context.session, `removed ${name} and ${tokens} token${tokens === 1 ? '' : 's'}`);
  });
}

function addToken(user: Command, context: Context): void {
  withConfig(
    user
      .command('token')
      .summary('make a token')
      .description('Makes a bearer token and prints it, this once. Its groups are those of the user.')
      .argument('<name>', 'the user that whoever has the token will be')
      .option('--new', 'of a user that has no password, such as a program')
      .option('--group <name>', 'with --new: a group of the user; may be repeated', collect, []),
  )
    .option('--json', 'answer for programs, as JSON on standard output')
    .addHelpText(
      'after',
      examples(
        'bulkhead user token ada',
        'export BULKHEAD_TOKEN=$(bulkhead user token --new ci --group lab)',
      ),
    )
    .action(async (name: string, options: GroupOptions & { readonly new?: boolean }) => {
      const accounts = await accountsOf(context, options);
      const known = (await accounts.list()).find((account) => account.name === name);
      if (known === undefined && options.new !== true) throw nobody(name);
      const groups = options.new === true ? options.group : (known?.groups ?? []);
      const { id, secret } = await accounts.addToken({ subject: name, groups });
      if (options.json === true) await writeJson(context.session, { id, token: secret });
      else await writeLine(context.session.stdout, secret);
      await note(context.session, `token ${id} of ${name}: it is not shown again`);
    });
}

function addRevoke(user: Command, context: Context): void {
  withConfig(
    user
      .command('revoke')
      .summary('take tokens back')
      .description('Removes all tokens of a user, or the one with the id that `user list` shows.')
      .argument('<name>', 'name of the user')
      .argument('[id]', 'id of one token'),
  ).action(async (name: string, id: string | undefined, options: ConfigOptions) => {
    const removed = await (await accountsOf(context, options)).removeTokens(name, id);
    if (removed === 0)
      throw new BulkheadError(
        'not-found',
        `There is no such token of ${name}: bulkhead user list shows them`,
      );
    await note(context.session, `took back ${removed} token${removed === 1 ? '' : 's'} of ${name}`);
  });
}

function nobody(name: string): BulkheadError {
  return new BulkheadError(
    'not-found',
    `There is no user ${name}: bulkhead user list shows them, bulkhead user add adds one`,
  );
}

async function accountsOf(context: Context, options: ConfigOptions): Promise<Accounts> {
  return await context.accounts(await configOf(context, options));
}
