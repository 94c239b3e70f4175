/* SPDX-License-Identifier: MIT */
/* A target file: a server in all of its configurations, and what is known of them.  Parsed only; starting
 * servers is another's business.
 *
 *     # what stands above the first name holds for all
 *     expect   nbdkit.expect
 *     timeout  3s
 *
 *     [memory]
 *     command  nbdkit -f -U {socket} memory 8G
 *
 *     [qcow2]
 *     setup    qemu-img create -q -f qcow2 {dir}/disk 8G
 *     command  qemu-nbd -t -e 0 -f qcow2 -k {socket} {dir}/disk
 *
 * A line is a name in brackets, or a key and what it is given.  Lines that begin with a blank go on with the
 * key above them.  Words are separated by blanks; "..." holds blanks, and \" and \\.  {socket}, {dir},
 * {port}, {here} (the file's own folder) and {nbdtest} stand for what is not known before the server is
 * started. */
#ifndef NBDTEST_RUNNER_TARGET_FILE_H
#define NBDTEST_RUNNER_TARGET_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diagnostic.h"

enum {
    TARGET_MAX_BYTES = 1024 * 1024,
    TARGET_MAX_CONFIGURATIONS = 256,
    TARGET_MAX_WORDS = 256, /* of a command */
    TARGET_MAX_LIST = 16    /* of setups, files, ... of a configuration */
};

/* Texts may have placeholders in them: target_expand(). */
struct target_command {
    char **words; /* NULL last */
    size_t count; /* 0: there is none */
    struct place place;
};

struct target_made_file {
    const char *path, *contents;
};

/* How a client gets on with the server under TLS; NULL: not said. */
struct target_file_tls {
    const char *mode;         /* "on", "require" */
    const char *psk;          /* file of pre-shared keys */
    const char *certificates; /* folder */
};

struct target_configuration {
    const char *name;
    struct place place;
    struct target_command command;                  /* starts the server */
    struct target_command setups[TARGET_MAX_LIST];  /* run before it, one after the other */
    struct target_made_file files[TARGET_MAX_LIST]; /* written before them */
    const char *expects[TARGET_MAX_LIST];           /* expectation files of its own, as written */
    const char *excludes[TARGET_MAX_LIST];          /* cases that are left out */
    size_t setup_count, file_count, expect_count, exclude_count;
    struct target_file_tls tls;
    const char *export;   /* NULL: the default one */
    const char *pid_file; /* of a server that goes to the background; NULL: it does not */
    bool read_only;       /* no case that writes */
    bool destroy;         /* nobody needs to look what is there before cases write */
    uint64_t timeout_ns;  /* 0: not said */
    uint64_t rows;        /* how many requirements have to be checked at least */
};

struct target_file {
    struct arena *arena;
    struct source source;
    const char *expects[TARGET_MAX_LIST]; /* expectation files of all configurations together */
    size_t expect_count;
    struct target_configuration *all;
    size_t count;
};

/* NULL when there were mistakes; all of them are in d.  The text is copied. */
struct target_file *target_file_parse(const char *path, struct span text, struct diagnostics *d);
void target_file_free(struct target_file *t);

/* NULL when there is none of that name. */
const struct target_configuration *target_file_find(const struct target_file *t, const char *name);

/* What placeholders stand for; NULL: nothing that is of use here. */
struct target_names {
    const char *socket, *dir, *port, *here, *nbdtest;
};

/* The text with its placeholders replaced. */
char *target_expand(struct arena *arena, const char *text, const struct target_names *names);

/* Whether a command has the placeholder in any of its words: "{socket}". */
bool target_mentions(const struct target_configuration *c, const char *placeholder);

#endif
