import { createHash } from 'node:crypto';
import type { HeaderBlock } from '../codec/header-block.ts';
import { names } from '../codec/header-name.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import type { ForwardClientCert } from '../model/network-filter.ts';

function quote(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** The element that stands for this connection's client; undefined where it showed no certificate. */
function elementOf(options: ForwardClientCert, connection: ConnectionInfo, by: string): string | undefined {
  const { tls } = connection;
  if (tls?.peerCertificate === undefined) return undefined;
  const parts: string[] = [];
  if (by !== '') parts.push(`By=${by}`);
  parts.push(`Hash=${createHash('sha256').update(tls.peerCertificate).digest('hex')}`);
  if (options.cert) {
    const base64 = tls.peerCertificate.toString('base64').replace(/(.{64})/g, '$1\n');
    const pem = `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
    parts.push(`Cert=${quote(encodeURIComponent(pem))}`);
  }
  if (options.subject) parts.push(`Subject=${quote(tls.peerSubject)}`);
  if (options.uri)
    for (const uri of tls.peerUriSans.length > 0 ? tls.peerUriSans : ['']) parts.push(`URI=${uri}`);
  if (options.dns) for (const dns of tls.peerDnsSans) parts.push(`DNS=${dns}`);
  return parts.join(';');
}

/** Treats `x-forwarded-client-cert` in the way asked for (Envoy, `ForwardClientCertDetails`). `by` is our own URI SAN. */
export function setForwardedClientCert(
  headers: HeaderBlock,
  options: ForwardClientCert,
  connection: ConnectionInfo,
  by = '',
): void {
  const mutual = connection.tls?.peerCertificate !== undefined;
  switch (options.mode) {
    case 'always_forward_only':
      return;
    case 'sanitize':
      headers.remove(names.forwardedClientCert);
      return;
    case 'forward_only':
      if (!mutual) headers.remove(names.forwardedClientCert);
      return;
    case 'append_forward': {
      const element = elementOf(options, connection, by);
      if (element === undefined) {
        headers.remove(names.forwardedClientCert);
        return;
      }
      const before = headers.get(names.forwardedClientCert);
      headers.set(names.forwardedClientCert, before === undefined ? element : `${before},${element}`);
      return;
    }
    case 'sanitize_set': {
      headers.remove(names.forwardedClientCert);
      const element = elementOf(options, connection, by);
      if (element !== undefined) headers.set(names.forwardedClientCert, element);
    }
  }
}
