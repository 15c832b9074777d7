/* limits.h - every ceiling that input can reach, one line each with its reason.
 *
 * A length, count or depth from outside is compared with its line here before anything is allocated
 * or looped over. */
#ifndef WEIR_SIDECAR_BASE_LIMITS_H
#define WEIR_SIDECAR_BASE_LIMITS_H

/* Wire (flume-avro-wire.md sections 1, 2, 9, 12) */
#define LIMIT_FRAME_BYTES (64u << 20)          /* one frame's payload; a sink batch of 1000 events of 64 KiB */
#define LIMIT_FRAME_BUFFERS (LIMIT_FRAME_BYTES / 1024 + 16) /* Java cuts at 8192; other clients smaller */
#define LIMIT_EVENTS_PER_BATCH 1000000u        /* Flume's channels cap a transaction far below this */
#define LIMIT_EVENT_BODY_BYTES (16u << 20)     /* one event body; larger ones do not fit a log record */
#define LIMIT_HEADERS_PER_EVENT 1024u          /* log4j and syslog producers send some dozens */
#define LIMIT_HEADER_BYTES (64u << 10)         /* key + value of one header */
#define LIMIT_CALL_META_ENTRIES 64u            /* RPC plug-ins; Flume sends none */
#define LIMIT_HANDSHAKE_TEXT_BYTES (64u << 10) /* client protocol text; Flume's own has 1334 bytes */
#define LIMIT_PROTOCOL_CACHE 64u               /* client protocols remembered per server */
#define LIMIT_MESSAGE_NAME_BYTES 256u          /* name of an RPC message; ours have 6 and 11 */
#define LIMIT_CALL_META_BYTES (64u << 10)      /* all call metadata, or handshake metadata, together */
#define LIMIT_FRAME_SKIP_BYTES (4u * LIMIT_FRAME_BYTES) /* a larger frame is skipped and refused up to here */
#define LIMIT_JSON_DEPTH 32u                   /* nesting of schema and protocol JSON */
#define LIMIT_SCHEMA_NODES 4096u               /* types in one schema */
#define LIMIT_SCHEMA_DEPTH 32u                 /* nesting of types in one schema */
#define LIMIT_SCHEMA_BYTES (1u << 20)          /* one .avsc file */
#define LIMIT_DATUM_DEPTH 64u                  /* nesting of data (recursive schemas) */
#define LIMIT_ZERO_SIZE_ITEMS 4096u            /* array items that take no bytes, per datum */
#define LIMIT_INFLATE_BYTES_PER_FRAME LIMIT_FRAME_BYTES
#define LIMIT_BUILDER_BYTES (1u << 30)         /* columns of one batch in the making: 1e6 small events */
#define LIMIT_BUILDERS_BYTES (1u << 30)        /* columns of all batches in the making together: half frames of many */
#define LIMIT_DESCRIPTORS 65536u               /* asked of the system at start; what connections leave is for files */
#define LIMIT_CONNECTIONS 4096u                /* per listener; file descriptors */
#define LIMIT_CONNECTION_OUTPUT_BYTES (1u << 20) /* replies not yet read by a peer: then it is not read either */
#define LIMIT_CALLS_IN_FLIGHT 1024u            /* unanswered calls per connection */

/* SQL */
#define LIMIT_SQL_FILE_BYTES (4u << 20)
#define LIMIT_SQL_TOKEN_BYTES (64u << 10)
#define LIMIT_SQL_EXPR_DEPTH 200u              /* nesting of one expression */
#define LIMIT_SQL_ERRORS 20u                   /* independent errors reported per run */
#define LIMIT_COLUMNS 1024u                    /* per table or query */
#define LIMIT_STRING_BYTES (16u << 20)         /* one string value made by a function */
#define LIMIT_STRING_GROWTH_BYTES (64u << 10)  /* ... beyond four times its arguments: REPEAT must not fill memory */
#define LIMIT_REGEXP_STEPS 1000000u            /* backtracking of one match: some ms, not for ever */
#define LIMIT_REGEXP_KIB 4096u                 /* memory of one match */
#define LIMIT_PAD_BYTES 65536u                 /* n of CHAR(n) and BINARY(n) in a CAST: each value gets as long */
#define LIMIT_ROWS_PER_VECTOR 4096u            /* rows handed through the engine at once */
#define LIMIT_SLICES_PER_WINDOW 4096u          /* size / slide of HOP: memory is proportional */

/* Watermarks and windows */
#define LIMIT_ORIGINS 4096u                    /* origins of one source's watermark; agents, or values of a header */
#define LIMIT_WINDOW_KEYS 60000000u            /* live keys of one windowed operator; ids and arrays by id */

/* Log (reliability-anchors.md 1.4) */
#define LIMIT_LOG_RECORD_BYTES (16u << 20)     /* one record; larger batches become several, the last flagged */
#define LIMIT_LOG_SEGMENT_BYTES_LEAST (256u << 10) /* a record must hold a dead body, and all fingerprints of a run */
#define LIMIT_DEAD_BODY_BYTES (64u << 10)      /* raw bytes kept of one dead letter */
#define LIMIT_CONFIG_TEXT_BYTES (4u << 20)     /* a job's SQL text in the log */
#define LIMIT_DICT_ENTRIES 65536u              /* string dictionary of one column in one segment */
#define LIMIT_DICT_BYTES (8u << 20)            /* bytes of all strings in one such dictionary */

/* Redis */
#define LIMIT_REDIS_REPLY_BYTES (1u << 20)     /* our commands have short answers */
#define LIMIT_REDIS_KEY_BYTES 1024u            /* key after percent-encoding; longer ones are cut and hashed */

/* Files and HTTP */
#define LIMIT_LINE_BYTES (16u << 20)           /* one line of JSON input */
#define LIMIT_HTTP_BYTES (8u << 10)            /* request line and headers */

#endif
