/* SPDX-License-Identifier: MIT */
#include "script/words.h"

#include "referee/session.h"
#include "script/tree.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* ---- fields ---- */

static const struct field_rule option_fields[] = {
    { "data", FIELD_DATA, NULL },
    { "name", FIELD_DATA, NULL },
    { "name.length", FIELD_NUMBER, NULL },
    { "infos", FIELD_INFOS, &vocabulary_infos },
    { "infos.count", FIELD_NUMBER, NULL },
    { "queries", FIELD_QUERIES, NULL },
    { "queries.count", FIELD_NUMBER, NULL },
    { "length", FIELD_NUMBER, NULL },
    { "option", FIELD_WORD, &vocabulary_options },
    { "magic", FIELD_NUMBER, NULL },
};

static const struct field_rule command_fields[] = {
    { "offset", FIELD_NUMBER, NULL }, { "length", FIELD_NUMBER, NULL },
    { "data", FIELD_DATA, NULL },     { "flags", FIELD_FLAGS, &vocabulary_command_flags },
    { "cookie", FIELD_NUMBER, NULL }, { "type", FIELD_WORD, &vocabulary_commands },
    { "magic", FIELD_NUMBER, NULL },  { "payload", FIELD_DATA, NULL },
};

static const struct field_rule greeting_fields[] = {
    { "style", FIELD_WORD, &words_styles },
    { "flags", FIELD_FLAGS, &vocabulary_handshake_flags },
    { "size", FIELD_NUMBER, NULL },
};

static const struct field_rule reply_fields[] = {
    { "name", FIELD_DATA, NULL },
    { "details", FIELD_DATA, NULL },
    { "size", FIELD_NUMBER, NULL },
    { "flags", FIELD_FLAGS, &vocabulary_transmission_flags },
    { "minimum", FIELD_NUMBER, NULL },
    { "preferred", FIELD_NUMBER, NULL },
    { "maximum", FIELD_NUMBER, NULL },
    { "id", FIELD_NUMBER, NULL },
    { "description", FIELD_DATA, NULL },
    { "message", FIELD_DATA, NULL },
    { "length", FIELD_NUMBER, NULL },
    { "option", FIELD_WORD, &vocabulary_options },
    { "type", FIELD_WORD, &vocabulary_replies },
    { "info", FIELD_WORD, &vocabulary_infos },
};

static const struct field_rule export_fields[] = {
    { "size", FIELD_NUMBER, NULL },
    { "flags", FIELD_FLAGS, &vocabulary_transmission_flags },
    { "zeroes", FIELD_NUMBER, NULL },
};

#define WHOLE_REPLY_FIELDS                                                             \
    { "error", FIELD_WORD, &vocabulary_errors }, { "form", FIELD_WORD, &words_forms }, \
        { "chunks", FIELD_NUMBER, NULL }, { "content_chunks", FIELD_NUMBER, NULL },    \
        { "data_chunks", FIELD_NUMBER, NULL }, { "hole_chunks", FIELD_NUMBER, NULL },  \
        { "error_chunks", FIELD_NUMBER, NULL }, { "message", FIELD_DATA, NULL },       \
        { "offset", FIELD_NUMBER, NULL },                                              \
    {                                                                                  \
        "cookie", FIELD_NUMBER, NULL                                                   \
    }

static const struct field_rule whole_fields[] = { WHOLE_REPLY_FIELDS };

static const struct field_rule data_fields[] = {
    WHOLE_REPLY_FIELDS,
    { "length", FIELD_NUMBER, NULL },
};

static const struct field_rule status_fields[] = {
    WHOLE_REPLY_FIELDS,
    { "contexts", FIELD_NUMBER, NULL },
    { "extents", FIELD_NUMBER, NULL },
    { "first", FIELD_NUMBER, NULL },
    { "total", FIELD_NUMBER, NULL },
    { "flags", FIELD_FLAGS, &vocabulary_state_flags },
    { "first_flags", FIELD_FLAGS, &vocabulary_state_flags },
};

static const struct field_rule tls_fields[] = {
    { "versions", FIELD_FLAGS, &words_tls_versions },
};

static const struct field_rule tls_result_fields[] = {
    { "version", FIELD_WORD, &words_tls_versions },
};

static const struct field_rule connect_fields[] = {
    { "start", FIELD_WORD, &words_starts },
    { "export", FIELD_DATA, NULL },
    { "mode", FIELD_WORD, &words_modes },
};

/* ---- verbs ---- */

#define FIELDS(array) (array), COUNT(array)

