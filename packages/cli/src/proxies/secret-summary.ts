import { X509Certificate } from 'node:crypto';
import { messageIn, textIn, type Message, type NamedSecret } from './config-dump.ts';

/** The columns of `istioctl proxy-config secret`: the first certificate of each secret. */
export function secretRows(secrets: readonly NamedSecret[], nowMs: number): readonly (readonly string[])[] {
  const rows = secrets.map(({ name, isActive, secret }) => {
    const roots = messageIn(messageIn(secret, 'validation_context'), 'trusted_ca');
    const isRoots = Object.keys(roots).length > 0;
    const chain = messageIn(messageIn(secret, 'tls_certificate'), 'certificate_chain');
    const facts = factsOf(isRoots ? roots : chain, nowMs);
    return [name, isRoots ? 'CA' : 'Cert Chain', isActive ? 'ACTIVE' : 'WARMING', ...facts];
  });
  return [
    ['RESOURCE NAME', 'TYPE', 'STATUS', 'VALID CERT', 'SERIAL NUMBER', 'NOT AFTER', 'NOT BEFORE'],
    ...rows,
  ];
}

function factsOf(source: Message, nowMs: number): readonly string[] {
  const text = textIn(source, 'inline_string') || fromBase64(textIn(source, 'inline_bytes'));
  try {
    const certificate = new X509Certificate(text);
    const [from, to] = [certificate.validFrom, certificate.validTo].map((at) => Date.parse(at));
    if (from === undefined || to === undefined) return ['false', '', '', ''];
    const shown = (ms: number): string => new Date(ms).toISOString().replace('.000Z', 'Z');
    const isValid = from <= nowMs && nowMs < to;
    return [String(isValid), certificate.serialNumber.toLowerCase(), shown(to), shown(from)];
  } catch {
    return ['false', '', '', ''];
  }
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString('latin1');
}
