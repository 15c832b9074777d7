/* phase_killer.c - SIGKILL at the moment a process says it is in a phase.
 *
 *     phase_killer FILE PID MASK SECONDS
 *
 * Watches the word in <state-dir>/phase (sidecar/instance.h), mapped, and kills PID when a bit of MASK is set, or when
 * the time is up. Phases last microseconds: the kill oracle's Python would come too late. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static double now_s(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
        const volatile uint32_t *word;
        uint32_t mask;
        double deadline;
        pid_t pid;
        int fd;

        if (argc != 5) {
                fputs("usage: phase_killer FILE PID MASK SECONDS\n", stderr);
                return 64;
        }
        fd = open(argv[1], O_RDONLY | O_CLOEXEC);
        word = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *word, PROT_READ, MAP_SHARED, fd, 0);
        if (word == MAP_FAILED) {
                perror(argv[1]);
                return 74;
        }
        pid = (pid_t)strtol(argv[2], NULL, 10);
        mask = (uint32_t)strtoul(argv[3], NULL, 10);
        deadline = now_s() + strtod(argv[4], NULL);
        while ((*word & mask) == 0) {
                for (int i = 0; i < 64 && (*word & mask) == 0; i++)
                        continue;
                if (now_s() > deadline)
                        break;
        }
        if (pid <= 1 || kill(pid, SIGKILL) < 0) {
                perror("kill");
                return 70;
        }
        return 0;
}
