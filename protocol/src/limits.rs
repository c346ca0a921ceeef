//! Every maximum of the protocols, with its unit and its source.

/// Most items in one envelope. Source: envelope specification.
pub const ENVELOPE_ITEMS_MAX: usize = 500;
/// Largest request body, compressed or not, in bytes.
pub const ENVELOPE_BYTES_MAX: usize = 200 * 1024 * 1024;
/// Longest first line of an envelope, in bytes.
pub const ENVELOPE_HEADER_BYTES_MAX: usize = 64 * 1024;
/// Longest header line of an item, in bytes.
pub const ITEM_HEADER_BYTES_MAX: usize = 16 * 1024;
/// Most keys in a header line.
pub const HEADER_KEYS_MAX: usize = 64;
/// Longest `type` of an item, in bytes; longer ones are cut, since they are unknown anyway.
pub const ITEM_TYPE_BYTES_MAX: usize = 64;
/// Most entries of one container of logs, spans or metrics: twice what any exporter is known to
/// send at once.
pub const CONTAINER_ENTRIES_MAX: usize = 10_000;
/// Most bytes that the entries of a container share: its header, and likewise what stands beside
/// the list of entries. Each entry gets a copy.
pub const CONTAINER_SHARED_BYTES_MAX: usize = 1024;
/// Largest `_meta` of a container that is handed on to its entries, in bytes.
pub const CONTAINER_META_BYTES_MAX: usize = 64 * 1024;
/// Largest log entry, in bytes. Source: ingest specification, item types.
pub const LOG_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Largest metric, in bytes. Source: ingest specification, item types.
pub const TRACE_METRIC_BYTES_MAX: usize = 1024 * 1024;
/// Largest span, in bytes. Source: ingest specification, item types.
pub const SPAN_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Largest `store` body, decompressed, in bytes.
pub const STORE_BYTES_MAX: usize = 1024 * 1024;
/// Largest event payload, in bytes. Sentry's limit is half of it, and refuses events that SDKs
/// send with their default settings: one with 400 breadcrumbs was recorded at 1.05 MiB.
pub const EVENT_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Deepest nesting of a JSON payload.
pub const JSON_DEPTH_MAX: usize = 128;

/// Largest control frame of the link, in bytes. Source: link specification, frames.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// Largest frame with a roster, in bytes: ten thousand projects and their keys.
pub const CONFIG_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest roster as it is signed, in bytes; the frame holds its signatures too.
pub const ROSTER_BYTES_MAX: usize = CONFIG_BYTES_MAX - 4 * 1024;
/// Most projects of a roster.
pub const ROSTER_PROJECTS_MAX: usize = 20_000;
/// Most keys of a roster.
pub const ROSTER_KEYS_MAX: usize = 50_000;
/// Most entries of one list of a project in a roster.
pub const ROSTER_LIST_MAX: usize = 256;
/// Longest entry of such a list, in bytes.
pub const ROSTER_TEXT_BYTES_MAX: usize = 256;
/// Most bytes of key names that a roster's rules are compiled from, projects with the same
/// settings counted once: what is compiled takes some hundred times as much memory.
pub const ROSTER_PATTERN_BYTES_MAX: usize = 128 * 1024;
/// Most generic filters, and most sampling rules, of a project in a roster.
pub const ROSTER_CONDITIONS_MAX: usize = 64;
/// Largest condition of a filter or sampling rule, in bytes.
pub const ROSTER_CONDITION_BYTES_MAX: usize = 16 * 1024;
/// Most bytes of patterns and conditions that a roster's filters and sampling rules are compiled
/// from, projects with the same settings counted once: what is compiled takes some hundred times
/// as much memory.
pub const ROSTER_FILTER_BYTES_MAX: usize = 128 * 1024;
/// Longest reason of a filter or quota, in bytes, as of the reasons that clients give.
pub const ROSTER_REASON_BYTES_MAX: usize = 64;
/// Most quotas of a project in a roster.
pub const ROSTER_QUOTAS_MAX: usize = 32;
/// Most documents of privacy rules of a project: the organisation's, the project's, and room.
pub const ROSTER_RULES_MAX: usize = 4;
/// Largest document of privacy rules, in bytes.
pub const ROSTER_RULE_BYTES_MAX: usize = 64 * 1024;
/// Most relays with settings of their own in a roster.
pub const ROSTER_LINKS_MAX: usize = 20_000;
/// Most quiet hours of a relay.
pub const QUIET_HOURS_MAX: usize = 16;
/// Most keys that sign one roster: the one in use, and those it replaces.
pub const CONFIG_SIGNATURES_MAX: usize = 4;
/// Largest dictionary, in bytes: twice what the hub trains.
pub const DICT_BYTES_MAX: usize = 128 * 1024;
/// Most dictionaries that a roster names: one for each kind, and room for later kinds.
pub const ROSTER_DICTS_MAX: usize = 16;
/// Most erasures that a roster names at the same time.
pub const ROSTER_ERASURES_MAX: usize = 64;
/// Most people of an erasure.
pub const ERASURE_SUBJECTS_MAX: usize = 16;
/// Most events that an erasure names.
pub const ERASURE_EVENTS_MAX: usize = 100;
/// Largest block on the wire and on disk, in bytes. Source: link specification, frames.
pub const BLOCK_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest block once decompressed, in bytes. Source: link specification, frames.
pub const BLOCK_RAW_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Most records in one block.
pub const BLOCK_RECORDS_MAX: usize = 10_000;
/// Deepest nesting of a MessagePack body that comes over the link or from disk.
pub const MSGPACK_DEPTH_MAX: usize = 16;
/// Most new issues of a project in an hour. Errors beyond it that are like no other share one
/// issue.
pub const NEW_ISSUES_PER_HOUR_MAX: u32 = 10_000;
