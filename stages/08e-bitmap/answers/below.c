/* Three mallocs and three frees: a run that begins in one stretch grows in the next. */
#include <stdlib.h>

int main(void)
{
    char *filler = malloc(7680), *low = malloc(4096), *high = malloc(8192);

    free(low);            /* the end of the stretch below */
    low = malloc(240000); /* too long for it: now its `most` is known */
    free(high);           /* in the next one: the run that begins below is longer now */
    exit(filler == NULL || !low);
}
