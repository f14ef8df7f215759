import { isIP, isIPv4 } from 'node:net';
import type { Report } from '../schema/check-shape.ts';

const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** True where the text can be the name of a namespace, a subset, a port (RFC 1123 label). */
export function isLabel(text: string): boolean {
  return label.test(text);
}

/** True where the text is a full host name: labels joined by dots, at most 255 characters. */
export function isHostName(text: string): boolean {
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  return (
    name.length > 0 &&
    name.length <= 255 &&
    name.split('.').every((part) => /^[A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?$/.test(part))
  );
}

/** True where the text is a host name, or `*`, or `*.` or `*-` and the end of one. */
export function isWildcardHost(text: string): boolean {
  if (text === '*') return true;
  return isHostName(text.startsWith('*.') ? text.slice(2) : text.replace(/^\*/, 'x'));
}

/** True where the text is an IP address or a CIDR block. */
export function isAddressOrCidr(text: string): boolean {
  const slash = text.indexOf('/');
  if (slash < 0) return isIP(text) !== 0;
  const address = text.slice(0, slash);
  const bits = text.slice(slash + 1);
  return isIP(address) !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (isIPv4(address) ? 32 : 128);
}

/** True where the text is a header name (RFC 9110, token). */
export function isHeaderName(text: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text);
}

/** Reports a host that is none. */
export function checkHost(host: string, path: string, report: Report): void {
  if (!isHostName(host)) {
    report(path, `must be a host name such as reviews or reviews.default.svc.cluster.local, not "${host}"`);
  }
}

/** Reports a host that is none and no wildcard either. */
export function checkWildcardHost(host: string, path: string, report: Report): void {
  if (isIP(host) !== 0 || isWildcardHost(host)) return;
  report(path, `must be a host name, *, or * followed by the end of one as in *.example.com, not "${host}"`);
}

/** Reports elements that come more than once. */
export function checkUnique(
  values: readonly { readonly value: string; readonly path: string }[],
  what: string,
  report: Report,
): void {
  const first = new Map<string, string>();
  for (const { value, path } of values) {
    const before = first.get(value);
    if (before === undefined) first.set(value, path);
    else report(path, `${what} "${value}" is used twice, also at ${before}`);
  }
}

/** Reports labels that Kubernetes would not accept. */
export function checkLabels(
  labels: Readonly<Record<string, string>> | undefined,
  path: string,
  report: Report,
): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    const name = key.slice(key.lastIndexOf('/') + 1);
    if (!/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(name)) {
      report(path, `"${key}" is not the name of a label`);
    }
    if (value !== '' && !/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(value)) {
      report(`${path}[${JSON.stringify(key)}]`, `"${value}" is not the value of a label`);
    }
  }
}

/** Reports namespaces in `exportTo` that cannot be. */
export function checkExportTo(exportTo: readonly string[] | undefined, report: Report): void {
  const list = exportTo ?? [];
  for (const [index, namespace] of list.entries()) {
    const path = `spec.exportTo[${index}]`;
    if (!['.', '*', '~'].includes(namespace) && !isLabel(namespace)) {
      report(path, `must be ".", "*", "~" or the name of a namespace, not "${namespace}"`);
    }
    if ((namespace === '*' || namespace === '~') && list.length > 1) {
      report(path, `"${namespace}" must stand alone`);
    }
  }
}
