/* SPDX-License-Identifier: MIT */
/* The words of the case language: which verbs there are, what each is about, which fields it has.  Names that
 * are the specification's own (options, commands, errors, flags) are in wire/vocabulary.h. */
#ifndef NBDTEST_SCRIPT_WORDS_H
#define NBDTEST_SCRIPT_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/nearest.h"
#include "base/span.h"
#include "wire/vocabulary.h"

/* What the value of a field is. */
enum field_kind {
    FIELD_NUMBER,  /* an expression */
    FIELD_WORD,    /* a word of the vocabulary, or a number */
    FIELD_FLAGS,   /* a set of flags of the vocabulary: FUA|DF, or a number */
    FIELD_DATA,    /* bytes */
    FIELD_INFOS,   /* a list of information types */
    FIELD_QUERIES, /* a list of names, each of which may have a field length */
};

struct field_rule {
    const char *name;
    enum field_kind kind;
    const struct vocabulary *words; /* WORD, FLAGS, INFOS */
};

/* What stands behind a verb, before its fields. */
enum subject_rule {
    SUBJECT_NONE,
    SUBJECT_WORD,   /* OPT GO, CMD 999 */
    SUBJECT_FLAGS,  /* FLAGS offered */
    SUBJECT_RAW,    /* raw be32(7) */
    SUBJECT_REPLY,  /* REP INFO EXPORT */
    SUBJECT_ERRORS, /* ERROR EINVAL|ENOSPC, ERROR */
    SUBJECT_DATA,   /* DATA zero, DATA */
};

struct verb_rule {
    const char *name;
    enum subject_rule subject;
    const struct vocabulary *words; /* of the subject */
    const struct field_rule *fields;
    size_t field_count;
};

/* A verb to send behind C: (commands by name and $NAME included), or to expect behind S:.  NULL for unknown
 * ones. */
const struct verb_rule *words_sent(struct span verb);
const struct verb_rule *words_expected(struct span verb);

/* What `connect NAME` may say, as if it were a verb. */
const struct verb_rule *words_connect(void);

const struct field_rule *words_field(const struct verb_rule *rule, struct span name);

/* True when the field is a list: infos, queries. */
bool words_is_list(struct span name);

/* True when a field of that name can be sent at all. */
bool words_is_field_sent(struct span name);

/* Offers all known words of a kind as candidates for the nearest. */
void words_offer_sent(struct nearest *n);
void words_offer_expected(struct nearest *n);
void words_offer_fields(const struct verb_rule *rule, struct nearest *n);
void words_offer_vocabulary(const struct vocabulary *v, struct nearest *n);

/* Constructs that the language is to have and this version has not: split, cut, ... */
bool words_not_yet(struct span word);

/* ---- data ---- */

enum function_argument { FUNCTION_NOTHING, FUNCTION_NUMBER, FUNCTION_HEX, FUNCTION_DATA };

struct function_rule {
    const char *name;
    enum function_argument argument;
    unsigned bits; /* of the number; 0: of any width */
};

const struct function_rule *words_function(struct span name);
void words_offer_functions(struct nearest *n);

/* ---- needs ---- */

enum need_kind {
    NEED_PLAIN,    /* writable, structured, extended, tls_only, each flag's name; SEND_READ and SEND_WRITE,
                      which are always met */
    NEED_COMPARED, /* size, min_block, preferred_block, max_payload, connections: with a number */
    NEED_OPTION,   /* option LIST */
    NEED_CONTEXT,  /* context "base:allocation" */
    NEED_TLS,      /* tls=forced */
};

struct need_rule {
    const char *name;
    enum need_kind kind;
};

/* Flags of the export (SEND_TRIM) and of the handshake (FIXED_NEWSTYLE) are NEED_PLAIN, too. */
const struct need_rule *words_need(struct span word);
void words_offer_needs(struct nearest *n);

/* ---- vocabularies of the language's own ---- */

/* Versions of TLS; sets are sums. */
enum { SCRIPT_TLS_1_0 = 1, SCRIPT_TLS_1_1 = 2, SCRIPT_TLS_1_2 = 4, SCRIPT_TLS_1_3 = 8 };

extern const struct vocabulary words_styles;       /* of a greeting: oldstyle 0, newstyle 1 */
extern const struct vocabulary words_forms;        /* of a reply: values of enum reply_form */
extern const struct vocabulary words_modes;        /* values of enum mode */
extern const struct vocabulary words_tls_versions; /* sets of SCRIPT_TLS_* */
extern const struct vocabulary words_tls_results;  /* ok 1, failed 0 */
extern const struct vocabulary words_tls_modes;    /* values of enum tls_mode; any 0 */
extern const struct vocabulary words_starts;       /* values of enum start */
extern const struct vocabulary words_variables;    /* known to every case: base, block, size, ... */
extern const struct vocabulary words_headers;      /* lines of a case before its steps */
extern const struct vocabulary words_lines;        /* first words of a step */

#endif
