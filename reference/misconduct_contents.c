/* SPDX-License-Identifier: MIT */
/* Contents that are not what they should be: ranges that are missed, overrun, altered late or for one
 * connection alone.
 *
 * What has to be undone or held back is kept: the store shows what was there before, the kept bytes are what
 * was written, and exchanging the two shows it. */
#include <stdlib.h>

#include "base/memory.h"
#include "reference/misconduct_parts.h"

typedef bool condition(const struct reference_session *s, const struct request *r);
typedef void deed(struct reference_session *s, const struct request *r);

/* ---- kept ---- */

static void exchange(struct reference_session *s, struct kept *k)
{
    uint8_t *shown = memory_take(k->length);

    store_read(s->export->store, k->offset, shown, k->length);
    store_write(s->export->store, k->offset, span_of(k->bytes, k->length));
    free(k->bytes);
    k->bytes = shown;
    k->hidden = !k->hidden;
}

/* Keeps what a range holds now, as long as there is room for it. */
static void keep(struct reference_session *s, const struct request *r, bool until_end)
{
    struct misconduct *m = s->misconduct;
    struct kept *k = &m->kept[m->kept_count];

    if (m->kept_count == KEPT_MAX || r->length == 0 || r->length > KEPT_BYTES_MAX - m->kept_bytes)
        return;
    *k = (struct kept){ .offset = r->offset, .length = r->length, .bytes = memory_take(r->length) };
    k->until_end = until_end;
    store_read(s->export->store, r->offset, k->bytes, r->length);
    m->kept_count++;
    m->kept_bytes += r->length;
}

/* Shows what is hidden; everything, or what this connection may see. */
static void show(struct reference_session *s, bool everything)
{
    struct misconduct *m = s->misconduct;

    for (size_t i = 0; i < m->kept_count; i++)
        if (m->kept[i].hidden && (everything || !m->kept[i].until_end))
            exchange(s, &m->kept[i]);
}

/* Hides in the opposite order, so that ranges that overlap come back right. */
static void hide(struct reference_session *s)
{
    struct misconduct *m = s->misconduct;

    for (size_t i = m->kept_count; i > 0; i--)
        if (!m->kept[i - 1].hidden)
            exchange(s, &m->kept[i - 1]);
}

static void forget(struct reference_session *s)
{
    struct misconduct *m = s->misconduct;

    for (size_t i = 0; i < m->kept_count; i++)
        free(m->kept[i].bytes);
    m->kept_count = 0;
    m->kept_bytes = 0;
}

static bool hides(const struct reference_session *s)
{
    return fault_on(s, FAULT_FLUSH_NOT_SHARED) || fault_on(s, FAULT_FUA_NOT_SHARED) ||
           fault_on(s, FAULT_WRITE_STORED_LATE) || fault_on(s, FAULT_ZEROES_STORED_LATE);
}

/* What was written is lost when the connection is. */
static bool loses(const struct reference_session *s, const struct request *r)
{
    return fault_on(s, r->flags & NBD_CMD_FLAG_FUA ? FAULT_FUA_LOST : FAULT_FLUSH_LOST);
}

static bool is_volatile(const struct reference_session *s)
{
    return fault_on(s, FAULT_FLUSH_LOST) || fault_on(s, FAULT_FUA_LOST);
}

void contents_misconduct_begin(struct reference_session *s)
{
    if (hides(s))
        show(s, false);
}

