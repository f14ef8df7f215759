import type { MetadataMatch } from '../model/metadata-match.ts';
import type { Metadata } from '../model/metadata.ts';
import { metadataAt } from './metadata-at.ts';
import { compileValueMatch } from './value-match.ts';

/** Compiles a condition on metadata; a value that is not there fits nothing. Throws where a regular expression is none. */
export function compileMetadataMatch(match: MetadataMatch): (metadata: Metadata | undefined) => boolean {
  const { namespace, path, invert } = match;
  const test = compileValueMatch(match.value);
  const absentFits = match.value.kind === 'present' && !match.value.present;
  return (metadata) => {
    const value = metadataAt(metadata, namespace, path);
    return (value === undefined ? absentFits : test(value)) !== invert;
  };
}
