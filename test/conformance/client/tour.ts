/** What later steps need of earlier ones, by a name of our own. */
export type Notes = Readonly<Record<string, string>>;

/** One command of the `openstack` client as a person types it, and what is to come of it. */
export interface TourStep {
  /** Without `openstack`. Words in braces stand for notes. */
  readonly run: string;
  /** Of Compute; the client's own default where there is none. */
  readonly version?: string;
  /** An object with these values among its own. */
  readonly shows?: Readonly<Record<string, unknown>>;
  /** A list of which one row has these values among its own. */
  readonly lists?: Readonly<Record<string, unknown>>;
  /** A list without a row that has these. */
  readonly lacks?: Readonly<Record<string, unknown>>;
  /** Plain output. */
  readonly says?: RegExp;
  /** It is refused, in these words. */
  readonly refused?: RegExp;
  /** Keeps values for later: the name of the note, and where it stands (in the object, or in the row that `lists` found). */
  readonly keep?: Readonly<Record<string, string>>;
  /** A server, and the status it is waited for afterwards; `gone` for its end. */
  readonly until?: readonly [server: string, status: string];
  /** Only where the cloud has a volume service. */
  readonly volumes?: true;
}

const image = '--image tiny --flavor m1.tiny';

/** A tour through everything the client can ask of Compute, in an order in which each command has what it needs. */
export const tour: readonly TourStep[] = [
  // what is there
  { run: 'versions show --service compute', lists: { Version: '2.1', Status: 'CURRENT', 'Max Microversion': '2.104' } },
  { run: 'catalog show nova', shows: { type: 'compute' } },
  { run: 'extension list --compute', lists: { Alias: 'OS-DCF' } },
  { run: 'limits show --absolute', lists: { Name: 'maxTotalInstances', Value: 10 } },
  { run: 'limits show --rate' },
  { run: 'availability zone list --compute', lists: { 'Zone Name': 'nova', 'Zone Status': 'available' } },
  { run: 'availability zone list --compute --long', lists: { 'Service Name': 'nova-compute' } },
  { run: 'compute service list', lists: { Binary: 'nova-compute', Status: 'enabled', State: 'up' }, keep: { host: 'Host' } },
  { run: 'compute service list --service nova-compute --long', lists: { Host: '{host}' }, version: '2.11' },
  { run: 'compute service set --disable --disable-reason tour {host} nova-compute' },
  { run: 'compute service list --long', lists: { Host: '{host}', Status: 'disabled', 'Disabled Reason': 'tour' } },
  { run: 'compute service set --enable {host} nova-compute' },
  { run: 'compute service set --down {host} nova-compute', version: '2.53' },
  { run: 'compute service list', lists: { Host: '{host}', State: 'down' }, version: '2.53' },
  { run: 'compute service set --up {host} nova-compute', version: '2.53' },
  { run: 'compute service delete 99999', refused: /Invalid uuid/ },
  { run: 'hypervisor list', lists: { 'Hypervisor Type': 'fake', State: 'up' }, keep: { hypervisor: 'Hypervisor Hostname' } },
  { run: 'hypervisor list --long', lists: { 'Hypervisor Hostname': '{hypervisor}' } },
  { run: 'hypervisor list --matching {hypervisor}', lists: { 'Hypervisor Hostname': '{hypervisor}' } },
  { run: 'hypervisor list --limit 1', version: '2.33' },
  { run: 'hypervisor show {hypervisor}', shows: { hypervisor_hostname: '{hypervisor}', state: 'up' } },
  { run: 'hypervisor show {hypervisor}', shows: { hypervisor_hostname: '{hypervisor}' }, version: '2.88' },
  { run: 'hypervisor stats show', shows: { count: '{hosts}' } },
  { run: 'host list', lists: { 'Host Name': '{host}', Service: 'compute' } },
  { run: 'host show {host}', lists: { Host: '{host}', Project: '(total)' } },
  { run: 'host set --disable {host}' },
  { run: 'host set --enable {host}' },
  { run: 'compute agent list', refused: /410|no longer available|Gone/i },
  {
    run: 'compute agent create os arch 1 http://example.org 0123456789abcdef0123456789abcdef kvm',
    refused: /410|no longer available|Gone/i,
  },
  {
    run: 'compute agent set --agent-version 2 --url http://example.org --md5hash 0123456789abcdef0123456789abcdef 1 ',
    refused: /410|no longer available|Gone/i,
  },
  { run: 'compute agent delete 1', refused: /410|no longer available|Gone|failed/i },

  // flavors
  {
    run: 'flavor create --ram 256 --vcpus 1 --disk 1 --ephemeral 1 --swap 64 --property hw:cpu_policy=shared tour-flavor',
    shows: { name: 'tour-flavor', ram: 256 },
  },
  {
    run: 'flavor create --ram 128 --vcpus 1 --private --description secret --project demo tour-private',
    shows: { name: 'tour-private' },
    version: '2.55',
  },
  { run: 'flavor list --all --long', lists: { Name: 'tour-flavor' } },
  { run: 'flavor list --private', lists: { Name: 'tour-private' } },
  { run: 'flavor show tour-flavor', shows: { name: 'tour-flavor', properties: { 'hw:cpu_policy': 'shared' } } },
  { run: 'flavor show tour-private', shows: { description: 'secret' }, version: '2.55' },
  { run: 'flavor set --property hw:numa_nodes=1 --description told tour-flavor', version: '2.55' },
  { run: 'flavor set --project admin tour-private' },
  { run: 'flavor unset --project admin tour-private' },
  { run: 'flavor unset --property hw:numa_nodes tour-flavor' },
  { run: 'flavor show tour-flavor', shows: { properties: { 'hw:cpu_policy': 'shared' } } },
  { run: 'flavor delete tour-private' },

  // keys
  { run: 'keypair create --private-key {directory}/tour-key tour-key', says: /tour-key/ },
  { run: 'keypair create --public-key {directory}/tour-key.pub tour-public', shows: { name: 'tour-public' } },
  {
    run: 'keypair create --public-key {directory}/tour-key.pub --type ssh tour-typed',
    shows: { name: 'tour-typed', type: 'ssh' },
    version: '2.10',
  },
  { run: 'keypair list', lists: { Name: 'tour-public' } },
  { run: 'keypair list --user admin', lists: { Name: 'tour-public' }, version: '2.35' },
  { run: 'keypair show tour-public', shows: { name: 'tour-public' } },
  { run: 'keypair show --public-key tour-public', says: /^ssh-/ },
  { run: 'keypair delete tour-public tour-typed' },

  // aggregates
  {
    run: 'aggregate create --zone tour-zone --property ssd=yes tour-aggregate',
    shows: { name: 'tour-aggregate', availability_zone: 'tour-zone' },
  },
  { run: 'aggregate add host tour-aggregate {host}', shows: { hosts: ['{host}'] } },
  { run: 'aggregate list --long', lists: { Name: 'tour-aggregate', 'Availability Zone': 'tour-zone' } },
  { run: 'aggregate set --name tour-renamed --property rack=1 tour-aggregate' },
  { run: 'aggregate show tour-renamed', shows: { name: 'tour-renamed', hosts: ['{host}'] } },
  { run: 'aggregate unset --property rack tour-renamed' },
  { run: 'aggregate cache image tour-renamed tiny', version: '2.81' },
  { run: 'aggregate remove host tour-renamed {host}', shows: { hosts: [] } },
  { run: 'aggregate delete tour-renamed' },

  // groups
  { run: 'server group create --policy anti-affinity tour-group', shows: { name: 'tour-group' }, keep: { group: 'id' } },
  {
    run: 'server group create --policy anti-affinity --rule max_server_per_host=2 tour-ruled',
    shows: { policy: 'anti-affinity' },
    version: '2.64',
  },
  { run: 'server group list --all-projects --long', lists: { Name: 'tour-group' } },
  { run: 'server group show tour-ruled', shows: { rules: { max_server_per_host: 2 } }, version: '2.64' },
  { run: 'server group delete tour-ruled' },

  // a server and its life
  { run: 'security group list --project admin', lists: { Name: 'default' }, keep: { rules: 'ID' } },
  {
    run: `server create ${image} --network private --key-name tour-key --property a=b --security-group {rules} --wait tour-1`,
    shows: { name: 'tour-1', status: 'ACTIVE', key_name: 'tour-key' },
    keep: { server: 'id' },
  },
  {
    run: `server create ${image} --nic none --tag red --description told --hint group={group} --wait tour-2`,
    shows: { name: 'tour-2', description: 'told' },
    version: '2.52',
  },
  { run: `server create ${image} --network private --min 2 --max 2 --wait tour-many`, shows: { status: 'ACTIVE' } },
  {
    run: `server create ${image} --network private --hostname tour-host --host {host} --wait tour-placed`,
    shows: { 'OS-EXT-SRV-ATTR:host': '{host}' },
    version: '2.90',
  },
  {
    run: `server create ${image} --network private --config-drive true --user-data {directory}/tour-key.pub --file /etc/tour={directory}/tour-key.pub --wait tour-files`,
    shows: { config_drive: 'True' },
    version: '2.56',
  },
  { run: 'server list', lists: { Name: 'tour-1', Status: 'ACTIVE', Flavor: 'm1.tiny', Image: 'tiny' } },
  { run: 'server list --long --all-projects', lists: { Name: 'tour-1', 'Power State': 1 } },
  { run: 'server list --name tour-many --status ACTIVE --limit 1 --sort-column name', lists: { Status: 'ACTIVE' } },
  { run: 'server list --host {host} --all-projects', lists: { Name: 'tour-placed' } },
  { run: 'server list --tags red', lists: { Name: 'tour-2' }, version: '2.26' },
  { run: 'server list --changes-since 2001-01-01T00:00:00Z --deleted', version: '2.1' },
  { run: 'server list --changes-before 2100-01-01T00:00:00Z', lists: { Name: 'tour-1' }, version: '2.66' },
  { run: 'server list --flavor m1.tiny --image tiny -n', lists: { Name: 'tour-1' } },
  { run: 'server list --unlocked --no-config-drive', lists: { Name: 'tour-1' }, version: '2.90' },
  { run: 'server show tour-1', shows: { name: 'tour-1', status: 'ACTIVE', properties: { a: 'b' } } },
  { run: 'server show tour-1', shows: { name: 'tour-1', locked: false, description: 'tour-1' }, version: '2.90' },
  { run: 'server show --diagnostics tour-1' },
  { run: 'server show --topology tour-1', version: '2.78' },
  { run: 'server set --name tour-one --property c=d tour-1' },
  { run: 'server set --description told tour-one', version: '2.19' },
  { run: 'server set --tag blue tour-one', version: '2.26' },
  { run: 'server set --hostname tour-other tour-one', version: '2.90' },
  {
    run: 'server show tour-one',
    shows: { description: 'told', tags: ['blue'], 'OS-EXT-SRV-ATTR:hostname': 'tour-other', properties: { a: 'b', c: 'd' } },
    version: '2.90',
  },
  { run: 'server unset --property c --tag blue --description tour-one', version: '2.26' },
  { run: 'server set --name tour-1 tour-one' },
  { run: 'server event list tour-1', lists: { Action: 'create' }, keep: { request: 'Request ID' } },
  { run: 'server event list --long --changes-since 2001-01-01T00:00:00Z tour-1', lists: { Action: 'create' }, version: '2.58' },
  { run: 'server event show tour-1 {request}', shows: { action: 'create' } },
  { run: 'console log show tour-1', says: /login:/ },
  { run: 'console log show --lines 1 tour-1', says: /./ },
  { run: 'console url show tour-1', shows: { type: 'novnc' } },
  { run: 'console url show --novnc tour-1', shows: { protocol: 'vnc', type: 'novnc' }, version: '2.6' },
  { run: 'console url show --serial tour-1', shows: { protocol: 'serial', type: 'serial' }, version: '2.8' },
  { run: 'console url show --spice tour-1', shows: { protocol: 'spice' }, version: '2.8' },
  { run: 'server stop tour-1', until: ['tour-1', 'SHUTOFF'] },
  { run: 'server start tour-1', until: ['tour-1', 'ACTIVE'] },
  { run: 'server start tour-1', refused: /409|Cannot 'start'/ },
  { run: 'server reboot --wait tour-1', until: ['tour-1', 'ACTIVE'] },
  { run: 'server reboot --hard --wait tour-1', until: ['tour-1', 'ACTIVE'] },
  { run: 'server pause tour-1', until: ['tour-1', 'PAUSED'] },
  { run: 'server unpause tour-1', until: ['tour-1', 'ACTIVE'] },
  { run: 'server suspend tour-1', until: ['tour-1', 'SUSPENDED'] },
  { run: 'server resume tour-1', until: ['tour-1', 'ACTIVE'] },
  { run: 'server lock --reason tour tour-1', version: '2.73' },
  { run: 'server list --locked', lists: { Name: 'tour-1' }, version: '2.73' },
  { run: 'server show tour-1', shows: { locked: true, locked_reason: 'tour' }, version: '2.73' },
  { run: 'server unlock tour-1' },
  { run: 'server dump create tour-1', version: '2.17' },
  { run: 'server set --password a-new-password tour-1' },
  { run: 'server set --state error tour-1' },
  { run: 'server show tour-1', shows: { status: 'ERROR' } },
  { run: 'server set --state active tour-1' },

  // network
  { run: 'server add network tour-1 private' },
  { run: 'port create --network private tour-port', shows: { name: 'tour-port' }, keep: { port: 'id' } },
  { run: 'server add port tour-1 tour-port' },
  { run: 'server add port --tag nic tour-2 tour-second', version: '2.49', refused: /No .*tour-second|404/ },
  { run: 'port list --server tour-1', lists: { Name: 'tour-port' } },
  { run: 'server remove port tour-1 tour-port' },
  { run: 'server add fixed ip tour-2 private' },
  { run: 'port list --server tour-2', lists: { Status: 'ACTIVE' }, keep: { fixed: 'Fixed IP Addresses' } },
  // this client asks a library for what that has no longer
  { run: 'server remove fixed ip tour-2 {fixed}', refused: /remove_fixed_ip/ },
  { run: 'server remove network tour-1 private' },
  { run: 'server add network tour-1 private', until: ['tour-1', 'ACTIVE'] },
  { run: 'floating ip create public', shows: { status: 'DOWN' }, keep: { address: 'floating_ip_address' } },
  { run: 'server add floating ip tour-1 {address}' },
  { run: 'floating ip show {address}', shows: { floating_ip_address: '{address}', status: 'ACTIVE' } },
  { run: 'server remove floating ip tour-1 {address}' },
  { run: 'floating ip delete {address}' },
  { run: 'floating ip pool list', refused: /.*/ },
  { run: 'security group create tour-rules', shows: { name: 'tour-rules' } },
  { run: 'server add security group tour-1 tour-rules' },
  { run: 'server show tour-1', shows: { name: 'tour-1' } },
  { run: 'server remove security group tour-1 tour-rules' },
  { run: 'security group delete tour-rules' },
  { run: 'port delete tour-port' },

  // images of it
  { run: 'server image create --name tour-image --wait tour-1', shows: { name: 'tour-image' } },
  { run: 'image show tour-image', shows: { status: 'active' } },
  { run: 'server backup create --name tour-backup --type daily --rotate 1 --wait tour-1', shows: { name: 'tour-backup' } },
  { run: 'server rebuild --image tour-image --wait tour-1', until: ['tour-1', 'ACTIVE'] },
  {
    run: 'server rebuild --description new --key-name tour-key --wait tour-1',
    until: ['tour-1', 'ACTIVE'],
    version: '2.54',
  },
  { run: 'server rescue tour-1', until: ['tour-1', 'RESCUE'] },
  { run: 'server unrescue tour-1', until: ['tour-1', 'ACTIVE'] },
  { run: 'server rescue --image tiny tour-1', until: ['tour-1', 'RESCUE'] },
  { run: 'server unrescue tour-1', until: ['tour-1', 'ACTIVE'] },

  // elsewhere
  { run: 'server resize --flavor tour-flavor --wait tour-1', until: ['tour-1', 'VERIFY_RESIZE'] },
  { run: 'server migration list', lists: { Status: 'finished' } },
  { run: 'server resize confirm tour-1', until: ['tour-1', 'ACTIVE'] },
  { run: 'server resize --flavor m1.small --wait tour-1', until: ['tour-1', 'VERIFY_RESIZE'] },
  { run: 'server resize revert tour-1', until: ['tour-1', 'ACTIVE'] },
  { run: 'server migrate --wait tour-1', until: ['tour-1', 'VERIFY_RESIZE'] },
  { run: 'server migration confirm tour-1', until: ['tour-1', 'ACTIVE'] },
  { run: 'server migrate --wait tour-1', until: ['tour-1', 'VERIFY_RESIZE'] },
  { run: 'server migrate confirm tour-1', until: ['tour-1', 'ACTIVE'] },
  { run: 'server migrate --wait tour-1', until: ['tour-1', 'VERIFY_RESIZE'] },
  { run: 'server migration revert tour-1', until: ['tour-1', 'ACTIVE'] },
  { run: 'server migrate --wait tour-1', until: ['tour-1', 'VERIFY_RESIZE'] },
  { run: 'server migrate revert tour-1', until: ['tour-1', 'ACTIVE'] },
  { run: 'server migrate --live-migration --wait tour-1', until: ['tour-1', 'ACTIVE'], version: '2.30' },
  { run: 'server migrate --live-migration --host {host} tour-placed', version: '2.30', refused: /current host/ },
  { run: 'server migrate --live-migration --wait tour-placed', version: '2.30', until: ['tour-placed', 'ACTIVE'] },
  {
    run: 'server migration list --server tour-1 --type live-migration',
    lists: { Type: 'live-migration' },
    version: '2.80',
    keep: { migration: 'Id' },
  },
  { run: 'server migration show tour-1 {migration}', refused: /404|not find|could not be found/, version: '2.59' },
  { run: 'server migration abort tour-1 {migration}', refused: /40[049]|state|not be found/, version: '2.59' },
  { run: 'server migration force complete tour-1 {migration}', refused: /40[049]|state|not be found/, version: '2.59' },
  { run: 'server shelve --wait tour-1', until: ['tour-1', 'SHELVED_OFFLOADED'] },
  { run: 'server unshelve --wait tour-1', until: ['tour-1', 'ACTIVE'] },
  { run: 'server shelve --offload --wait tour-1', until: ['tour-1', 'SHELVED_OFFLOADED'] },
  { run: 'server unshelve --availability-zone nova --wait tour-1', until: ['tour-1', 'ACTIVE'], version: '2.77' },
  { run: 'server evacuate tour-1', refused: /still in use|is up|409|400/i },

  // volumes
  { run: 'volume create --size 1 tour-volume', shows: { name: 'tour-volume' }, keep: { volume: 'id' }, volumes: true },
  { run: 'server add volume tour-1 tour-volume', shows: { Device: '/dev/vdb' }, volumes: true },
  {
    run: 'server add volume --tag data --enable-delete-on-termination tour-2 tour-volume',
    refused: /400|409|available/,
    version: '2.79',
    volumes: true,
  },
  { run: 'server volume list tour-1', lists: { Device: '/dev/vdb' }, volumes: true },
  { run: 'server volume update --delete-on-termination tour-1 {volume}', version: '2.85', volumes: true },
  { run: 'server volume update --preserve-on-termination tour-1 {volume}', version: '2.85', volumes: true },
  { run: 'server remove volume tour-1 tour-volume', volumes: true },
  {
    run: 'server create --boot-from-volume 1 --image tiny --flavor m1.tiny --nic none --wait tour-from-volume',
    shows: { status: 'ACTIVE' },
    version: '2.37',
    volumes: true,
  },
  { run: 'server delete --wait tour-from-volume', volumes: true },

  // what it comes to
  { run: 'quota show', shows: { instances: 10, cores: 20 } },
  { run: 'quota list --compute --detail', lists: { Resource: 'instances', Limit: 10 } },
  { run: 'quota show --default', shows: { instances: 10 } },
  { run: 'quota set --instances 11 --cores 21 demo' },
  { run: 'quota show demo', shows: { instances: 11, cores: 21 } },
  { run: 'quota list --compute', lists: { Instances: 11 } },
  { run: 'quota set --class --instances 10 default' },
  { run: 'usage show --project admin', shows: { Servers: '{some}' } },
  { run: 'usage list', lists: { Project: '{project}' } },

  // the end
  { run: 'server restore tour-1', refused: /409|400|not in/i },
  { run: 'server ssh --help', says: /SSH/i },
  { run: 'server delete --wait tour-1 tour-2 tour-placed tour-files tour-many-1 tour-many-2', until: ['tour-1', 'gone'] },
  { run: 'server list', lacks: { Name: 'tour-1' } },
  { run: 'server list --deleted --all-projects', lists: { Name: 'tour-1' } },
  { run: 'image delete tour-image tour-backup' },
  { run: 'server group delete tour-group' },
  { run: 'keypair delete tour-key' },
  { run: 'flavor delete tour-flavor' },
  { run: 'volume delete tour-volume', volumes: true },
];
