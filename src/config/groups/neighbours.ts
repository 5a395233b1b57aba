import { option } from '../option.ts';

/** Where databases and other services are, and how they are asked. */
export const database = {
  connection: option.secret({
    default: '',
    help: 'postgresql:// URL of the server that holds all databases; empty: a private server in state_path.',
  }),
};

export const apiDatabase = {
  connection: option.secret({ default: '', help: 'postgresql:// URL of the server that holds the API database; empty: the same.' }),
};

export const keystoneAuthtoken = {
  auth_url: option.text({ default: 'http://127.0.0.1:5000/v3', help: 'The identity service.' }),
  www_authenticate_uri: option.text({ default: '', help: 'What 401 answers name; empty: auth_url.' }),
  username: option.text({ default: 'nova', help: 'Name of the service user.' }),
  password: option.secret({ default: '', help: 'Password of the service user.' }),
  project_name: option.text({ default: 'service', help: 'Project of the service user.' }),
  user_domain_name: option.text({ default: 'Default', help: 'Domain of the service user.' }),
  project_domain_name: option.text({ default: 'Default', help: 'Domain of its project.' }),
  region_name: option.text({ default: 'RegionOne', help: 'Region whose endpoints are used.' }),
};

export const neutron = {
  service_metadata_proxy: option.flag({ default: false, help: 'Trust the signed headers of the metadata proxy.' }),
  metadata_proxy_shared_secret: option.secret({ default: '', help: 'Key of those signatures.' }),
  region_name: option.optionalText({ help: 'Region of the network service in the catalog.' }),
};

export const glance = {
  num_retries: option.integer({ default: 3, min: 0, help: 'Further tries of a download.' }),
};

export const cinder = {
  cross_az_attach: option.flag({ default: true, help: 'Whether servers may use volumes of other availability zones.' }),
};
