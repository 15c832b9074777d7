/* crc32c.h - CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), as in RFC 3720 appendix B.4.
 *
 * crc32c(0, "123456789", 9) == 0xe3069283. Uses the processor's instruction in three streams where
 * there is one (asked at run time), tables otherwise; both give the same result. Any thread. */
#ifndef WEIR_SIDECAR_BASE_CRC32C_H
#define WEIR_SIDECAR_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues from `crc` (0 to start); crc32c(crc32c(0, a), b) == crc32c(0, ab). */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);
/* The portable way, for tests: the same result on every machine. */
uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t len);

#endif
