import { Secret } from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import { query } from '../../engine/query.ts';
import { secrets } from '../../model/tables.ts';
import { encodeResource, sameResource, type EncodedResource } from '../resource.ts';

const scheme = 'kubernetes://';
const rootsSuffix = '-cacert';

/** The name under which a gateway asks for the certificate and key of a credential. */
export function certificateSecretName(credential: string): string {
  return `${scheme}${credential}`;
}

/** The name under which it asks for the roots that clients are verified with. */
export function rootsSecretName(credential: string): string {
  return `${scheme}${credential.replace(new RegExp(`${rootsSuffix}$`), '')}${rootsSuffix}`;
}

const bytes = (pem: string): { readonly inlineBytes: Uint8Array } => ({ inlineBytes: Buffer.from(pem) });

/**
 * A credential that a gateway asks for by name, from its own namespace; undefined where there is none.
 *
 * Roots are those of Secret `NAME-cacert`, else those beside the certificate in Secret `NAME` (Istio,
 * "Secure gateways").
 */
export const gatewaySecret = query(
  'secrets.gateway',
  (view, key: { readonly namespace: string; readonly name: string }): EncodedResource | undefined => {
    if (!key.name.startsWith(scheme)) return undefined;
    const credential = key.name.slice(scheme.length);
    const own = view.row(secrets, `${key.namespace}/${credential}`);
    if (credential.endsWith(rootsSuffix)) {
      const shared = view.row(secrets, `${key.namespace}/${credential.slice(0, -rootsSuffix.length)}`);
      const source = own?.roots === undefined ? shared : own;
      if (source?.roots === undefined) return undefined;
      return encodeResource(Secret, key.name, {
        name: key.name,
        validationContext: {
          trustedCa: bytes(source.roots),
          ...(source.revoked === undefined ? {} : { crl: bytes(source.revoked) }),
        },
      });
    }
    if (own?.certificateChain === undefined || own.privateKey === undefined) return undefined;
    return encodeResource(Secret, key.name, {
      name: key.name,
      tlsCertificate: {
        certificateChain: bytes(own.certificateChain),
        privateKey: bytes(own.privateKey),
      },
    });
  },
  { keyText: (key) => `${key.namespace} ${key.name}`, equal: sameResource },
);
