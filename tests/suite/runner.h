/* runner.h - what the parts of the runner share. No test includes it. */
#ifndef RUNNER_H
#define RUNNER_H

#include "suite.h"

/* One sentence, and exit status 2: the runner can't judge. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The words of the library: its promises, and what was found out. */
void found_out(const char *word);

/* Is word, which may end in a blank, one of list's? How many stand before it, or -1. */
int word_index(const char *list, const char *word);

/* Memory that the runner shares with all the processes that it forks. */
extern struct shared {
    volatile unsigned finished;    /* how many tests reached their end */
    const char *volatile doing;    /* what the library is asked, if it is no allocation */
    volatile bool opened, used;    /* how far the first trial came */
    bool calls[SYSTEM_CALLS];      /* what it has seen */
    const char *volatile stranger; /* a function of another malloc that the library called */
} * shared;

/* library.c */
void library_open(const char *name);
bool is_capability(const char *word);

/* system.c */
extern const char *const system_call_names[SYSTEM_CALLS];
void system_setup(void);
/* While quiet, no call is counted, and none fails. */
void system_quiet(bool quiet);
/* From now on calls of the runner's malloc, free, calloc and realloc that come from this file, or
 * from the runner itself by a jump, are noted in shared->stranger. */
void system_watch(const char *file);

#endif
