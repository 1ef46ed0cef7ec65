/**
 * What the warden takes from a server at once. Whoever speaks for the server may be an enemy: none of this grows with what
 * is sent. A real server stays far below; where it might not, it waits for its turn (`remote.ts`).
 */

/** Of one message. The largest is an attempt of thousands of executors, made of one request body of 8 MiB. */
export const MAX_MESSAGE_BYTES = 32 * 2 ** 20;

/** Members and items in one message: what is small as text can be large in memory, 32 bytes for `[],`. */
export const MAX_MESSAGE_VALUES = 1_000_000;

/** Of messages that haven't come whole, on all connections, by the lengths that they say; and of requests under way. */
export const MAX_HELD_BYTES = 2 * MAX_MESSAGE_BYTES;

/** Connections at once: the server's own, and those on which a tree of files is being asked for. */
export const MAX_CONNECTIONS = 256;

/** What a connection is for must be said within this time, in milliseconds. */
export const FIRST_MESSAGE_MS = 30_000;

/** Trees of files that are read or written at once. Each is a process or two, and two descriptors. */
export const MAX_TREES = 128;

/** Requests under way at once; each may be a process. The next ones aren't read before one of them is answered. */
export const MAX_REQUESTS = 256;

/** Answers that the server hasn't taken: with more, no request is read. */
export const MAX_UNREAD_BYTES = 4 * 2 ** 20;
