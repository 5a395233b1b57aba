/** Work that outlives its request. Its row is written in the transaction that promises it. */
export type TaskKind =
  | 'create-volume'
  | 'delete-volume'
  | 'extend-volume'
  | 'retype-volume'
  | 'reimage-volume'
  | 'revert-volume'
  | 'upload-volume'
  | 'create-snapshot'
  | 'delete-snapshot'
  | 'drop-old-content'
  | 'tell-compute';
