import { conflict, invalid, notFound, overQuota, unavailable, type KilonovaError } from '../../lib/errors.ts';

/** The refusals of the network API that clients tell apart, each by the name and in the words of Neutron's exception. */
const found =
  (what: string, type: string) =>
  (id: string): KilonovaError =>
    notFound(`${what} ${id} could not be found.`, { code: type });

export const networkNotFound = found('Network', 'NetworkNotFound');
export const subnetNotFound = found('Subnet', 'SubnetNotFound');
export const portNotFound = found('Port', 'PortNotFound');
export const routerNotFound = found('Router', 'RouterNotFound');
export const floatingIpNotFound = found('Floating IP', 'FloatingIPNotFound');
export const agentNotFound = found('Agent', 'AgentNotFound');
export const extensionNotFound = found('Extension with alias', 'ExtensionNotFound');
export const rbacPolicyNotFound = found('RBAC policy of type network with ID', 'RbacPolicyNotFound');
export const securityGroupNotFound = (id: string): KilonovaError =>
  notFound(`Security group ${id} does not exist`, { code: 'SecurityGroupNotFound' });
export const securityGroupRuleNotFound = (id: string): KilonovaError =>
  notFound(`Security group rule ${id} does not exist`, { code: 'SecurityGroupRuleNotFound' });

export const invalidInput = (reason: string): KilonovaError => invalid(`Invalid input for operation: ${reason}.`, { code: 'InvalidInput' });
export const badRequest = (resource: string, reason: string): KilonovaError =>
  invalid(`Bad ${resource} request: ${reason}.`, { code: 'BadRequest' });
export const quotaExceeded = (resources: string): KilonovaError =>
  overQuota(`Quota exceeded for resources: ['${resources}'].`, { code: 'OverQuota' });

export const networkInUse = (id: string): KilonovaError =>
  conflict(`Unable to complete operation on network ${id}. There are one or more ports still in use on the network.`, {
    code: 'NetworkInUse',
  });
export const subnetInUse = (id: string): KilonovaError =>
  conflict(`Unable to complete operation on subnet ${id}: One or more ports have an IP allocation from this subnet.`, {
    code: 'SubnetInUse',
  });
export const gatewayIpInUse = (ip: string, portId: string): KilonovaError =>
  conflict(`Current gateway ip ${ip} already in use by port ${portId}. Unable to update.`, { code: 'GatewayIpInUse' });
export const gatewayInPools = (ip: string, pool: string): KilonovaError =>
  conflict(`Gateway ip ${ip} conflicts with allocation pool ${pool}.`, { code: 'GatewayConflictWithAllocationPools' });
export const noMoreAddresses = (networkId: string): KilonovaError =>
  conflict(`No more IP addresses available on network ${networkId}.`, { code: 'IpAddressGenerationFailure' });
export const noMoreAddressesOnSubnet = (subnetId: string): KilonovaError =>
  conflict(`No more IP addresses available for subnet ${subnetId}.`, { code: 'IpAddressGenerationFailureForSubnet' });
export const addressInUse = (ip: string, subnetId: string): KilonovaError =>
  conflict(`IP address ${ip} already allocated in subnet ${subnetId}`, { code: 'IpAddressAlreadyAllocated' });
export const invalidAddressForSubnet = (ip: string): KilonovaError =>
  invalid(`IP address ${ip} is not a valid IP for the specified subnet.`, { code: 'InvalidIpForSubnet' });
export const invalidAddressForNetwork = (ip: string): KilonovaError =>
  invalid(`IP address ${ip} is not a valid IP for any of the subnets on the specified network.`, { code: 'InvalidIpForNetwork' });
export const macInUse = (networkId: string, mac: string): KilonovaError =>
  conflict(`Unable to complete operation for network ${networkId}. The mac address ${mac} is in use.`, { code: 'MacAddressInUse' });
export const portInUse = (portId: string, networkId: string, deviceId: string): KilonovaError =>
  conflict(`Unable to complete operation on port ${portId} for network ${networkId}. Port already has an attached device ${deviceId}.`, {
    code: 'PortInUse',
  });
export const portIsServices = (portId: string, reason: string): KilonovaError =>
  conflict(`Port ${portId} cannot be deleted directly via the port API: ${reason}.`, { code: 'ServicePortInUse' });
export const portSecurityOff = (): KilonovaError =>
  conflict('Port security must be enabled and port must have an IP address in order to use security groups.', {
    code: 'PortSecurityAndIPRequiredForSecurityGroups',
  });
export const portSecurityStillNeeded = (): KilonovaError =>
  conflict('Port has security group associated. Cannot disable port security or IP address until security group is removed.', {
    code: 'PortSecurityPortHasSecurityGroup',
  });
