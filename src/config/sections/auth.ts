import { choice, duration, list, pathBelowData, section, text } from '../vocabulary.ts';

export const authSection = section('Who may call.', {
  mode: choice(
    '`none`: everybody is the same caller, on loopback only, and an Authorization header is ignored. `basic`: users of `users_file` by HTTP Basic and tokens of `tokens_file` as bearer tokens.',
    ['none', 'basic'],
    'none',
  ),
  users_file: pathBelowData(
    'Users and hashes of their passwords; written by `bulkhead user add` and read again whenever it changes.',
    'auth/users.json',
  ),
  tokens_file: pathBelowData(
    'Hashes of bearer tokens; written by `bulkhead user token` and read again whenever it changes.',
    'auth/tokens.json',
  ),
  remember: duration(
    'How long a password that was found right is not hashed again. A user or password that changes is noticed at once nevertheless.',
    '5m',
  ),
  operators: list(
    'Users who may drain the server, back it up, clear it away and read its metrics, over the API. With mode `none`, everybody who reaches loopback may.',
    text('The name of a user.'),
  ),
});