void contents_misconduct_checked(struct reference_session *s, const struct request *r)
{
    bool write = r->type == NBD_CMD_WRITE, zeroes = r->type == NBD_CMD_WRITE_ZEROES;
    bool fua = r->flags & NBD_CMD_FLAG_FUA;

    if (s->in.error != 0 || !(write || zeroes))
        return;
    if ((write && fault_on(s, FAULT_WRITE_STORED_LATE)) || (zeroes && fault_on(s, FAULT_ZEROES_STORED_LATE)))
        keep(s, r, true);
    else if (loses(s, r))
        keep(s, r, false);
    else if ((!fua && fault_on(s, FAULT_FLUSH_NOT_SHARED)) || (fua && fault_on(s, FAULT_FUA_NOT_SHARED)) ||
             fault_on(s, FAULT_DISC_DROPS_OUTSTANDING))
        keep(s, r, false);
    else if (write &&
             (fault_on(s, FAULT_WRITE_NOT_DONE) || fault_on(s, FAULT_WRITE_FIRST_BYTE_MISSED) ||
              fault_on(s, FAULT_WRITE_LAST_BYTE_MISSED) || fault_on(s, FAULT_WRITE_OF_ZEROES_SKIPPED)))
        keep(s, r, false);
}

void contents_misconduct_answered(struct reference_session *s, const struct request *r)
{
    s->misconduct->last_done = *r;
    if (r->type == NBD_CMD_FLUSH && fault_on(s, FAULT_FUA_NOT_SHARED))
        forget(s); /* begin has shown them */
    if (hides(s))
        hide(s);
    else if (!fault_on(s, FAULT_DISC_DROPS_OUTSTANDING) && !is_volatile(s))
        forget(s);
}

/* What was answered, and not yet sent, is as if it had never been. */
bool contents_misconduct_disc(struct reference_session *s)
{
    if (fault_on(s, FAULT_DISC_DROPS_OUTSTANDING)) {
        hide(s);
        forget(s);
        s->output.len = s->sent;
    }
    if (is_volatile(s))
        forget(s);
    return false;
}

void contents_misconduct_all_sent(struct reference_session *s)
{
    if (fault_on(s, FAULT_DISC_DROPS_OUTSTANDING))
        forget(s);
}

void contents_misconduct_free(struct reference_session *s)
{
    if (is_volatile(s)) {
        hide(s);
        forget(s);
    }
    show(s, true);
    forget(s);
}

/* ---- when ---- */

static bool always(const struct reference_session *s, const struct request *r)
{
    (void)s;
    (void)r;
    return true;
}

static bool with_no_hole(const struct reference_session *s, const struct request *r)
{
    (void)s;
    return r->flags & NBD_CMD_FLAG_NO_HOLE;
}

static bool with_fua(const struct reference_session *s, const struct request *r)
{
    (void)s;
    return r->flags & NBD_CMD_FLAG_FUA;
}

static bool with_fast_zero(const struct reference_session *s, const struct request *r)
{
    (void)s;
    return r->flags & NBD_CMD_FLAG_FAST_ZERO;
}

/* What is written is stored already when it is asked. */
static bool of_zeroes(const struct reference_session *s, const struct request *r)
{
    uint8_t byte = 0;

    for (uint64_t i = 0; i < r->length && byte == 0; i++)
        store_read(s->export->store, r->offset + i, &byte, 1);
    return byte == 0;
}

static bool unaligned(const struct reference_session *s, const struct request *r)
{
    (void)s;
    return r->offset % 512 != 0 || r->length % 512 != 0;
}

static bool with_fua_unaligned(const struct reference_session *s, const struct request *r)
{
    return with_fua(s, r) && unaligned(s, r);
}

static bool across_page(const struct reference_session *s, const struct request *r)
{
    (void)s;
    return r->length > STORE_PAGE_BYTES - r->offset % STORE_PAGE_BYTES;
}

static bool whole_pages(const struct reference_session *s, const struct request *r)
{
    (void)s;
    return r->offset % STORE_PAGE_BYTES == 0 && r->length % STORE_PAGE_BYTES == 0;
}

static bool to_the_end(const struct reference_session *s, const struct request *r)
{
    return r->offset + r->length == store_size(s->export->store);
}

static bool over_hole(const struct reference_session *s, const struct request *r)
{
    enum store_kind kind;

    return store_extent(s->export->store, r->offset, r->length, &kind) == r->length && kind == STORE_HOLE;
}

