/* SPDX-License-Identifier: MIT */
#include "reference/bench/usage.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The first line of a file below /proc. */
static bool read_line(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "r");
    bool read;

    if (!file)
        return false;
    read = fgets(line, size, file) != NULL;
    fclose(file);
    return read;
}

/* Nanoseconds that all threads of a process ran. */
static uint64_t cpu_of(const char *process)
{
    char path[300], line[200];
    uint64_t sum = 0, ran;
    DIR *threads;

    snprintf(path, sizeof path, "/proc/%.20s/task", process);
    threads = opendir(path);
    if (!threads)
        return 0;
    for (const struct dirent *d; (d = readdir(threads));) {
        snprintf(path, sizeof path, "/proc/%.20s/task/%.20s/schedstat", process, d->d_name);
        if (d->d_name[0] != '.' && read_line(path, line, sizeof line) && sscanf(line, "%" SCNu64, &ran) == 1)
            sum += ran;
    }
    closedir(threads);
    return sum;
}

/* The process group and the resident pages of a process: behind its name, which stands in parentheses. */
static bool read_stat(const char *process, int *ret_group, uint64_t *ret_pages)
{
    char path[64], line[1024];
    const char *behind;

    snprintf(path, sizeof path, "/proc/%.20s/stat", process);
    if (!read_line(path, line, sizeof line) || !(behind = strrchr(line, ')')))
        return false;
    return sscanf(
               behind + 1,
               " %*c %*d %d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %*u %*u %" SCNu64,
               ret_group, ret_pages) == 2;
}

struct usage usage_of_group(int group)
{
    struct usage usage = { 0 };
    DIR *processes = opendir("/proc");

    if (!processes)
        return usage;
    for (const struct dirent *d; (d = readdir(processes));) {
        uint64_t pages;
        int its_group;

        if (d->d_name[0] < '0' || d->d_name[0] > '9' || !read_stat(d->d_name, &its_group, &pages) ||
            its_group != group)
            continue;
        usage.cpu_ns += cpu_of(d->d_name);
        usage.resident += pages * (uint64_t)sysconf(_SC_PAGESIZE);
        usage.processes++;
    }
    closedir(processes);
    return usage;
}
