import type { Duplex } from 'node:stream';
import type { Settings } from '../../config/index.ts';
import { pagesIn, serialPages, vncPages, type ConsolePages } from './console-pages.ts';
import { negotiateSecurity } from './rfb/negotiate-security.ts';
import { securitySchemes } from './rfb/security-schemes.ts';

/** What happens on a new connection before bytes are only passed on; answers the stream on which the guest goes on. */
export type Beginning = (viewer: Duplex, guest: Duplex) => Promise<Duplex>;

interface ConsoleKindSpec {
  /** Types of tokens, as `remote-consoles` gives them out. */
  readonly types: readonly string[];
  readonly pages: (settings: Settings) => ConsolePages;
  /** How many may look at one server at the same time. */
  readonly mostViewers: number;
  readonly beginning: (settings: Settings) => Promise<Beginning>;
}

const nothingBefore = (): Promise<Beginning> => Promise.resolve((_viewer, guest) => Promise.resolve(guest));

/** The proxies, by the names of their commands. */
export const consoleKinds = {
  novncproxy: {
    types: ['novnc'],
    pages: vncPages,
    mostViewers: 20,
    beginning: async (settings) => {
      const schemes = await securitySchemes(settings);
      return (viewer, guest) => negotiateSecurity(viewer, guest, schemes);
    },
  },
  // QEMU lets one in, and further ones wait unheard
  serialproxy: { types: ['serial'], pages: serialPages, mostViewers: 1, beginning: nothingBefore },
  spicehtml5proxy: { types: ['spice-html5'], pages: ({ DEFAULT }) => pagesIn(DEFAULT.web), mostViewers: 20, beginning: nothingBefore },
} as const satisfies Readonly<Record<string, ConsoleKindSpec>>;

export type ConsoleKind = keyof typeof consoleKinds;
