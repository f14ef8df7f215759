import { createFileRegistry, fromBinary, type DescFile } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { emitAllTypes } from './emit-all-types.ts';
import { PackageEmitter, type Output } from './emit-package.ts';
import { optionReaders, type OptionReaders } from './options.ts';
import { compile, readProtos } from './proto-sources.ts';

/** What goes into gen/. */
export interface Generated {
  readonly modules: readonly Output[];
  /** The encoded FileDescriptorSet, which tests compare the codec by. */
  readonly descriptors: Uint8Array;
}

/** Packages that only hold options or belong to the codec itself. */
const left =
  /^(google\.protobuf|google\.api|validate|envoy\.annotations|udpa\.annotations|xds\.annotations\.v3)$/;

/** Compiles the .proto files and makes a module of each package. */
export function generateModules(): Generated {
  const descriptors = compile(readProtos());
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
  const files: DescFile[] = [...registry.files]
    .filter((file) => !left.test(file.proto.package))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return { modules: emitPackages(files, optionReaders(registry)), descriptors };
}

/** Groups the files by protobuf package, and writes a module for each: tables in .js, interfaces in .d.ts. */
function emitPackages(files: readonly DescFile[], options: OptionReaders): Output[] {
  const packages = new Map<string, DescFile[]>();
  for (const file of files) {
    const name = file.proto.package;
    const list = packages.get(name);
    if (list === undefined) packages.set(name, [file]);
    else list.push(file);
  }
  const outputs: Output[] = [];
  for (const [name, members] of packages) outputs.push(...new PackageEmitter(name, members, options).emit());
  outputs.push(...emitAllTypes(packages));
  return outputs;
}
