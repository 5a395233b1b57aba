import type { PlacedDevice } from '../../../../domain/metadata/tagged-devices.ts';
import type { XmlElement } from '../../../../lib/xml/build.ts';
import { attributeAt, find, findAll, textAt } from '../../../../lib/xml/query.ts';

/** Where libvirt has put the interfaces and disks of a domain. */
export function placedDevices(domain: XmlElement): PlacedDevice[] {
  const nics = findAll(domain, 'devices/interface').flatMap((element): PlacedDevice[] => {
    const mac = attributeAt(element, 'mac', 'address');
    const place = placeOf(element, null);
    return mac === null || place === null ? [] : [{ type: 'nic', mac, ...place }];
  });
  const disks = findAll(domain, 'devices/disk').flatMap((element): PlacedDevice[] => {
    const target = attributeAt(element, 'target', 'dev');
    const place = placeOf(element, attributeAt(element, 'target', 'bus'));
    return target === null || place === null
      ? []
      : [{ type: 'disk', volumeId: textAt(element, 'serial'), path: `/dev/${target}`, ...place }];
  });
  return [...nics, ...disks];
}

function placeOf(device: XmlElement, diskBus: string | null): Pick<PlacedDevice, 'bus' | 'address'> | null {
  const given = find(device, 'address')?.attributes ?? {};
  const hex = (name: string, digits: number): string =>
    Number(given[name] ?? 0)
      .toString(16)
      .padStart(digits, '0');
  switch (given['type']) {
    case 'pci':
      return { bus: 'pci', address: `${hex('domain', 4)}:${hex('bus', 2)}:${hex('slot', 2)}.${hex('function', 1)}` };
    case 'drive':
      return { bus: diskBus ?? 'scsi', address: ['controller', 'bus', 'target', 'unit'].map((name) => given[name] ?? '0').join(':') };
    case 'usb':
      return { bus: 'usb', address: `${given['bus'] ?? '0'}:${given['port'] ?? '0'}` };
    default:
      return null;
  }
}
