import { Histogram } from './histogram.ts';
import { StatNumbers } from './stat-numbers.ts';
import type { StatGroup, StatVisitor } from './stats-registry.ts';

const names = {
  decodingError: ['decoding_error', 'counter'],
  delayInjected: ['delays_injected', 'counter'],
  opCommand: ['op_command', 'counter'],
  opCommandReply: ['op_command_reply', 'counter'],
  opGetMore: ['op_get_more', 'counter'],
  opInsert: ['op_insert', 'counter'],
  opKillCursors: ['op_kill_cursors', 'counter'],
  opMsg: ['op_msg', 'counter'],
  opQuery: ['op_query', 'counter'],
  opQueryTailableCursor: ['op_query_tailable_cursor', 'counter'],
  opQueryNoCursorTimeout: ['op_query_no_cursor_timeout', 'counter'],
  opQueryAwaitData: ['op_query_await_data', 'counter'],
  opQueryExhaust: ['op_query_exhaust', 'counter'],
  opQueryNoMaxTime: ['op_query_no_max_time', 'counter'],
  opQueryScatterGet: ['op_query_scatter_get', 'counter'],
  opQueryMultiGet: ['op_query_multi_get', 'counter'],
  opQueryActive: ['op_query_active', 'gauge'],
  opReply: ['op_reply', 'counter'],
  opReplyCursorNotFound: ['op_reply_cursor_not_found', 'counter'],
  opReplyQueryFailure: ['op_reply_query_failure', 'counter'],
  opReplyValidCursor: ['op_reply_valid_cursor', 'counter'],
  cxDestroyLocalWithActiveRq: ['cx_destroy_local_with_active_rq', 'counter'],
  cxDestroyRemoteWithActiveRq: ['cx_destroy_remote_with_active_rq', 'counter'],
} as const;

/** What became of the queries of one collection or call site, or of one command. */
export class OperationStats {
  total = 0;
  scatterGet = 0;
  multiGet = 0;
  readonly replyDocuments = new Histogram();
  readonly replyBytes = new Histogram();
  readonly replyMs = new Histogram();

  visit(at: string, visitor: StatVisitor): void {
    visitor.number(`${at}.total`, 'counter', this.total);
    if (at.endsWith('.query')) {
      visitor.number(`${at}.scatter_get`, 'counter', this.scatterGet);
      visitor.number(`${at}.multi_get`, 'counter', this.multiGet);
    }
    visitor.histogram(`${at}.reply_num_docs`, this.replyDocuments);
    visitor.histogram(`${at}.reply_size`, this.replyBytes);
    visitor.histogram(`${at}.reply_time_ms`, this.replyMs);
  }

  reset(): void {
    this.total = 0;
    this.scatterGet = 0;
    this.multiGet = 0;
    this.replyDocuments.reset();
    this.replyBytes.reset();
    this.replyMs.reset();
  }
}

/** Clients choose the names of collections: so many are told apart. */
const maxOperations = 1_000;

/** The statistics of MongoDB connections, Envoy's `mongo.STAT_PREFIX.…`. */
export class MongoStats implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix = 'envoy_mongo_';
  readonly labels: Readonly<Record<string, string>>;
  readonly #numbers = new StatNumbers(names);
  readonly #operations = new Map<string, OperationStats>();

  constructor(statPrefix: string) {
    this.prefix = `mongo.${statPrefix}.`;
    this.labels = { mongo_prefix: statPrefix };
  }

  get n(): Record<keyof typeof names, number> {
    return this.#numbers.n;
  }

  /** `cmd.insert`, `collection.users.query`; undefined where there are too many. */
  operation(name: string): OperationStats | undefined {
    let stats = this.#operations.get(name);
    if (stats === undefined && this.#operations.size < maxOperations) {
      stats = new OperationStats();
      this.#operations.set(name, stats);
    }
    return stats;
  }

  visit(visitor: StatVisitor): void {
    this.#numbers.visit((name, kind, value) => visitor.number(name, kind, value));
    for (const [name, stats] of this.#operations) stats.visit(name, visitor);
  }

  resetCounters(): void {
    this.#numbers.resetCounters();
    for (const stats of this.#operations.values()) stats.reset();
  }
}
