/** One package of `scripts/debian-packages.txt`, and what it is for. */
export interface ListedPackage {
  readonly name: string;
  readonly why: string;
}

/** The list by section, as `bootstrap.sh` reads it: a section is a line in brackets, a package the first word of a line. */
export function listedPackages(text: string): ReadonlyMap<string, readonly ListedPackage[]> {
  const sections = new Map<string, ListedPackage[]>();
  let packages: ListedPackage[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('#') || line.trim() === '') continue;
    const section = /^\[(.*)\]$/.exec(line)?.[1];
    if (section === undefined) {
      const [name = '', ...why] = line.trim().split(/\s+/);
      packages.push({ name, why: why.join(' ') });
    } else sections.set(section, (packages = []));
  }
  return sections;
}

const field = (paragraph: string, name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1];

/** The names of what is installed, from the text of `/var/lib/dpkg/status`. */
export function installedPackages(status: string): ReadonlySet<string> {
  return new Set(
    status
      .split(/\n{2,}/)
      .filter((paragraph) => field(paragraph, 'Status')?.endsWith(' installed') === true)
      .flatMap((paragraph) => field(paragraph, 'Package') ?? []),
  );
}