static bool over_both(const struct reference_session *s, const struct request *r)
{
    enum store_kind kind;

    return store_extent(s->export->store, r->offset, r->length, &kind) < r->length;
}

static bool over_1m(const struct reference_session *s, const struct request *r)
{
    (void)s;
    return r->length > 1 << 20;
}

static bool over_64m(const struct reference_session *s, const struct request *r)
{
    (void)s;
    return r->length > 64 << 20;
}

static bool from_2g(const struct reference_session *s, const struct request *r)
{
    (void)s;
    return r->length > INT32_MAX;
}

static bool past_4g(const struct reference_session *s, const struct request *r)
{
    (void)s;
    return r->offset > UINT32_MAX;
}

static bool pipelined(const struct reference_session *s, const struct request *r)
{
    (void)r;
    return s->misconduct->pipelined;
}

static bool again(const struct reference_session *s, const struct request *r)
{
    const struct request *last = &s->misconduct->last_done;

    return last->type == r->type && last->offset == r->offset && last->length == r->length;
}

static bool after_trim(const struct reference_session *s, const struct request *r)
{
    const struct request *last = &s->misconduct->last_done;

    (void)r;
    return last->type == NBD_CMD_TRIM;
}

/* ---- what is done instead ---- */

/* Zeroes a part of a request that begins so many bytes into it. */
static void zero_part(struct reference_session *s, const struct request *r, uint64_t into, uint64_t length)
{
    if (into < r->length && length <= r->length - into)
        store_zero(s->export->store, r->offset + into, length, false);
}

static void put_byte(struct reference_session *s, uint64_t offset, uint8_t byte)
{
    if (offset < store_size(s->export->store))
        store_write(s->export->store, offset, span_of(&byte, 1));
}

static void zero_byte(struct reference_session *s, uint64_t offset)
{
    if (offset < store_size(s->export->store))
        store_zero(s->export->store, offset, 1, false);
}

static void nothing(struct reference_session *s, const struct request *r)
{
    (void)s;
    (void)r;
}

static void zero_all(struct reference_session *s, const struct request *r)
{
    store_zero(s->export->store, r->offset, r->length, false);
}

static void zero_but_first(struct reference_session *s, const struct request *r)
{
    zero_part(s, r, 1, r->length - 1);
}

static void zero_but_last(struct reference_session *s, const struct request *r)
{
    zero_part(s, r, 0, r->length - 1);
}

static void zero_whole_sectors(struct reference_session *s, const struct request *r)
{
    uint64_t first = (r->offset + 511) / 512 * 512, end = (r->offset + r->length) / 512 * 512;

    if (first < end)
        store_zero(s->export->store, first, end - first, false);
}

static void zero_first_page(struct reference_session *s, const struct request *r)
{
    zero_part(s, r, 0, STORE_PAGE_BYTES - r->offset % STORE_PAGE_BYTES);
}

static void zero_1m(struct reference_session *s, const struct request *r)
{
    zero_part(s, r, 0, 1 << 20);
}

static void zero_64m(struct reference_session *s, const struct request *r)
{
    zero_part(s, r, 0, 64 << 20);
}

static void zero_one_beyond(struct reference_session *s, const struct request *r)
{
    zero_all(s, r);
    zero_byte(s, r->offset + r->length);
}

static void zero_one_before(struct reference_session *s, const struct request *r)
{
    zero_all(s, r);
    if (r->offset > 0)
        zero_byte(s, r->offset - 1);
}

/* All of the units that the range touches. */
static void zero_units(struct reference_session *s, const struct request *r, uint64_t unit)
{
    uint64_t size = store_size(s->export->store), first = r->offset / unit * unit;
    uint64_t end = r->offset + r->length, rest = end % unit;

    if (rest != 0)
        end = size - end < unit - rest ? size : end + unit - rest;
    store_zero(s->export->store, first, end - first, false);
}

