import { option } from '../option.ts';

/** What Nova has no option for. */
export const kilonova = {
  listen: option.text({
    default: '127.0.0.1',
    help: 'Address the embedded identity, image, network, placement and volume services listen on.',
  }),
  cloud_id: option.text({
    default: 'kilonova',
    help: 'Marks guests, bridges and namespaces of this cloud on a host that several share.',
  }),
  identity_port: option.port({ default: 5000, help: 'Port of the embedded identity service.' }),
  image_port: option.port({ default: 9292, help: 'Port of the embedded image service.' }),
  network_port: option.port({ default: 9696, help: 'Port of the embedded network service.' }),
  volume_port: option.port({ default: 8776, help: 'Port of the embedded volume service.' }),
  volume_backend: option.choice(['auto', 'qemu', 'fake'], {
    default: 'auto',
    help: 'Where volumes lie: qcow2 files of this host (qemu), nowhere (fake), or as the hypervisor driver is (auto).',
  }),
  volume_nbd_listen: option.text({
    default: '',
    help: 'Address under which guests of other hosts reach volumes (NBD); empty serves guests of this host, through unix sockets.',
  }),
  volume_nbd_tls_directory: option.text({
    default: '',
    help: 'Directory with ca-cert.pem, server-cert.pem and server-key.pem for volume_nbd_listen: clients must then show a certificate of that CA.',
  }),
  placement_port: option.port({ default: 8778, help: 'Port of the embedded placement service.' }),
  decisions_kept_hours: option.integer({
    default: 168,
    min: 1,
    help: 'How long decisions of the scheduler are kept for `inspect decision`.',
  }),
  fake_numa_nodes: option.integer({
    default: 0,
    min: 0,
    max: 16,
    help: 'NUMA nodes each fake host says it has, of 8 cores with two threads and 16 GiB; 0 says none.',
  }),
  fake_pci_devices: option.integer({ default: 0, min: 0, max: 64, help: 'PCI devices 10de:1db4 on each NUMA node of a fake host.' }),
  fake_hosts: option.integer({ default: 1, min: 1, max: 100000, help: 'Compute hosts the fake driver pretends to be.' }),
  least_free_disk_mb: option.integer({
    default: 1024,
    min: 0,
    help: 'No guest is placed on a host with less than so many MiB free where disks of guests lie, until there is a quarter more.',
  }),
  most_clock_offset: option.integer({
    default: 10,
    min: 1,
    help: 'No guest is placed on a host whose clock is further than so many seconds from the database’s.',
  }),
  network_data_plane: option.choice(['linux-bridge', 'none'], {
    default: 'linux-bridge',
    help: 'What the network agent does on this host; none binds ports without plugging them.',
  }),
  private_cidr: option.text({ default: '10.20.0.0/24', help: 'Network of servers that `up` makes.' }),
  auto_allocated_cidr: option.text({
    default: '10.220.0.0/20',
    help: 'Network a project is given when it asks for one (`--nic auto`); the same for each, behind a router of its own.',
  }),
  external_cidr: option.text({ default: '172.24.4.0/24', help: 'Network of the floating IPs that `up` makes.' }),
};
