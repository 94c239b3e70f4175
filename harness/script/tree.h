/* SPDX-License-Identifier: MIT */
/* The case language as a tree, every node with its place in the text.  cases/README.md has the grammar.
 *
 * A tree lives in one arena and is never changed once parsed.  It says what is written, not what it means:
 * names are looked up and values worked out when a case is played (script/value.h, script/play.h), and
 * checked once when the file is read (script/check.h). */
#ifndef NBDTEST_SCRIPT_TREE_H
#define NBDTEST_SCRIPT_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diagnostic.h"

/* ---- values ---- */

enum value_kind {
    VALUE_NUMBER,   /* 4096, 0x6e, 64K (K M G T are powers of 1024) */
    VALUE_WORD,     /* GO, EINVAL, offered; may hold $NAME within: SEND_$cmd */
    VALUE_STRING,   /* "base:allocation", escapes undone */
    VALUE_VARIABLE, /* $base */
    VALUE_BIND,     /* ?size: takes the value seen */
    VALUE_BINARY,   /* left operator right; operators + - * / */
    VALUE_EITHER,   /* A|B|C: a set of flags, or a set of allowed values */
    VALUE_LIST,     /* (a b c), the items of a field that is a list */
    VALUE_CALL,     /* fill(0xA5), pattern(1), be32(7), hex("00ff"), file("x.bin"); zero without arguments */
    VALUE_SLICE,    /* of[from..to], either bound may be missing */
    VALUE_JOINED,   /* data terms one behind the other */
};

struct value {
    enum value_kind kind;
    struct place place;
    uint64_t number;         /* NUMBER */
    const char *text;        /* WORD, VARIABLE, BIND: the name; CALL: the function; NUL-terminated */
    struct span bytes;       /* STRING */
    char operator;           /* BINARY */
    struct value *left;      /* BINARY; SLICE: what is sliced */
    struct value *right;     /* BINARY */
    struct value *from, *to; /* SLICE; NULL where missing */
    struct value *first;     /* EITHER, LIST, JOINED, CALL: the items, linked by next */
    struct field *fields;    /* LIST items: ("base:allocation" length=99) */
    struct value *next;
};

/* ---- frames and what is said of them ---- */

enum comparison {
    COMPARE_EQUAL,     /* = */
    COMPARE_NOT_EQUAL, /* != */
    COMPARE_LESS,      /* < */
    COMPARE_AT_MOST,   /* <= */
    COMPARE_MORE,      /* > */
    COMPARE_AT_LEAST,  /* >= */
    COMPARE_HAS,       /* has: all these flags are set */
    COMPARE_LACKS,     /* lacks: none of these flags is set */
};

/* name=value, or name OPERATOR value in an expectation.  The name may have a dot:
 * name.length, queries.count. */
struct field {
    struct place place;
    const char *name;
    enum comparison comparison;
    struct value *value;
    struct field *next;
};

/* A frame to send, or an outcome to expect: a verb, what it is about, fields. */
struct frame {
    struct place place;
    const char *verb;      /* "OPT", "READ", "CMD", "raw", "REP", "OK", "close", ...; may be $NAME */
    struct value *subject; /* OPT GO, REP INFO, ERROR EINVAL, DATA zero, CMD 999; NULL if none */
    struct value *detail;  /* REP INFO EXPORT: EXPORT; NULL if none */
    bool many;             /* REP INFO*: zero or more */
    struct field *fields;
};

/* An id named behind `by` or `breaks`. */
struct citation {
    struct place place;
    const char *id;
    struct citation *next;
};

/* One of the outcomes separated by |. */
struct outcome {
    struct frame frame;
    struct outcome *next;
};

/* A further demand on the same reply, on a line of its own that begins with &. */
struct demand {
    struct place place;
    struct field *fields;
    struct citation *by;
    struct demand *next;
};

/* ---- steps ---- */

enum step_kind {
    STEP_SEND,      /* C: frame; also raw, fin, reset */
    STEP_SEGMENT,   /* C: segment { ... }: the frames of body leave together */
    STEP_EXPECT,    /* S: outcome | outcome ... */
    STEP_UNORDERED, /* S: unordered { label outcome ... }: the expectations of body, in any order */
    STEP_CANARY,    /* canary: a known-good request is answered well */
    STEP_PAUSE,     /* pause 100ms */
    STEP_REPEAT,    /* repeat i in 0..9 { ... } */
    STEP_EACH,      /* each name in names { ... } */
    STEP_CONNECT,   /* connect two start=options */
};

struct step {
    enum step_kind kind;
    struct place place;       /* the line */
    const char *connection;   /* C.two: the name; NULL: the first connection */
    const char *label;        /* SEND: as NAME; EXPECT: the request's label; NULL if none */
    struct frame frame;       /* SEND */
    struct citation *breaks;  /* SEND: the demands on clients that this request breaks */
    struct outcome *outcomes; /* EXPECT */
    struct citation *by;      /* EXPECT */
    struct citation *watches; /* EXPECT: rows that the referee judges here; the line itself blames none */
    struct demand *demands;   /* EXPECT */
    const char *save;         /* EXPECT: as NAME, the replies seen; NULL if none */
    const char *same;         /* EXPECT: same NAME, the same replies as those; NULL if none */
    const char *variable;     /* REPEAT, EACH; CONNECT: the connection's name */
    const char *list;         /* EACH: the NAME after in */
    struct value *from, *to;  /* REPEAT: both bounds included */
    uint64_t pause_ns;        /* PAUSE */
    struct field *fields;     /* CONNECT */
    struct step *body;        /* SEGMENT, UNORDERED, REPEAT, EACH */
    struct step *next;
};

/* ---- cases ---- */

enum mode { MODE_SIMPLE = 1, MODE_STRUCTURED = 2, MODE_EXTENDED = 4 };

enum start { START_CONNECT, START_GREETING, START_OPTIONS, START_TRANSMISSION };

/* One condition of `needs`: [not] WORD [argument | comparison value]. */
struct need {
    struct place place;
    bool negated;
    const char *word;    /* writable, size, min_block, option, context, a flag's name, ...; may hold $NAME */
    struct value *value; /* option LIST, context "base:allocation", size>=1M; NULL if none */
    enum comparison comparison;
    struct need *next;
};

/* for NAME in value value ... [needs ...] */
struct choice {
    struct place place;
    const char *name;
    struct value *values;
    struct need *needs;
    struct choice *next;
};

struct tree_case {
    struct place place; /* of the name */
    const char *name;
    const char *title;
    struct need *needs;
    struct choice *choices; /* they multiply */
    unsigned modes;         /* MODE_*; 0: all of them */
    enum start start;
    struct value *export;    /* NULL: the run's export */
    struct value *contexts;  /* LIST of strings; NULL: none selected */
    struct value *infos;     /* LIST of information types; NULL: EXPORT and BLOCK_SIZE */
    struct value *window;    /* bytes; NULL: the case writes nothing */
    struct value *window_at; /* where it has to begin; NULL: the runner chooses */
    bool window_at_tail;     /* the window is the export's last bytes */
    bool canary_off;         /* `canary off`: none is added */
    uint64_t timeout_ns;     /* 0: the run's */
    struct citation *tags;
    struct step *steps;
    struct tree_case *next;
};

/* A file of cases.  Everything in it, the source's text included, lives in the arena. */
struct tree {
    struct arena *arena;
    struct source source;
    struct tree_case *cases;
    size_t case_count;
};

#endif
