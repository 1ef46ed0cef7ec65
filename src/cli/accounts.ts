/** Who may sign in, as the `user` commands manage it. */
export interface Accounts {
  list(): Promise<readonly Account[]>;
  /** Adds a user, or changes password and groups of one. */
  put(user: {
    readonly name: string;
    readonly groups: readonly string[];
    readonly password: string;
  }): Promise<{ readonly existed: boolean }>;
  /** Removes a user with its tokens. */
  remove(name: string): Promise<{ readonly existed: boolean; readonly tokens: number }>;
  /** The secret is told this once. */
  addToken(owner: {
    readonly subject: string;
    readonly groups: readonly string[];
  }): Promise<{ readonly id: string; readonly secret: string }>;
  /** Removes all tokens of a user, or the one with the id; returns how many there were. */
  removeTokens(subject: string, id?: string): Promise<number>;
}

export interface Account {
  readonly name: string;
  readonly groups: readonly string[];
  readonly hasPassword: boolean;
  readonly tokens: readonly { readonly id: string; readonly created: string }[];
}
