/* SPDX-License-Identifier: MIT */
/* Where legal oddities get hold of the session, as faults do in misconduct.h.  What these do is correct, too:
 * the specification leaves a choice, and an oddity chooses otherwise. */
#ifndef NBDTEST_REFERENCE_MANNERS_H
#define NBDTEST_REFERENCE_MANNERS_H

#include "reference/state.h"

#define MANNERS(s, call)  \
    do {                  \
        if ((s)->manners) \
            call;         \
    } while (0)

/* True when an oddity has done what was due. */
#define MANNERS_TAKE(s, call) ((s)->manners && call)

/* NULL when no oddity is on. */
struct manners *manners_new(const struct oddities *oddities);
void manners_free(struct reference_session *s);

/* ---- handshake ---- */

void manners_handshake_flags(const struct reference_session *s, uint16_t *flags);
void manners_transmission_flags(const struct reference_session *s, unsigned *flags);
void manners_block_size(const struct reference_session *s, const struct reference_export *export,
                        struct wire_info_block_size *size);

/* Whether an export that nobody has heard of is the default one. */
bool manners_any_name(const struct reference_session *s);

/* Whether the connection is closed at the header of the option at hand. */
bool manners_turns_away(const struct reference_session *s);

/* ---- TLS ---- */

/* Whether the option has to wait for TLS like others, and whether an export may be had under TLS only, and is
 * not listed without. */
bool manners_waits_for_tls(const struct reference_session *s, uint32_t option);
bool manners_tls_only(const struct reference_session *s);
bool manners_unlisted(const struct reference_session *s, const struct reference_export *export);

/* ---- options ---- */

/* An option is about to be answered.  refusal: type of the reply when its data are not in order,
 * otherwise 0. */
bool manners_option(struct reference_session *s, const struct option_data *data, uint32_t refusal);

/* Whether the option at hand is NBD_OPT_LIST_META_CONTEXT and served before structured replies were
 * negotiated.
 */
bool manners_lists_early(const struct reference_session *s);

/* What LIST tells of an export besides its name, and INFO as its description. */
void manners_description(const struct reference_session *s, struct span *text);

/* Contexts are about to be listed, or selected. */
bool manners_list_contexts(struct reference_session *s, const struct reference_export *export,
                           const struct option_data *data);
void manners_select_contexts(struct reference_session *s);

/* Which context comes nth. */
unsigned manners_context(const struct reference_session *s, unsigned nth);

/* Information is about to be sent: wanted[NBD_INFO_*] of it. */
bool manners_infos(struct reference_session *s, const struct reference_export *export, const bool wanted[]);

/* The message of an error reply to an option. */
void manners_option_message(struct reference_session *s, const char **message);

/* ---- transmission ---- */

/* The session may have been closed instead of begun with the request; s->in.error may have changed. */
void manners_checked(struct reference_session *s, const struct request *r);

/* Data of a WRITE that is in order were seen; true when they are kept to be stored later. */
bool manners_data(struct reference_session *s, struct span data);

/* A request that is not NBD_CMD_DISC is whole; true when it is kept to be done later. */
bool manners_request(struct reference_session *s);

bool manners_perform(struct reference_session *s, const struct request *r);

/* A request is about to be answered: with an error, without data, with those of a READ. */
bool manners_error(struct reference_session *s, const struct request *r, uint32_t error, const char *why);
bool manners_done(struct reference_session *s, const struct request *r);
bool manners_read(struct reference_session *s, const struct request *r);

/* The extents, count of them and at least 1, that BLOCK_STATUS is about to be answered with. */
void manners_status(struct reference_session *s, const struct request *r, enum context context,
                    struct wire_extended_extent *extents, size_t *count);

/* A message was put into the output at start. */
void manners_message(struct reference_session *s, size_t start);

/* A request was answered with what stands in the output from start on. */
void manners_answered(struct reference_session *s, size_t start);

/* ---- order and time: manners_order.c ---- */

/* What came in one piece was taken. */
void manners_taken(struct reference_session *s);

/* Lets go of all that is kept back. */
void manners_release(struct reference_session *s);
bool manners_keeps(const struct reference_session *s);

/* How much of the output may be sent at once, and that some was. */
size_t manners_portion(const struct reference_session *s, size_t waiting);
void manners_sent(struct reference_session *s, size_t bytes);

#endif
