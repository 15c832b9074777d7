/* program.h - what eval_compile makes and eval_run works through; inside sidecar/exec only.
 *
 * A program is a list of steps without jumps. Every step reads registers, writes one, and works under a selection, the
 * rows for which its value is asked for; selection 0 is all rows. Selections are made by steps too (from a condition),
 * so an AND, CASE or COALESCE whose arguments are expensive or may fail becomes: condition, selection, argument under
 * it, merge. What is cheap and cannot fail is computed for all rows, whatever the selection.
 *
 * A register is a vector with two additions: a BOOLEAN lives as bitmaps (`bits`: TRUE; never set where NULL), and a
 * literal holds one value that every row reads through mask 0. Outside its selection a register holds anything, so a
 * kernel that follows pointers must keep to its rows. */
#ifndef WEIR_SIDECAR_EXEC_PROGRAM_H
#define WEIR_SIDECAR_EXEC_PROGRAM_H

#include "sidecar/base/arena.h"
#include "sidecar/base/limits.h"
#include "sidecar/exec/eval.h"

enum { PROGRAM_WORDS = LIMIT_ROWS_PER_VECTOR / 64 };

struct reg { /* register is a keyword */
        union {
                int64_t *i64;
                double *f64;
                weir_i128 *dec;
                struct slice *str;
                void *data;
        };
        uint64_t *bits;  /* BOOLEAN: instead of data */
        uint64_t *valid; /* NULL: no row is NULL */
        uint32_t mask;   /* row & mask is the index: UINT32_MAX, or 0 for a literal */
        const uint32_t *code;
        const struct vector_dict *dict;
};

struct selection {
        uint32_t n;
        const uint32_t *rows; /* ascending */
        const uint64_t *bits;
};

struct frame;
struct step;
typedef void (*step_fn)(struct frame *frame, const struct step *step);

/* A test of a string against literals: LIKE 'x%', = 'x', IN ('x', 'y'). Over a dictionary it runs once per entry. */
typedef bool (*text_test_fn)(const void *literals, struct slice text);

struct step {
        step_fn run;
        uint16_t out;
        uint16_t selection;
        uint16_t n_args;
        uint16_t mode; /* the kernel's own: an operator, a unit, bits of an integer */
        const uint16_t *args;
        struct type type;
        const struct type *arg_types;
        text_test_fn test;
        uint64_t id;       /* of a step with a test: no two steps of any program share it */
        const void *extra; /* the kernel's own, made at compile time */
};

/* How a register comes into being. */
enum reg_source { REG_STEP, REG_COLUMN, REG_LITERAL };
struct reg_spec {
        enum reg_source source;
        enum phys phys;
        bool is_bits;
        uint32_t column;
        struct reg literal;
};

struct eval_program {
        uint32_t n_steps, n_regs, n_selections, n_outputs;
        struct step *steps;
        struct reg_spec *regs;
        uint16_t *outputs; /* registers */
        struct type *output_types;
        uint32_t n_columns; /* of the input, at least */
};

struct text_cache;

struct eval_state {
        struct arena arena;
        uint32_t identity[LIMIT_ROWS_PER_VECTOR]; /* 0, 1, 2, ... */
        struct text_cache *caches;                /* of kernel_compare.c: answers of text tests by dictionary code */
        void *regexp;                             /* of kernel_regexp.c: match data and limits, made on first use */
        void *digest;                             /* of kernel_code.c: OpenSSL's contexts, made on first use */
};

struct frame {
        struct eval_state *state;
        struct arena *arena;
        uint32_t n_rows, n_words;
        struct reg *regs;
        struct selection *selections;
        uint64_t *failed;
        bool any_failed;
};

/* ---- for kernels ---- */

static inline struct reg *program_out(const struct frame *frame, const struct step *step)
{
        return &frame->regs[step->out];
}
static inline const struct reg *program_arg(const struct frame *frame, const struct step *step, uint32_t i)
{
        return &frame->regs[step->args[i]];
}
static inline bool program_is_null(const struct reg *reg, uint32_t row)
{
        return reg->valid != NULL && !bitmap_get(reg->valid, row);
}
static inline uint64_t *program_words(const struct frame *frame)
{
        return arena_take(frame->arena, frame->n_words * sizeof(uint64_t), sizeof(uint64_t));
}

/* Data for all rows of the step's type, uninitialised. */
void program_take_data(struct frame *frame, const struct step *step);
/* out->valid = the rows where no argument is NULL (NULL pointer when that is all rows). */
void program_strict_valid(struct frame *frame, const struct step *step);
/* Both, for kernels that go row by row: and the rows to compute, selected and without a NULL argument. The values of
 * all other rows are zero. */
struct selection program_strict_rows(struct frame *frame, const struct step *step);
/* For kernels whose value may be NULL where no argument is. */
void program_need_valid(struct frame *frame, struct reg *reg);
static inline void program_set_null(struct frame *frame, struct reg *out, uint32_t row)
{
        program_need_valid(frame, out);
        bitmap_clear(out->valid, row);
}
/* The row fails: where Flink would fail the job. Its value is NULL. */
void program_fail(struct frame *frame, struct reg *out, uint32_t row);

/* Room for a string of at most `len` bytes in the frame's arena; program_keep_text gives back what was not used, and
 * must come before anything else is taken. */
static inline uint8_t *program_take_text(struct frame *frame, size_t len)
{
        return arena_take(frame->arena, len + 1, 1);
}
static inline struct slice program_keep_text(struct frame *frame, uint8_t *text, size_t taken, size_t len)
{
        if (frame->arena->next == text + taken + 1) /* else it has a chunk of its own */
                frame->arena->next = text + len;
        return slice_make(text, len);
}
/* May a function make `made` bytes out of arguments of `given`? The bound depends on the row alone, so that no batch
 * cut shows; where it says no, the row fails. */
static inline bool program_may_make(size_t made, size_t given)
{
        return made <= LIMIT_STRING_GROWTH_BYTES + 4 * given && made <= LIMIT_STRING_BYTES;
}

/* Selection step->mode: the rows of step->selection where args[0] is TRUE, is not TRUE, is not FALSE, is NULL. */
void program_select_true(struct frame *frame, const struct step *step);
void program_select_not_true(struct frame *frame, const struct step *step);
void program_select_not_false(struct frame *frame, const struct step *step);
void program_select_null(struct frame *frame, const struct step *step);

#endif
