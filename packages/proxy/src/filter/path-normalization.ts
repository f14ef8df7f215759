import type { PathNormalization } from '../model/network-filter.ts';

/** What came of a path. */
export type NormalizedPath =
  | { readonly kind: 'path'; readonly path: string }
  /** 400. */
  | { readonly kind: 'reject' }
  /** 307 to the path. */
  | { readonly kind: 'redirect'; readonly path: string };

const escapedSlash = /%2f|%5c/i;

function isUnreserved(code: number): boolean {
  return (
    (code >= 48 && code <= 57) ||
    (code >= 65 && code <= 90) ||
    (code >= 97 && code <= 122) ||
    code === 45 ||
    code === 46 ||
    code === 95 ||
    code === 126
  );
}

/** RFC 3986 section 5.2.4; undefined where the path climbs above its root. */
function removeDotSegments(path: string): string {
  const out: string[] = [];
  const segments = path.split('/');
  segments.forEach((segment, i) => {
    const last = i === segments.length - 1;
    if (segment === '.') {
      if (last) out.push('');
    } else if (segment === '..') {
      if (out.length > 1) out.pop();
      if (last) out.push('');
    } else {
      out.push(segment);
    }
  });
  return out.length === 1 ? '/' : out.join('/');
}

/** Holds nothing that a normalisation could change, as nearly all paths: no `%`, `#`, `\\`, and no `//` or `/.`. */
function isPlain(path: string): boolean {
  let before = 0;
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i);
    if (code === 37 || code === 35 || code === 92) return false;
    if (before === 47 && (code === 47 || code === 46)) return false;
    before = code;
  }
  return true;
}

/** Normalises a path with query as configured; the query stays as it is. */
export function normalizePath(path: string, options: PathNormalization): NormalizedPath {
  if (isPlain(path) || path.charCodeAt(0) !== 47) return { kind: 'path', path };
  // A fragment is for the client alone; applications that cut it off and rules that do not would disagree.
  if (path.includes('#')) return { kind: 'reject' };
  const question = path.indexOf('?');
  let only = question < 0 ? path : path.slice(0, question);
  const query = question < 0 ? '' : path.slice(question);
  let redirect = false;
  if (escapedSlash.test(only)) {
    if (options.escapedSlashes === 'reject') return { kind: 'reject' };
    if (options.escapedSlashes !== 'keep') {
      only = only.replace(/%2f/gi, '/').replace(/%5c/gi, '\\');
      redirect = options.escapedSlashes === 'unescape_and_redirect';
    }
  }
  if (options.normalize) {
    if (/%(?![0-9a-f]{2})/i.test(only) || /%00/.test(only)) return { kind: 'reject' };
    only = only.replaceAll('\\', '/').replace(/%([0-9a-f]{2})/gi, (all, hex: string) => {
      const code = Number.parseInt(hex, 16);
      return isUnreserved(code) ? String.fromCharCode(code) : all;
    });
    only = removeDotSegments(only);
  }
  if (options.mergeSlashes) only = only.replace(/\/{2,}/g, '/');
  return redirect ? { kind: 'redirect', path: only + query } : { kind: 'path', path: only + query };
}
