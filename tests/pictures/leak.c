/* A server that forgets one small block for each request. */
#include <stdlib.h>

enum { REQUESTS = 120 };

static char *read_request(int number)
{
    return malloc(200 + (size_t)number % 7 * 40);
}

static char *write_answer(int number)
{
    return malloc(300 + (size_t)number % 5 * 60);
}

/* Nobody ever gives this back. */
static void note_in_log(void)
{
    char *line = malloc(40);

    if (line)
        line[0] = 0;
}

int main(void)
{
    for (int i = 0; i < REQUESTS; i++) {
        char *request = read_request(i), *answer = write_answer(i);

        note_in_log();
        free(request);
        free(answer);
    }
    return 0;
}
