import { tlsErrorText } from '../cluster/connect-error.ts';
import type { AlternativeNames } from '../wire/tls-info.ts';

/** What is known of a peer that is not accepted. */
export interface RefusedPeer {
  /** In the words of OpenSSL; undefined for a good chain. */
  readonly chainFailure: string | undefined;
  /** Undefined where it showed no certificate. */
  readonly names: AlternativeNames | undefined;
  /** What it was asked for. */
  readonly serverName: string;
}

/** Why a peer is refused, as Envoy says it (`%DOWNSTREAM_TRANSPORT_FAILURE_REASON%`); `refusal` is a `PeerRefusal`. */
export function refusalText(refusal: string, peer: RefusedPeer): string {
  if (refusal === 'no_certificate')
    return tlsErrorText(
      'PEER_DID_NOT_RETURN_A_CERTIFICATE',
      'peer did not provide required client certificate',
    );
  const detail = detailOf(refusal, peer);
  return tlsErrorText('CERTIFICATE_VERIFY_FAILED', detail === '' ? '' : `verify cert failed: ${detail}`);
}

function detailOf(refusal: string, { chainFailure, names, serverName }: RefusedPeer): string {
  if (refusal === 'wrong_hash') return 'cert hash and spki';
  if (refusal !== 'wrong_name' && refusal !== 'wrong_server_name') return chainFailure ?? '';
  const shown = names === undefined ? '' : [names.dns, names.uri, names.email, names.ip].flat().join(', ');
  return refusal === 'wrong_name'
    ? `SAN matcher, certificate SANs are [${shown}]`
    : `verify SAN list, expected SANs: [${serverName}], certificate SANs: [${shown}]`;
}
