/* SPDX-License-Identifier: MIT */
#include "runner/library.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder of its own for each test. */
struct fixture {
    char folder[64];
    struct diagnostics d;
    struct catalogue *catalogue;
    struct library library;
};

static void set_up(struct fixture *f)
{
    static const char table[] = "id\tlevel\tparty\tsection\tline\tsummary\n"
                                "opt.abort.ack\tMUST\tserver\tOption types\t2\ty\n";

    *f = (struct fixture){ .folder = "/tmp/nbdtest-library-XXXXXX" };
    assert_non_null(mkdtemp(f->folder));
    diagnostics_init(&f->d);
    f->catalogue = catalogue_parse("t", span_text(table), &f->d);
}

static void tear_down(struct fixture *f, const char *const *files)
{
    char path[200];

    for (; *files; files++) {
        snprintf(path, sizeof path, "%s/%s", f->folder, *files);
        remove(path);
    }
    rmdir(f->folder);
    library_free(&f->library);
    catalogue_free(f->catalogue);
    diagnostics_free(&f->d);
}

static void put(const struct fixture *f, const char *name, const char *text)
{
    char path[200];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void a_folder_is_read_in_the_order_of_its_names(void **state)
{
    static const char *const files[] = { "b/one.nbd", "b", "c.nbd", "a.nbd", "notes.txt", NULL };
    struct fixture f;
    char path[200];

    (void)state;
    set_up(&f);
    snprintf(path, sizeof path, "%s/b", f.folder);
    mkdir(path, 0700);
    put(&f, "c.nbd", "case third \"t\"\nstart options\n\nC: OPT ABORT\nS: REP ACK by opt.abort.ack\n");
    put(&f, "a.nbd", "case first \"t\"\nstart options\n\nC: OPT ABORT\nS: REP ACK\n");
    put(&f, "b/one.nbd", "case second \"t\"\nstart options\n\nC: OPT ABORT\nS: REP ACK\n");
    put(&f, "notes.txt", "no case\n");
    assert_true(library_add(&f.library, f.folder, f.catalogue, &f.d));
    assert_string_equal(buffer_text(&f.d.text), "");
    assert_int_equal(f.library.tree_count, 3);
    assert_string_equal(f.library.trees[0]->cases->name, "first");
    assert_string_equal(f.library.trees[1]->cases->name, "second");
    assert_string_equal(f.library.trees[2]->cases->name, "third");
    tear_down(&f, files);
}

static void an_unknown_requirement_is_a_mistake_with_the_nearest_one(void **state)
{
    static const char *const files[] = { "a.nbd", NULL };
    struct fixture f;

    (void)state;
    set_up(&f);
    put(&f, "a.nbd", "case first \"t\"\nstart options\n\nC: OPT ABORT\nS: REP ACK  by opt.abort.akc\n");
    assert_true(library_add(&f.library, f.folder, f.catalogue, &f.d));
    assert_int_equal(f.d.errors, 1);
    assert_non_null(
        strstr(buffer_text(&f.d.text),
               "a.nbd:5:16: error: unknown requirement 'opt.abort.akc'; did you mean 'opt.abort.ack'?"));
    tear_down(&f, files);
}

static void a_name_is_used_once(void **state)
{
    static const char *const files[] = { "a.nbd", "b.nbd", NULL };
    struct fixture f;

    (void)state;
    set_up(&f);
    put(&f, "a.nbd", "case same \"t\"\nstart options\n\nC: OPT ABORT\nS: REP ACK\n");
    put(&f, "b.nbd", "case same \"t\"\nstart options\n\nC: OPT ABORT\nS: REP ACK\n");
    assert_true(library_add(&f.library, f.folder, f.catalogue, &f.d));
    assert_int_equal(f.d.errors, 1);
    assert_non_null(
        strstr(buffer_text(&f.d.text), "b.nbd:1:6: error: the name 'same' is used by the case at "));
    tear_down(&f, files);
}

static void what_cannot_be_read_is_told(void **state)
{
    static const char *const files[] = { NULL };
    struct fixture f;

    (void)state;
    set_up(&f);
    assert_false(library_add(&f.library, "/nonexistent/x.nbd", f.catalogue, &f.d));
    assert_int_equal(f.d.errors, 1);
    assert_non_null(strstr(buffer_text(&f.d.text), "cannot open /nonexistent/x.nbd: No such file"));
    tear_down(&f, files);
}

static void a_file_is_read_up_to_its_limit_and_not_beyond(void **state)
{
    static const char *const files[] = { "five", NULL };
    struct fixture f;
    char path[200], error[200];
    size_t len;
    char *text;

    (void)state;
    set_up(&f);
    put(&f, "five", "12345");
    snprintf(path, sizeof path, "%s/five", f.folder);
    text = read_file(path, 5, &len, error, sizeof error);
    assert_non_null(text);
    assert_int_equal(len, 5);
    free(text);
    assert_null(read_file(path, 4, &len, error, sizeof error));
    assert_non_null(strstr(error, "has more than 4 bytes"));
    assert_null(read_file(f.folder, 4, &len, error, sizeof error));
    tear_down(&f, files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_read_in_the_order_of_its_names),
        cmocka_unit_test(an_unknown_requirement_is_a_mistake_with_the_nearest_one),
        cmocka_unit_test(a_name_is_used_once),
        cmocka_unit_test(what_cannot_be_read_is_told),
        cmocka_unit_test(a_file_is_read_up_to_its_limit_and_not_beyond),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
