import type { IncomingMessage } from 'node:http';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { UserInfo } from '../registry/request-context.ts';
import { unauthorized } from '../status.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';

export const anonymous: UserInfo = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/**
 * Says who makes a request: the client certificate, the bearer token (also in the form that WebSockets carry it),
 * or nobody. A token that is not good is an error, not nobody.
 */
export async function authenticate(
  request: IncomingMessage,
  tokens: ServiceAccountTokens,
): Promise<UserInfo> {
  const socket = request.socket as TLSSocket;
  if (socket.authorized) {
    const user = certificateUser(socket.getPeerCertificate());
    if (user !== undefined) return user;
  }
  const token = bearerToken(request);
  if (token === undefined) return anonymous;
  const verdict = await tokens.verify(token, [tokens.apiAudience]);
  if (!verdict.ok) throw unauthorized();
  return verdict.user;
}

/** The common name is the user, the organizations are the groups. */
function certificateUser(certificate: PeerCertificate): UserInfo | undefined {
  const { CN, O } = certificate.subject ?? {};
  const name = [CN ?? []].flat()[0];
  if (name === undefined) return undefined;
  return { name, groups: [...[O ?? []].flat(), 'system:authenticated'] };
}

const protocolPrefix = 'base64url.bearer.authorization.k8s.io.';

function bearerToken(request: IncomingMessage): string | undefined {
  const header = request.headers.authorization;
  if (header !== undefined) {
    const match = /^bearer +(\S+)$/i.exec(header.trim());
    if (match?.[1] === undefined) throw unauthorized();
    return match[1];
  }
  const protocols = request.headers['sec-websocket-protocol'];
  for (const protocol of protocols?.split(',') ?? []) {
    const text = protocol.trim();
    if (text.startsWith(protocolPrefix)) {
      return Buffer.from(text.slice(protocolPrefix.length), 'base64url').toString();
    }
  }
  return undefined;
}