static void zero_touched_sectors(struct reference_session *s, const struct request *r)
{
    zero_units(s, r, 512);
}

static void zero_touched_pages(struct reference_session *s, const struct request *r)
{
    zero_units(s, r, STORE_PAGE_BYTES);
}

static void zero_at_32_bits(struct reference_session *s, const struct request *r)
{
    struct request cut = *r;

    cut.offset &= UINT32_MAX;
    zero_all(s, &cut);
}

static void fill_first(struct reference_session *s, const struct request *r)
{
    zero_all(s, r);
    put_byte(s, r->offset, 0x5a);
}

static void fill_last(struct reference_session *s, const struct request *r)
{
    zero_all(s, r);
    put_byte(s, r->offset + r->length - 1, 0x30); /* the character 0 */
}

static void store_one_beyond(struct reference_session *s, const struct request *r)
{
    put_byte(s, r->offset + r->length, 0xee);
}

static void store_one_before(struct reference_session *s, const struct request *r)
{
    if (r->offset > 0)
        put_byte(s, r->offset - 1, 0xee);
}

/* A byte is again what it was before the request. */
static void restore(struct reference_session *s, const struct request *r, size_t index)
{
    struct misconduct *m = s->misconduct;
    const struct kept *k = m->kept_count > 0 ? &m->kept[m->kept_count - 1] : NULL;

    if (k && k->offset == r->offset && k->length == r->length)
        put_byte(s, r->offset + index, k->bytes[index]);
}

static void store_none(struct reference_session *s, const struct request *r)
{
    struct misconduct *m = s->misconduct;

    if (m->kept_count > 0 && m->kept[m->kept_count - 1].offset == r->offset &&
        m->kept[m->kept_count - 1].length == r->length)
        store_write(s->export->store, r->offset, span_of(m->kept[m->kept_count - 1].bytes, r->length));
}

static void store_but_first(struct reference_session *s, const struct request *r)
{
    restore(s, r, 0);
}

static void store_but_last(struct reference_session *s, const struct request *r)
{
    restore(s, r, r->length - 1);
}

