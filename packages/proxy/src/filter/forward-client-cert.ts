import type { HeaderBlock } from '../codec/header-block.ts';
import { names } from '../codec/header-name.ts';
import type { ForwardClientCert } from '../model/network-filter.ts';
import { certificatePem } from '../tls/certificate-text.ts';
import type { TlsInfo } from '../wire/tls-info.ts';

function quote(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** The element that stands for a connection's client; undefined where it showed no certificate. Envoy's order. */
function elementOf(options: ForwardClientCert, tls: TlsInfo): string | undefined {
  const { peerCertificate } = tls;
  if (peerCertificate === undefined) return undefined;
  const parts = (tls.own?.uriSans ?? []).map((uri) => `By=${uri}`);
  parts.push(`Hash=${peerCertificate.fingerprint}`);
  if (options.cert) parts.push(`Cert=${quote(encodeURIComponent(certificatePem(peerCertificate.der)))}`);
  if (options.chain) {
    const shown =
      tls.peerChain === undefined || tls.peerChain.length === 0 ? [peerCertificate.der] : tls.peerChain;
    parts.push(`Chain=${quote(encodeURIComponent(shown.map(certificatePem).join('')))}`);
  }
  if (options.subject) parts.push(`Subject=${quote(tls.peerSubject)}`);
  if (options.uri)
    for (const uri of tls.peerUriSans.length > 0 ? tls.peerUriSans : ['']) parts.push(`URI=${uri}`);
  if (options.dns) for (const dns of tls.peerDnsSans) parts.push(`DNS=${dns}`);
  return parts.join(';');
}

/** Treats `x-forwarded-client-cert` of a request that came by a connection; `tls` is undefined for plain ones. */
export type ForwardedClientCert = (headers: HeaderBlock, tls: TlsInfo | undefined) => void;

/** Compiles the way asked for (Envoy, `ForwardClientCertDetails`). An element is made once for each connection. */
export function compileForwardedClientCert(options: ForwardClientCert): ForwardedClientCert {
  const elements = new WeakMap<TlsInfo, string | false>();
  const element = (tls: TlsInfo | undefined): string | undefined => {
    if (tls === undefined) return undefined;
    let made = elements.get(tls);
    if (made === undefined) {
      made = elementOf(options, tls) ?? false;
      elements.set(tls, made);
    }
    return made === false ? undefined : made;
  };
  switch (options.mode) {
    case 'always_forward_only':
      return () => {};
    case 'sanitize':
      return (headers) => void headers.remove(names.forwardedClientCert);
    case 'forward_only':
      return (headers, tls) => {
        if (tls?.peerCertificate === undefined) headers.remove(names.forwardedClientCert);
      };
    case 'append_forward':
      return (headers, tls) => {
        const own = element(tls);
        const before = own === undefined ? undefined : headers.get(names.forwardedClientCert);
        if (own === undefined) headers.remove(names.forwardedClientCert);
        else headers.set(names.forwardedClientCert, before === undefined ? own : `${before},${own}`);
      };
    default:
      return (headers, tls) => {
        headers.remove(names.forwardedClientCert);
        const own = element(tls);
        if (own !== undefined) headers.add(names.forwardedClientCert, own);
      };
  }
}
