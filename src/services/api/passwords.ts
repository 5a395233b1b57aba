import { randomInt } from 'node:crypto';

const groups = ['23456789', 'ABCDEFGHJKLMNPQRSTUVWXYZ', 'abcdefghijkmnopqrstuvwxyz'] as const;
const all = groups.join('');
const pick = (from: string): string => from[randomInt(from.length)]!;

/** A password without look-alikes, with at least one character of each group, as Nova generates them. */
export function generatePassword(length: number): string {
  const characters = [
    ...groups.map(pick).slice(0, length),
    ...Array.from({ length: Math.max(0, length - groups.length) }, () => pick(all)),
  ];
  for (let i = characters.length - 1; i > 0; i--) {
    const j = randomInt(i + 1);
    [characters[i], characters[j]] = [characters[j]!, characters[i]!];
  }
  return characters.join('');
}
