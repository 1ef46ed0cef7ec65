/** Who is calling. */
export interface Principal {
  readonly subject: string;
  readonly groups: readonly string[];
  /** How it was authenticated: `none`, `basic`, `bearer`. */
  readonly method: string;
}

/** Turns a request's Authorization header into a principal. */
export interface Authenticator {
  /** Throws `unauthenticated`, whose message never says which part was wrong. */
  authenticate(authorization: string | undefined): Promise<Principal>;
  /** For the WWW-Authenticate header of a 401; empty where no credential helps. */
  readonly challenges: readonly string[];
}
