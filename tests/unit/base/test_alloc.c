/* test_alloc.c - contents, alignment, and the one answer to running out. */
#include "sidecar/base/alloc.h"

#include "tests/lib/check.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(zeroed_memory_is_zero)
{
        WEIR_AUTO_FREE uint8_t *data = alloc_zero(100, 10);
        unsigned sum = 0;

        for (size_t i = 0; i < 1000; i++)
                sum |= data[i];
        CHECK_UINT(sum, 0);
}

TEST(nothing_is_still_an_address)
{
        WEIR_AUTO_FREE void *empty = alloc_bytes(0);
        WEIR_AUTO_FREE void *none = alloc_array(0, 8);

        CHECK(empty != NULL);
        CHECK(none != NULL);
        alloc_free(NULL);
}

TEST(resize_keeps_what_was_there)
{
        char *data = alloc_text("weir");

        data = alloc_resize(data, 1000, 10);
        CHECK_TEXT(data, "weir");
        alloc_free(data);
}

TEST(text_of_bytes_is_terminated)
{
        WEIR_AUTO_FREE char *text = alloc_text_n("dammed", 3);
        WEIR_AUTO_FREE char *empty = alloc_text_n(NULL, 0);

        CHECK_TEXT(text, "dam");
        CHECK_TEXT(empty, "");
}

TEST(pages_are_aligned)
{
        for (size_t bytes = 0; bytes < 10000; bytes += 999) {
                void *pages = alloc_pages(bytes);

                CHECK_UINT((uintptr_t)pages % 4096, 0);
                memset(pages, 1, bytes);
                alloc_free(pages);
        }
}

/* What the child printed on stderr before it died of `signal`. */
static const char *dying_words(void (*run)(void), int *ret_signal)
{
        static char words[256];
        int ends[2];
        int status;
        pid_t pid;
        ssize_t n;

        REQUIRE(pipe(ends) == 0);
        pid = fork();
        REQUIRE(pid >= 0);
        if (pid == 0) {
                signal(SIGABRT, SIG_DFL);
                setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
                dup2(ends[1], STDERR_FILENO);
                run();
                _exit(0);
        }
        close(ends[1]);
        n = read(ends[0], words, sizeof(words) - 1);
        words[n > 0 ? n : 0] = '\0';
        close(ends[0]);
        waitpid(pid, &status, 0);
        *ret_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        return words;
}

static void overflow(void)
{
        volatile size_t many = SIZE_MAX / 4;

        alloc_free(alloc_array(many, 8));
}

TEST(product_that_overflows_aborts_with_a_line)
{
        int signal;

        CHECK_CONTAINS(dying_words(overflow, &signal), "weir: out of memory: 4611686018427387903 x 8 bytes\n");
        CHECK_INT(signal, SIGABRT);
}
