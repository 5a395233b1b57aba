/** A program the product may run with the rights it has, and where Debian keeps it. */
interface Program {
  /** Absolute paths, the first that exists is run; `PATH` is never searched. */
  readonly paths: readonly string[];
  /** The Debian package that brings it, for the message when it is not there. */
  readonly package: string;
}

const inSbin = (name: string): readonly string[] => [`/usr/sbin/${name}`, `/sbin/${name}`];
const inBin = (name: string): readonly string[] => [`/usr/bin/${name}`, `/bin/${name}`];

/** Everything `runCommand` may start: the counterpart of rootwrap's filters. Nothing else of the product starts system programs. */
export const programs = {
  ip: { paths: [...inSbin('ip'), ...inBin('ip')], package: 'iproute2' },
  bridge: { paths: [...inSbin('bridge'), ...inBin('bridge')], package: 'iproute2' },
  tc: { paths: inSbin('tc'), package: 'iproute2' },
  nft: { paths: inSbin('nft'), package: 'nftables' },
  sysctl: { paths: inSbin('sysctl'), package: 'procps' },
  conntrack: { paths: inSbin('conntrack'), package: 'conntrack' },
  dnsmasq: { paths: inSbin('dnsmasq'), package: 'dnsmasq-base' },
  haproxy: { paths: inSbin('haproxy'), package: 'haproxy' },
  libvirtd: { paths: inSbin('libvirtd'), package: 'libvirt-daemon-system' },
  virtlogd: { paths: inSbin('virtlogd'), package: 'libvirt-daemon-system' },
  virtlockd: { paths: inSbin('virtlockd'), package: 'libvirt-daemon-system' },
  prlimit: { paths: inBin('prlimit'), package: 'util-linux' },
  'qemu-img': { paths: inBin('qemu-img'), package: 'qemu-utils' },
  'qemu-io': { paths: inBin('qemu-io'), package: 'qemu-utils' },
  'qemu-nbd': { paths: inBin('qemu-nbd'), package: 'qemu-utils' },
  'qemu-storage-daemon': { paths: inBin('qemu-storage-daemon'), package: 'qemu-system-common' },
  'qemu-system-x86_64': { paths: inBin('qemu-system-x86_64'), package: 'qemu-system-x86' },
  xorriso: { paths: inBin('xorriso'), package: 'xorriso' },
  'mkfs.ext4': { paths: inSbin('mkfs.ext4'), package: 'e2fsprogs' },
  'mkfs.xfs': { paths: inSbin('mkfs.xfs'), package: 'xfsprogs' },
  'mkfs.vfat': { paths: inSbin('mkfs.vfat'), package: 'dosfstools' },
  mcopy: { paths: inBin('mcopy'), package: 'mtools' },
  mkswap: { paths: inSbin('mkswap'), package: 'util-linux' },
  resize2fs: { paths: inSbin('resize2fs'), package: 'e2fsprogs' },
  e2fsck: { paths: inSbin('e2fsck'), package: 'e2fsprogs' },
} as const satisfies Readonly<Record<string, Program>>;

export type ProgramName = keyof typeof programs;
