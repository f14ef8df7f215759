import type { Problem } from '@lateen/core';
import type { LocalReplyConfig, LocalReplyFormat } from '../model/network-filter.ts';
import { compileHeaderOperations, type CompiledHeaderOperations } from '../route/header-operations.ts';
import { compileLogFilter, compileLogFormat } from '../telemetry/access-log.ts';
import type { StreamInfo } from '../telemetry/stream-info.ts';

/** What becomes of an answer of the proxy itself. */
export interface MappedReply {
  readonly status: number;
  readonly body: string;
  readonly contentType: string | undefined;
  readonly headers: CompiledHeaderOperations | undefined;
}

/** An answer as it would be without rules; the request shows its status while rules look at it. */
export interface ReplyInfo extends StreamInfo {
  status: number;
  localReplyBody: string;
}

/** Changes answers of the proxy itself (Envoy, `local_reply_config`). */
export type LocalReplyRules = (info: ReplyInfo) => MappedReply;

interface Body {
  readonly render: (info: StreamInfo) => string;
  readonly contentType: string;
}

/** Compiles the rules; what is wrong with them goes to `bad`. */
export function compileLocalReply(config: LocalReplyConfig, path: string, bad: Problem[]): LocalReplyRules {
  const compileBody = (format: LocalReplyFormat | undefined, at: string): Body | undefined => {
    if (format === undefined) return undefined;
    const problems: Problem[] = [];
    const render = compileLogFormat(format.format, problems);
    bad.push(...problems.map((p) => ({ path: `${at}.${p.path}`, message: p.message })));
    const json = format.format.kind === 'json';
    return { render, contentType: format.contentType ?? (json ? 'application/json' : 'text/plain') };
  };
  const standard = compileBody(config.format, `${path}.body_format`);
  const mappers = config.mappers.map((mapper, i) => ({
    test: compileLogFilter(mapper.filter),
    status: mapper.status,
    body: mapper.body,
    format: compileBody(mapper.format, `${path}.mappers[${i}].body_format_override`) ?? standard,
    headers: compileHeaderOperations(
      { add: mapper.headers, remove: [] },
      `${path}.mappers[${i}].headers_to_add`,
      bad,
    ),
  }));
  return (info) => {
    const mapper = mappers.find(({ test }) => test(info));
    if (mapper?.status !== undefined) {
      info.status = mapper.status;
      if (info.response !== undefined) info.response.status = mapper.status;
    }
    if (mapper?.body !== undefined) info.localReplyBody = mapper.body;
    const format = mapper === undefined ? standard : mapper.format;
    return {
      status: info.status,
      body: format === undefined ? info.localReplyBody : format.render(info),
      contentType: format?.contentType,
      headers: mapper?.headers,
    };
  };
}
