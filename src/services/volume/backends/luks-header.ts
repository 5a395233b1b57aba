import type { Cipher } from './backend.ts';

export const usualCipher: Cipher = { algorithm: 'aes-256', mode: 'xts', ivGenerator: 'plain64' };

const sector = 512;
const slots = 8;
/** Copies of the key that each slot is spread over. */
const stripes = 4000;
const alignment = 8;

/**
 * Bytes before the content of a LUKS container (version 1, as QEMU makes it): its header, and eight slots that each hold the key spread over many copies.
 * A volume is that much bigger, so that its guest sees as many GiB as it was promised.
 */
export function luksHeaderBytes({ algorithm, mode }: Cipher): number {
  const keyBytes = { 'aes-128': 16, 'aes-192': 24, 'aes-256': 32 }[algorithm] * (mode === 'xts' ? 2 : 1);
  const slotSectors = Math.ceil(Math.ceil((keyBytes * stripes) / sector) / alignment) * alignment;
  return (alignment + slots * slotSectors) * sector;
}
