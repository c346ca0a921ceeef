/** The parts of an event's body as the API gives them. Everything may be missing: it came from outside. */

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type Pairs = [string, string | null][];

export interface Frame {
  filename?: string | null;
  absPath?: string | null;
  module?: string | null;
  package?: string | null;
  platform?: string | null;
  function?: string | null;
  rawFunction?: string | null;
  symbol?: string | null;
  instructionAddr?: string | null;
  /** `scan` of a word on a stack that may be no call. */
  trust?: string | null;
  context?: [number, string | null][] | null;
  lineNo?: number | null;
  colNo?: number | null;
  inApp?: boolean | null;
  vars?: Record<string, Json> | null;
}

export interface Stacktrace {
  frames?: (Frame | null)[] | null;
  framesOmitted?: [number, number] | null;
}

export interface Mechanism {
  type?: string | null;
  handled?: boolean | null;
  synthetic?: boolean | null;
  description?: string | null;
  help_link?: string | null;
  source?: string | null;
  exception_id?: number | null;
  parent_id?: number | null;
  is_exception_group?: boolean | null;
  data?: Record<string, Json> | null;
  meta?: Record<string, Json> | null;
}

export interface ExceptionValue {
  type?: string | null;
  value?: Json;
  module?: string | null;
  threadId?: string | number | null;
  mechanism?: Mechanism | null;
  stacktrace?: Stacktrace | null;
}

export interface Breadcrumb {
  type?: string | null;
  category?: string | null;
  level?: string | null;
  message?: string | null;
  data?: Record<string, Json> | null;
  timestamp?: string | number | null;
}

export interface RequestData {
  method?: string | null;
  url?: string | null;
  query?: Pairs | string | null;
  fragment?: string | null;
  headers?: Pairs | null;
  cookies?: Pairs | null;
  data?: Json;
  env?: Record<string, Json> | null;
  inferredContentType?: string | null;
}

export interface Thread {
  id?: string | number | null;
  name?: string | null;
  crashed?: boolean | null;
  current?: boolean | null;
  state?: string | null;
  stacktrace?: Stacktrace | null;
}