static const struct verb_rule sent[] = {
    { "FLAGS", SUBJECT_FLAGS, &vocabulary_client_flags, NULL, 0 },
    { "OPT", SUBJECT_WORD, &vocabulary_options, FIELDS(option_fields) },
    { "CMD", SUBJECT_WORD, &vocabulary_commands, FIELDS(command_fields) },
    { "raw", SUBJECT_RAW, NULL, NULL, 0 },
    { "tls", SUBJECT_NONE, NULL, FIELDS(tls_fields) },
    { "plain", SUBJECT_RAW, NULL, NULL, 0 },
    { "fin", SUBJECT_NONE, NULL, NULL, 0 },
    { "reset", SUBJECT_NONE, NULL, NULL, 0 },
};

static const struct verb_rule sent_command = { "command", SUBJECT_NONE, NULL, FIELDS(command_fields) };

static const struct verb_rule expected[] = {
    { "GREETING", SUBJECT_NONE, NULL, FIELDS(greeting_fields) },
    { "REP", SUBJECT_REPLY, &vocabulary_replies, FIELDS(reply_fields) },
    { "EXPORT", SUBJECT_NONE, NULL, FIELDS(export_fields) },
    { "OK", SUBJECT_NONE, NULL, FIELDS(whole_fields) },
    { "ERROR", SUBJECT_ERRORS, &vocabulary_errors, FIELDS(whole_fields) },
    { "DATA", SUBJECT_DATA, NULL, FIELDS(data_fields) },
    { "STATUS", SUBJECT_NONE, NULL, FIELDS(status_fields) },
    { "tls", SUBJECT_WORD, &words_tls_results, FIELDS(tls_result_fields) },
    { "close", SUBJECT_NONE, NULL, NULL, 0 },
};

static const struct verb_rule connecting = { "connect", SUBJECT_NONE, NULL, FIELDS(connect_fields) };

static const struct verb_rule *find(const struct verb_rule *rules, size_t count, struct span verb)
{
    for (size_t i = 0; i < count; i++)
        if (span_equal(verb, span_text(rules[i].name)))
            return &rules[i];
    return NULL;
}

const struct verb_rule *words_sent(struct span verb)
{
    const struct verb_rule *rule = find(sent, COUNT(sent), verb);

    if (rule)
        return rule;
    if (vocabulary_find(&vocabulary_commands, verb) || (verb.len > 0 && memchr(verb.at, '$', verb.len)))
        return &sent_command;
    return NULL;
}

const struct verb_rule *words_expected(struct span verb)
{
    return find(expected, COUNT(expected), verb);
}

const struct verb_rule *words_connect(void)
{
    return &connecting;
}

const struct field_rule *words_field(const struct verb_rule *rule, struct span name)
{
    for (size_t i = 0; i < rule->field_count; i++)
        if (span_equal(name, span_text(rule->fields[i].name)))
            return &rule->fields[i];
    return NULL;
}

bool words_is_list(struct span name)
{
    const struct field_rule *field = words_field(find(sent, COUNT(sent), span_text("OPT")), name);

    return field && (field->kind == FIELD_INFOS || field->kind == FIELD_QUERIES);
}

bool words_is_field_sent(struct span name)
{
    for (size_t i = 0; i < COUNT(sent); i++)
        if (words_field(&sent[i], name))
            return true;
    return words_field(&connecting, name) != NULL;
}

void words_offer_vocabulary(const struct vocabulary *v, struct nearest *n)
{
    for (size_t i = 0; i < v->count; i++)
        nearest_offer(n, v->words[i].name);
}

void words_offer_sent(struct nearest *n)
{
    for (size_t i = 0; i < COUNT(sent); i++)
        nearest_offer(n, sent[i].name);
    nearest_offer(n, "segment");
    words_offer_vocabulary(&vocabulary_commands, n);
}

void words_offer_expected(struct nearest *n)
{
    for (size_t i = 0; i < COUNT(expected); i++)
        nearest_offer(n, expected[i].name);
    nearest_offer(n, "unordered");
}

void words_offer_fields(const struct verb_rule *rule, struct nearest *n)
{
    for (size_t i = 0; i < rule->field_count; i++)
        nearest_offer(n, rule->fields[i].name);
}

bool words_not_yet(struct span word)
{
    static const char *const later[] = { "split", "cut", "CHUNK", "extent", "file" };

    for (size_t i = 0; i < COUNT(later); i++)
        if (span_equal(word, span_text(later[i])))
            return true;
    return false;
}

/* ---- data ---- */

static const struct function_rule functions[] = {
    { "zero", FUNCTION_NOTHING, 0 }, { "fill", FUNCTION_NUMBER, 8 },    { "pattern", FUNCTION_NUMBER, 0 },
    { "hex", FUNCTION_HEX, 0 },      { "be16", FUNCTION_NUMBER, 16 },   { "be32", FUNCTION_NUMBER, 32 },
    { "be64", FUNCTION_NUMBER, 64 }, { "namespace", FUNCTION_DATA, 0 },
};

