/** How devices are named by the bus they are on; what stands nowhere here is on virtio. */
const prefixes: Readonly<Record<string, string>> = { scsi: 'sd', sata: 'sd', usb: 'sd', ide: 'hd', fdc: 'fd' };

/** The next free name of a device, such as `/dev/vdb`, when these are taken. After `z` comes `aa`. */
export function deviceNameAfter(taken: readonly string[], bus: string | null): string {
  const prefix = `/dev/${prefixes[bus ?? ''] ?? 'vd'}`;
  for (let index = 0; ; index++) {
    const name = prefix + lettersOf(index);
    if (!taken.includes(name)) return name;
  }
}

const letters = 26;
const lettersOf = (index: number): string =>
  (index < letters ? '' : lettersOf(Math.floor(index / letters) - 1)) + String.fromCodePoint(97 + (index % letters));
