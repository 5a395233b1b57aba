/** Something that lies on a host's disks for a guest. */
export interface LeftFile {
  /** Of the guest. */
  readonly id: string;
  /** Where it lies below the guests' directory, such as `<id>`, `<id>_resize` or `<id>/copy.<image>`. */
  readonly name: string;
  /** Milliseconds since the epoch, by this host's clock: when anything in it was last written. */
  readonly touchedAt: number;
}

/** Hosts whose guests have files, so that some may be left behind. Cached images are none of them. */
export interface LeftFiles {
  /** Directories of guests that are not there, and what was copied of disks; what is set aside is told by `GuestMoves.aside`. */
  list(): Promise<readonly LeftFile[]>;
  /** Removes what `list` tells; succeeds when it is gone. `conflict` for the directory of a guest that is there, or set aside. */
  remove(file: Pick<LeftFile, 'id' | 'name'>): Promise<void>;
}
