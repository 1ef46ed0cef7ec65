/** Of a warden that keeps disks ready for the next tasks: an ability of its own. */
export interface ReadyDisks {
  /** Gives them up, where the host's disk has little room left; disks of attempts stay. */
  trim(): Promise<void>;
}
