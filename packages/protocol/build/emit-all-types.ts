import type { DescFile } from '@bufbuild/protobuf';
import type { Output } from './emit-package.ts';
import { generatedHead, importAlias, localName, messagesOf, modulePath } from './module-names.ts';

/** A module that lists every message type, for registries that must know them all. */
export function emitAllTypes(packages: ReadonlyMap<string, readonly DescFile[]>): Output[] {
  const names = [...packages.keys()].sort();
  const js = names.map((name) => `import * as ${importAlias(name)} from './${modulePath(name)}.js';`);
  const entries = names.flatMap((name) =>
    (packages.get(name) ?? []).flatMap((file) =>
      [...messagesOf(file)].map((desc) => `${importAlias(name)}.${localName(desc)}`),
    ),
  );
  return [
    {
      path: 'all-types.js',
      text: [
        generatedHead,
        `import { wellKnownTypes } from '../src/codec/well-known.ts';`,
        ...js,
        `export const allTypes = /* @__PURE__ */ [...wellKnownTypes, ${entries.join(', ')}];`,
        '',
      ].join('\n'),
    },
    {
      path: 'all-types.d.ts',
      text: [
        generatedHead,
        `import type { AnyMessageType } from '../src/index.ts';`,
        '/** Every message type that was generated, and the well-known ones. */',
        'export declare const allTypes: readonly AnyMessageType[];',
        '',
      ].join('\n'),
    },
  ];
}
