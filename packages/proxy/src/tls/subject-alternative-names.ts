/** The names of a certificate by kind. */
export interface AlternativeNames {
  readonly uri: readonly string[];
  readonly dns: readonly string[];
  readonly email: readonly string[];
  readonly ip: readonly string[];
}

/** Splits at commas that are not inside of a JSON string, which Node uses for names with special characters. */
function splitNames(text: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted && c === '\\') i++;
    else if (c === '"') quoted = !quoted;
    else if (!quoted && c === ',') {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  if (start < text.length) parts.push(text.slice(start).trim());
  return parts;
}

function unquote(value: string): string {
  if (!value.startsWith('"')) return value;
  try {
    return String(JSON.parse(value));
  } catch {
    return '';
  }
}

/** Reads the `subjectAltName` text of Node's `X509Certificate`. */
export function parseAlternativeNames(text: string | undefined): AlternativeNames {
  const names = { uri: [] as string[], dns: [] as string[], email: [] as string[], ip: [] as string[] };
  for (const part of splitNames(text ?? '')) {
    const colon = part.indexOf(':');
    const value = unquote(part.slice(colon + 1));
    switch (part.slice(0, colon)) {
      case 'URI':
        names.uri.push(value);
        break;
      case 'DNS':
        names.dns.push(value);
        break;
      case 'email':
        names.email.push(value);
        break;
      case 'IP Address':
        names.ip.push(value);
        break;
      default:
    }
  }
  return names;
}
