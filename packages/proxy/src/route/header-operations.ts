import type { Problem } from '@lateen/core';
import { headerLine, type HeaderBlock, type HeaderLine } from '../codec/header-block.ts';
import { headerName, isHeaderName, type HeaderName } from '../codec/header-name.ts';
import { headerValueOf } from '../codec/header-value.ts';
import type { HeaderAddition, HeaderOperations } from '../model/route.ts';
import { compileFormat, type Format } from '../telemetry/format.ts';
import type { StreamInfo } from '../telemetry/stream-info.ts';

/** Header operations ready to run. */
export interface CompiledHeaderOperations {
  apply(headers: HeaderBlock, info: StreamInfo): void;
}

interface Addition {
  readonly name: HeaderName;
  readonly action: HeaderAddition['action'];
  readonly keepEmpty: boolean;
  /** A value without substitutions. */
  readonly line: HeaderLine | undefined;
  readonly format: Format;
}

function compileAddition(addition: HeaderAddition, path: string, problems: Problem[]): Addition | undefined {
  if (!isHeaderName(addition.name)) {
    problems.push({ path, message: `"${addition.name}" is no header name` });
    return undefined;
  }
  const format = compileFormat(addition.value, '');
  if (!format.ok) {
    problems.push(...format.problems.map((p) => ({ path, message: p.message })));
    return undefined;
  }
  const name = headerName(addition.name);
  const constant = format.value.parts.every((part) => typeof part === 'string');
  const value = format.value.parts.join('').replace(/[\r\n\0]/g, '');
  return {
    name,
    action: addition.action,
    keepEmpty: addition.keepEmpty,
    line: constant && (value !== '' || addition.keepEmpty) ? headerLine(name, value) : undefined,
    format: format.value,
  };
}

function applyAddition(headers: HeaderBlock, addition: Addition, info: StreamInfo): void {
  const { name, action, line } = addition;
  if (action === 'add_if_absent' && headers.has(name)) return;
  if (action === 'overwrite_if_exists' && !headers.has(name)) return;
  if (line !== undefined) {
    if (action !== 'append') headers.remove(name);
    headers.addLine(line);
    return;
  }
  const value = headerValueOf(addition.format.render(info));
  if (value === '' && !addition.keepEmpty) return;
  if (action !== 'append') headers.remove(name);
  headers.add(name, value);
}

/** Compiles header operations; undefined where there is nothing to do. Bad names and formats become problems. */
export function compileHeaderOperations(
  operations: HeaderOperations,
  path: string,
  problems: Problem[],
): CompiledHeaderOperations | undefined {
  if (operations.add.length === 0 && operations.remove.length === 0) return undefined;
  const additions: Addition[] = [];
  operations.add.forEach((addition, i) => {
    // `host` and pseudo headers are the routing's own: Envoy refuses them here.
    const compiled = compileAddition(addition, `${path}_to_add[${i}]`, problems);
    if (compiled !== undefined) additions.push(compiled);
  });
  const removals = operations.remove.map(headerName);
  return {
    apply(headers, info) {
      for (const addition of additions) applyAddition(headers, addition, info);
      for (const name of removals) headers.remove(name);
    },
  };
}
