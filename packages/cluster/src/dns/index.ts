export { startDnsServer, type DnsServer, type DnsServerOptions } from './dns-server.ts';
export type { ForwardQuery } from './responder.ts';
