/** What `bulkhead doctor` found on this host. */
export interface DoctorReport {
  readonly checks: readonly DoctorCheck[];
}

export interface DoctorCheck {
  /** Stable, for programs: `runtime.runc`. */
  readonly id: string;
  /** What was looked at, for people. */
  readonly title: string;
  /** `warn`: tasks run, but something is not enforced or slower; `fail`: tasks can't run. */
  readonly status: 'ok' | 'warn' | 'fail';
  /** What is there. */
  readonly found: string;
  /** What to do about it; absent where nothing is to be done. */
  readonly remedy?: string;
}