const struct function_rule *words_function(struct span name)
{
    for (size_t i = 0; i < COUNT(functions); i++)
        if (span_equal(name, span_text(functions[i].name)))
            return &functions[i];
    return NULL;
}

void words_offer_functions(struct nearest *n)
{
    for (size_t i = 0; i < COUNT(functions); i++)
        nearest_offer(n, functions[i].name);
}

/* ---- needs ---- */

/* SEND_READ and SEND_WRITE are no flags, as every server has these commands; they make SEND_$cmd work for all
 * of them. */
static const struct need_rule needs[] = {
    { "writable", NEED_PLAIN },       { "structured", NEED_PLAIN },      { "extended", NEED_PLAIN },
    { "SEND_READ", NEED_PLAIN },      { "SEND_WRITE", NEED_PLAIN },      { "size", NEED_COMPARED },
    { "min_block", NEED_COMPARED },   { "max_payload", NEED_COMPARED },  { "preferred_block", NEED_COMPARED },
    { "connections", NEED_COMPARED }, { "option", NEED_OPTION },         { "context", NEED_CONTEXT },
    { "block_size", NEED_PLAIN },     { "unasked", NEED_PLAIN },         { "tls", NEED_TLS },
    { "tls_only", NEED_PLAIN },       { "without_tls", NEED_PLAIN },     { "hides_unknown", NEED_PLAIN },
    { "oldstyle", NEED_PLAIN },       { "refuses_unknown", NEED_PLAIN }, { "another", NEED_PLAIN },
};

static const struct need_rule flag = { "flag", NEED_PLAIN };

const struct need_rule *words_need(struct span word)
{
    for (size_t i = 0; i < COUNT(needs); i++)
        if (span_equal(word, span_text(needs[i].name)))
            return &needs[i];
    if (vocabulary_find(&vocabulary_transmission_flags, word) ||
        vocabulary_find(&vocabulary_handshake_flags, word))
        return &flag;
    return NULL;
}

void words_offer_needs(struct nearest *n)
{
    for (size_t i = 0; i < COUNT(needs); i++)
        nearest_offer(n, needs[i].name);
    words_offer_vocabulary(&vocabulary_transmission_flags, n);
    words_offer_vocabulary(&vocabulary_handshake_flags, n);
}

/* ---- vocabularies of the language's own ---- */

#define VOCABULARY(name, what, ...)                            \
    static const struct word name##_words[] = { __VA_ARGS__ }; \
    const struct vocabulary words_##name = { what, name##_words, COUNT(name##_words) }

VOCABULARY(styles, "style", { "oldstyle", 0 }, { "newstyle", 1 });
VOCABULARY(forms, "form", { "simple", REPLY_FORM_SIMPLE }, { "structured", REPLY_FORM_STRUCTURED },
           { "extended", REPLY_FORM_EXTENDED });
VOCABULARY(modes, "mode", { "simple", MODE_SIMPLE }, { "structured", MODE_STRUCTURED },
           { "extended", MODE_EXTENDED });
VOCABULARY(tls_versions, "flag of a TLS version", { "TLS1_0", SCRIPT_TLS_1_0 }, { "TLS1_1", SCRIPT_TLS_1_1 },
           { "TLS1_2", SCRIPT_TLS_1_2 }, { "TLS1_3", SCRIPT_TLS_1_3 });
VOCABULARY(tls_results, "outcome", { "ok", 1 }, { "failed", 0 });
VOCABULARY(tls_modes, "mode of TLS", { "notls", TLS_MODE_NOTLS }, { "forced", TLS_MODE_FORCED },
           { "selective", TLS_MODE_SELECTIVE }, { "any", 0 });
VOCABULARY(starts, "start", { "connect", START_CONNECT }, { "greeting", START_GREETING },
           { "options", START_OPTIONS }, { "transmission", START_TRANSMISSION });

/* Only the names count below: the values are given when a case is played. */
VOCABULARY(variables, "variable", { "base", 0 }, { "block", 0 }, { "size", 0 }, { "export", 0 },
           { "flags", 0 }, { "min_block", 0 }, { "preferred_block", 0 }, { "max_payload", 0 },
           { "tls_only", 0 }, { "another", 0 });
VOCABULARY(headers, "header", { "needs", 0 }, { "modes", 0 }, { "start", 0 }, { "export", 0 },
           { "contexts", 0 }, { "infos", 0 }, { "window", 0 }, { "for", 0 }, { "timeout", 0 },
           { "canary", 0 }, { "tags", 0 });
VOCABULARY(lines, "step", { "C", 0 }, { "S", 0 }, { "canary", 0 }, { "pause", 0 }, { "repeat", 0 },
           { "each", 0 }, { "connect", 0 });