static const struct content_fault {
    enum fault fault;
    uint16_t command;
    condition *when;
    deed *instead; /* of what is due; the data of a WRITE have been stored */
} rows[] = {
    { FAULT_ZEROES_NOT_DONE, NBD_CMD_WRITE_ZEROES, always, nothing },
    { FAULT_ZEROES_FIRST_BYTE_MISSED, NBD_CMD_WRITE_ZEROES, always, zero_but_first },
    { FAULT_ZEROES_LAST_BYTE_MISSED, NBD_CMD_WRITE_ZEROES, always, zero_but_last },
    { FAULT_ZEROES_LAST_BYTE_OF_EXPORT_MISSED, NBD_CMD_WRITE_ZEROES, to_the_end, zero_but_last },
    { FAULT_ZEROES_UNALIGNED_ROUNDED_IN, NBD_CMD_WRITE_ZEROES, unaligned, zero_whole_sectors },
    { FAULT_ZEROES_FIRST_PAGE_ALONE, NBD_CMD_WRITE_ZEROES, across_page, zero_first_page },
    { FAULT_ZEROES_WHOLE_PAGES_NOT_DONE, NBD_CMD_WRITE_ZEROES, whole_pages, nothing },
    { FAULT_ZEROES_ONE_BYTE_BEYOND, NBD_CMD_WRITE_ZEROES, always, zero_one_beyond },
    { FAULT_ZEROES_ONE_BYTE_BEFORE, NBD_CMD_WRITE_ZEROES, always, zero_one_before },
    { FAULT_ZEROES_UNALIGNED_ROUNDED_OUT, NBD_CMD_WRITE_ZEROES, unaligned, zero_touched_sectors },
    { FAULT_ZEROES_PAGES_ROUNDED_OUT, NBD_CMD_WRITE_ZEROES, always, zero_touched_pages },
    { FAULT_NO_HOLE_NOT_PROVISIONED, NBD_CMD_WRITE_ZEROES, with_no_hole, zero_all },
    { FAULT_ZEROES_NO_HOLE_NOT_DONE, NBD_CMD_WRITE_ZEROES, with_no_hole, nothing },
    { FAULT_ZEROES_FUA_NOT_DONE, NBD_CMD_WRITE_ZEROES, with_fua, nothing },
    { FAULT_ZEROES_FUA_ROUNDED_IN, NBD_CMD_WRITE_ZEROES, with_fua_unaligned, zero_whole_sectors },
    { FAULT_ZEROES_FAST_NOT_DONE, NBD_CMD_WRITE_ZEROES, with_fast_zero, nothing },
    { FAULT_ZEROES_HOLE_FILLED, NBD_CMD_WRITE_ZEROES, over_hole, fill_first },
    { FAULT_ZEROES_MIXED_NOT_DONE, NBD_CMD_WRITE_ZEROES, over_both, nothing },
    { FAULT_ZEROES_CUT_AT_1M, NBD_CMD_WRITE_ZEROES, over_1m, zero_1m },
    { FAULT_ZEROES_CUT_AT_64M, NBD_CMD_WRITE_ZEROES, over_64m, zero_64m },
    { FAULT_ZEROES_FROM_2G_NOT_DONE, NBD_CMD_WRITE_ZEROES, from_2g, nothing },
    { FAULT_ZEROES_OFFSET_32_BITS, NBD_CMD_WRITE_ZEROES, past_4g, zero_at_32_bits },
    { FAULT_ZEROES_PIPELINED_NOT_DONE, NBD_CMD_WRITE_ZEROES, pipelined, nothing },
    { FAULT_ZEROES_AGAIN_FILLED, NBD_CMD_WRITE_ZEROES, again, fill_first },
    { FAULT_ZEROES_AFTER_TRIM_FILLED, NBD_CMD_WRITE_ZEROES, after_trim, fill_first },
    { FAULT_ZEROES_LAST_BYTE_CHARACTER, NBD_CMD_WRITE_ZEROES, always, fill_last },

    { FAULT_WRITE_NOT_DONE, NBD_CMD_WRITE, always, store_none },
    { FAULT_WRITE_OF_ZEROES_SKIPPED, NBD_CMD_WRITE, of_zeroes, store_none },
    { FAULT_WRITE_FIRST_BYTE_MISSED, NBD_CMD_WRITE, always, store_but_first },
    { FAULT_WRITE_LAST_BYTE_MISSED, NBD_CMD_WRITE, always, store_but_last },
    { FAULT_WRITE_ONE_BYTE_BEYOND, NBD_CMD_WRITE, always, store_one_beyond },
    { FAULT_WRITE_ONE_BYTE_BEFORE, NBD_CMD_WRITE, always, store_one_before },

    { FAULT_TRIM_ROUNDED_OUT, NBD_CMD_TRIM, always, zero_touched_pages },
    { FAULT_TRIM_FUA_ROUNDED_OUT, NBD_CMD_TRIM, with_fua, zero_touched_pages },
    { FAULT_TRIM_OFFSET_32_BITS, NBD_CMD_TRIM, past_4g, zero_at_32_bits },
    { FAULT_TRIM_ONE_BYTE_BEYOND, NBD_CMD_TRIM, always, zero_one_beyond },
    { FAULT_CACHE_ALTERS, NBD_CMD_CACHE, always, fill_last },
};

bool contents_misconduct_perform(struct reference_session *s, const struct request *r)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct content_fault *row = &rows[i];

        if (!fault_on(s, row->fault) || row->command != r->type || r->length == 0 || !row->when(s, r))
            continue;
        row->instead(s, r);
        return true;
    }
    return false;
}
