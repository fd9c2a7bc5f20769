/* runner.h - what the parts of the runner share. No test includes it. */
#ifndef RUNNER_H
#define RUNNER_H

#include "suite.h"

/* One sentence, and exit status 2: the runner can't judge. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Starts the program once more, in the surroundings that it needs to judge this library, or run on the
 * other, which may be NULL. Returns the second time. */
void start_again_prepared(char **argv, const char *so, const char *on);

/* The words of the library: its promises, as they were given, and what was found out. */
extern char promises[];
void take_promises(const char *list);
void found_out(const char *word);
const char *next_word(const char *list);

/* Is word, which may end in a blank, one of list's? How many stand before it, or -1. */
int word_index(const char *list, const char *word);

/* Of the test that runs: what it needs; whether several threads call. */
extern const char *test_needs;
extern bool threads_call;

/* "6 merge": only tests that need merge are held to invariant 6. Is the one that runs held to it? */
void take_later(const char *text);
bool invariant_counts(int invariant);

/* Memory that the runner shares with all the processes that it forks. */
extern struct shared {
    volatile unsigned finished;        /* how many tests reached their end */
    const char *volatile doing;        /* what the library is asked, if it is no allocation */
    volatile bool opened, used;        /* how far the first trial came */
    volatile bool calls[SYSTEM_CALLS]; /* what it has seen */
    const char *volatile stranger;     /* a function of another malloc that the library called */
} * shared;
void shared_setup(void);

/* library.c */
void library_open(const char *name);
/* From now on the tests call it through a recorder, scripts/record.d, given by its real path. Each of
 * their processes leaves a recording: see RECORD_FILE there. */
void library_record(const char *recorder);
bool is_capability(const char *word);
extern bool half_written; /* somebody's work of today: all that is wrong is for the tests to say */

/* witness.c */
/* From now on what the tests do is noted; closely: the heap too. A test that came to no end before is
 * not waited for as long. Call number stop, if it isn't 0, is where a debugger finds witness_stop. */
void witness_begin(bool closely, bool hung_before, unsigned stop);
void witness_test_begins(void);
void witness_test_ends(void);
/* The test forks a child that is to die in a call; in the child; and it died rightly. The call is noted
 * as if the test had made it, and forgotten when that was right. */
void witness_death_begins(void);
void witness_dying(void);
void witness_died(void);
bool witness_hung(void);
void witness_tell(const char *said);

/* system.c */
extern const char *const system_call_names[SYSTEM_CALLS];
void system_setup(void);
/* While quiet, no call is counted, and none fails. */
void system_quiet(bool quiet);
/* From now on calls of the runner's malloc, free, calloc and realloc that come from this file, or
 * from the runner itself by a jump, are noted in shared->stranger. */
void system_watch(const char *file);

/* The runner itself runs on this library, preloaded. From now on what that calls of the system neither
 * counts nor fails. */
void host_begins(const char *file);
/* How often it was asked for memory, and what its heap check says at the end: see heap_faults. */
unsigned long host_calls(void);
const char *host_faults(void);

#endif
