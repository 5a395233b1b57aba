import { option } from '../option.ts';

/** How users see and type into guests. */
export const vnc = {
  enabled: option.flag({ default: true, help: 'Give guests a screen that can be seen over VNC.' }),
  server_listen: option.text({ default: '127.0.0.1', help: 'Address the screens of guests listen on.' }),
  server_proxyclient_address: option.text({ default: '127.0.0.1', help: 'Address under which the console proxy reaches them.' }),
  novncproxy_base_url: option.text({
    default: 'http://127.0.0.1:6080/vnc_auto.html',
    help: 'Page of the noVNC proxy as browsers of users reach it.',
  }),
  novncproxy_host: option.text({ default: '127.0.0.1', help: 'Address the noVNC proxy listens on. (Nova: 0.0.0.0.)' }),
  novncproxy_port: option.port({ default: 6080, help: 'Port of the noVNC proxy.' }),
  auth_schemes: option.list({
    default: ['none'],
    help: 'How the noVNC proxy may prove itself to guests’ screens, best first: vencrypt (TLS with client certificates), none.',
  }),
  vencrypt_client_key: option.optionalText({ help: 'PEM file: private key of the proxy for vencrypt.' }),
  vencrypt_client_cert: option.optionalText({ help: 'PEM file: certificate of the proxy for vencrypt.' }),
  vencrypt_ca_certs: option.optionalText({ help: 'PEM file: authorities that vouch for hosts; needed for vencrypt.' }),
};

export const spice = {
  enabled: option.flag({ default: false, help: 'Give guests a screen that can be seen over SPICE.' }),
  agent_enabled: option.flag({ default: true, help: 'Give guests a channel for the SPICE agent.' }),
  image_compression: option.optionalChoice(['auto_glz', 'auto_lz', 'quic', 'glz', 'lz', 'off'], { help: 'How images are compressed.' }),
  jpeg_compression: option.optionalChoice(['auto', 'never', 'always'], { help: 'Whether images are sent as JPEG.' }),
  zlib_compression: option.optionalChoice(['auto', 'never', 'always'], { help: 'Whether images are compressed with zlib.' }),
  playback_compression: option.optionalChoice(['on', 'off'], { help: 'Whether sound is compressed. (Nova: True or False.)' }),
  streaming_mode: option.optionalChoice(['filter', 'all', 'off'], { help: 'Which videos are found and streamed.' }),
  html5proxy_base_url: option.text({
    default: 'http://127.0.0.1:6082/spice_auto.html',
    help: 'Page of the SPICE proxy as browsers of users reach it.',
  }),
  spice_direct_proxy_base_url: option.text({
    default: 'http://127.0.0.1:13002/nova',
    help: 'Where native SPICE clients ask for a console; a proxy that is not ours answers there.',
  }),
  server_listen: option.text({ default: '127.0.0.1', help: 'Address the screens of guests listen on.' }),
  server_proxyclient_address: option.text({ default: '127.0.0.1', help: 'Address under which the console proxy reaches them.' }),
  require_secure: option.flag({ default: false, help: 'Take TLS connections only, on every channel.' }),
  html5proxy_host: option.text({ default: '127.0.0.1', help: 'Address the SPICE proxy listens on. (Nova: 0.0.0.0.)' }),
  html5proxy_port: option.port({ default: 6082, help: 'Port of the SPICE proxy.' }),
};

export const serialConsole = {
  enabled: option.flag({ default: false, help: 'Let users type into the first serial port of guests.' }),
  port_range: option.text({ default: '10000:20000', help: 'Ports that serial ports of guests may listen on, as first:end.' }),
  base_url: option.text({ default: 'ws://127.0.0.1:6083/', help: 'The serial proxy as users reach it.' }),
  proxyclient_address: option.text({
    default: '127.0.0.1',
    help: 'Address serial ports of guests listen on, and under which the console proxy reaches them.',
  }),
  serialproxy_host: option.text({ default: '127.0.0.1', help: 'Address the serial proxy listens on. (Nova: 0.0.0.0.)' }),
  serialproxy_port: option.port({ default: 6083, help: 'Port of the serial proxy.' }),
};

export const mks = {
  enabled: option.flag({ default: false, help: 'Offer consoles of type webmks, which only VMware has: asking for one is answered 501.' }),
};

export const console = {
  allowed_origins: option.list({ default: [], help: 'Host names, besides a proxy’s own, whose pages may open consoles.' }),
  ssl_ciphers: option.optionalText({ help: 'Ciphers of the proxies, as OpenSSL writes them.' }),
  ssl_minimum_version: option.choice(['default', 'tlsv1_1', 'tlsv1_2', 'tlsv1_3'], {
    default: 'default',
    help: 'Oldest TLS version the proxies speak.',
  }),
};

export const consoleauth = {
  token_ttl: option.integer({
    default: 600,
    min: 0,
    max: 315_360_000,
    help: 'Seconds in which a console may be opened after it was asked for.',
  }),
  enforce_session_timeout: option.flag({ default: false, help: 'Close consoles when that time is over, too.' }),
};