export const pairsNeedPortSecurity = (): KilonovaError =>
  conflict('Port Security must be enabled in order to have allowed address pairs on a port.', {
    code: 'AddressPairAndPortSecurityRequired',
  });

export const groupInUse = (id: string): KilonovaError => conflict(`Security Group ${id} in use.`, { code: 'SecurityGroupInUse' });
export const defaultGroupExists = (): KilonovaError =>
  conflict('Default security group already exists.', { code: 'SecurityGroupDefaultAlreadyExists' });
export const cannotRenameDefault = (): KilonovaError =>
  conflict('Updating default security group not allowed.', { code: 'SecurityGroupCannotUpdateDefault' });
export const cannotRemoveDefault = (): KilonovaError =>
  conflict('Insufficient rights for removing default security group.', { code: 'SecurityGroupCannotRemoveDefault' });
export const ruleExists = (id: string): KilonovaError =>
  conflict(`Security group rule already exists. Rule id is ${id}.`, { code: 'SecurityGroupRuleExists' });

export const routerInUse = (id: string, reason: string): KilonovaError => conflict(`Router ${id} ${reason}`, { code: 'RouterInUse' });
export const routerInterfaceNotFound = (routerId: string, what: string, id: string): KilonovaError =>
  notFound(`Router ${routerId} does not have an interface ${what} ${id}.`, {
    code: what === 'on subnet' ? 'RouterInterfaceNotFoundForSubnet' : 'RouterInterfaceNotFound',
  });
export const interfaceInUseByFloatingIp = (routerId: string, subnetId: string): KilonovaError =>
  conflict(
    `Router interface for subnet ${subnetId} on router ${routerId} cannot be deleted, as it is required by one or more floating IPs.`,
    { code: 'RouterInterfaceInUseByFloatingIP' },
  );
export const interfaceInUseByRoute = (routerId: string, subnetId: string): KilonovaError =>
  conflict(`Router interface for subnet ${subnetId} on router ${routerId} cannot be deleted, as it is required by one or more routes.`, {
    code: 'RouterInterfaceInUseByRoute',
  });
export const gatewayInUseByFloatingIp = (routerId: string, networkId: string): KilonovaError =>
  conflict(
    `Gateway cannot be updated for router ${routerId}, since a gateway to external network ${networkId} is required by one or more floating IPs.`,
    { code: 'RouterExternalGatewayInUseByFloatingIp' },
  );
export const invalidRoutes = (reason: string): KilonovaError => invalid(`Invalid format for routes: ${reason}`, { code: 'InvalidRoutes' });
export const noGatewayForFloatingIp = (networkId: string, subnetId: string, portId: string): KilonovaError =>
  notFound(
    `External network ${networkId} is not reachable from subnet ${subnetId}.  Therefore, cannot associate Port ${portId} with a Floating IP.`,
    { code: 'ExternalGatewayForFloatingIPNotFound' },
  );
export const floatingIpPortTaken = (ip: string, portId: string, fixedIp: string): KilonovaError =>
  conflict(
    `Cannot associate floating IP ${ip} with port ${portId} using fixed IP ${fixedIp}, as that fixed IP already has a floating IP on external network.`,
    { code: 'FloatingIPPortAlreadyAssociated' },
  );

export const externalNetworkInUse = (id: string): KilonovaError =>
  conflict(`External network ${id} cannot be updated to be made non-external, since it has existing gateway ports.`, {
    code: 'ExternalNetworkInUse',
  });
export const segmentInUse = (segmentationId: number): KilonovaError =>
  conflict(`Unable to create the network. The tunnel ID ${segmentationId} is in use.`, { code: 'TunnelIdInUse' });
export const noSegments = (): KilonovaError =>
  unavailable('Unable to create the network. No tenant network is available for allocation.', { code: 'NoNetworkAvailable' });
export const rbacInUse = (id: string): KilonovaError =>
  conflict(`RBAC policy on object ${id} cannot be removed because other objects depend on it.`, { code: 'RbacPolicyInUse' });
export const bindingExists = (portId: string, host: string): KilonovaError =>
  conflict(`Binding for port ${portId} on host ${host} already exists.`, { code: 'PortBindingAlreadyExists' });
export const bindingActive = (portId: string, host: string): KilonovaError =>
  conflict(`Binding for port ${portId} on host ${host} is already active.`, { code: 'PortBindingAlreadyActive' });
export const bindingNotFound = (portId: string, host: string): KilonovaError =>
  notFound(`Binding for port ${portId} for host ${host} could not be found.`, { code: 'PortBindingNotFound' });
