import type { PageSizeWish } from './guest-topology.ts';
import type { HostCell, MemoryPages } from './host-topology.ts';

const freePages = ({ total, used, reserved }: MemoryPages): number => Math.max(0, total - used - reserved);

const bySize = (cell: HostCell): readonly MemoryPages[] => cell.pages.toSorted((a, b) => a.sizeKb - b.sizeKb);

/** Whether so much memory fits into the pages of a size, and is a whole number of them. */
const fits = (pages: MemoryPages, memoryMb: number): boolean =>
  freePages(pages) * pages.sizeKb >= memoryMb * 1024 && (memoryMb * 1024) % pages.sizeKb === 0;

/** The size of pages a node of a guest gets on a node of a host; null when the host's has none that does. Pages are never overcommitted. */
export function choosePageSize(cell: HostCell, wish: PageSizeWish, memoryMb: number): number | null {
  const sizes = bySize(cell);
  const [smallest, ...larger] = sizes;
  if (smallest === undefined) return null;
  const allowed =
    wish === 'small' ? [smallest] : wish === 'large' ? larger : wish === 'any' ? sizes : sizes.filter(({ sizeKb }) => sizeKb === wish);
  return allowed.findLast((pages) => fits(pages, memoryMb))?.sizeKb ?? null;
}

/** Whether memory without a wish for pages fits into the host's ordinary ones: into those that are free, or (shared) into all there are. */
export function fitsOrdinaryPages(cell: HostCell, memoryMb: number, from: 'free' | 'total'): boolean {
  const smallest = bySize(cell)[0];
  if (smallest === undefined) return true;
  const pages = from === 'free' ? freePages(smallest) : smallest.total;
  return pages * smallest.sizeKb >= memoryMb * 1024;
}
