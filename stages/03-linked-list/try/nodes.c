/* A list whose nodes come from posix_memalign, which is libc's own, and are freed from the tail. A
 * correct program: each node is looked at before it is freed, and none after. */
#include <stdio.h>
#include <stdlib.h>

struct node {
    long number;
    long square;
    struct node *next;
};

int main(void)
{
    struct node *nodes[10];
    void *before = malloc(16), *after;

    for (long i = 0; i < 10; i++) {
        if (posix_memalign((void **)&nodes[i], 16, sizeof(struct node)) != 0)
            return 1;
        *nodes[i] = (struct node){.number = i, .square = i * i};
        if (i > 0)
            nodes[i - 1]->next = nodes[i];
    }
    after = malloc(16);
    for (int i = 9; i >= 0; i--) {
        printf("%ld squared is %ld\n", nodes[i]->number, nodes[i]->square);
        free(nodes[i]);
    }
    free(before);
    free(after);
}
