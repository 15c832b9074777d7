/* planted_token.c - a weir that forgets which rows are in doubt.
 *
 * Linked with --wrap=engine_has_tokens: no row that is sent again is ever recognised. tests/e2e/planted_bugs.sh shows
 * that the kill oracle catches it. */
#include "sidecar/job/engine.h"

bool __wrap_engine_has_tokens(const struct engine *engine, uint32_t source);

bool __wrap_engine_has_tokens(const struct engine *engine, uint32_t source)
{
        (void)engine;
        (void)source;
        return false;
}
