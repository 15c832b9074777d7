/* fuzz.h - what a fuzz target defines; see fuzz_main.c for how it runs without libFuzzer.
 *
 * A target in tests/fuzz/fuzz_NAME.c, its corpus in tests/fuzz/corpus/fuzz_NAME/, and in tests/fuzz/fragment.am:
 *
 *     fuzz_targets += tests/fuzz/fuzz_NAME
 *     tests_fuzz_fuzz_NAME_LDADD = $(fuzz_ldadd)
 *
 * It aborts on a broken promise, and never allocates without bound. */
#ifndef WEIR_TESTS_LIB_FUZZ_H
#define WEIR_TESTS_LIB_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#endif
