import { stringify } from 'yaml';
import { writePrivately, type Secrets, type StateDirectory } from './state-directory.ts';

/** Writes `openrc` and `clouds.yaml`, with which every OpenStack client finds the cloud as its administrator. */
export async function writeCredentials(
  state: StateDirectory,
  secrets: Secrets,
  cloud: { readonly authUrl: string; readonly region: string },
): Promise<void> {
  const variables = {
    OS_AUTH_URL: cloud.authUrl,
    OS_USERNAME: 'admin',
    OS_PASSWORD: secrets.adminPassword,
    OS_PROJECT_NAME: 'admin',
    OS_USER_DOMAIN_NAME: 'Default',
    OS_PROJECT_DOMAIN_NAME: 'Default',
    OS_REGION_NAME: cloud.region,
    OS_IDENTITY_API_VERSION: '3',
    OS_INTERFACE: 'public',
  };
  await writePrivately(
    state.openrc,
    `# . ${state.openrc}\nunset OS_CLOUD\n${Object.entries(variables)
      .map(([name, value]) => `export ${name}='${value}'`)
      .join('\n')}\n`,
  );
  const clouds = {
    clouds: {
      kilonova: {
        auth: {
          auth_url: cloud.authUrl,
          username: 'admin',
          password: secrets.adminPassword,
          project_name: 'admin',
          user_domain_name: 'Default',
          project_domain_name: 'Default',
        },
        region_name: cloud.region,
        interface: 'public',
        identity_api_version: 3,
      },
    },
  };
  await writePrivately(state.cloudsYaml, stringify(clouds));
}
