/* 300 blocks of 2 MiB; then every second one is freed. Tells how many mappings came by that. */
#include <stdio.h>
#include <stdlib.h>

static int count_mappings(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    int lines = 0;

    for (int c; file && (c = getc(file)) != EOF;)
        lines += c == '\n';
    if (file)
        fclose(file);
    return lines;
}

int main(void)
{
    static void *blocks[300];
    int start = count_mappings();

    for (int i = 0; i < 300; i++)
        blocks[i] = malloc(2 << 20);
    printf("300 blocks: %d more\n", count_mappings() - start);
    for (int i = 0; i < 300; i += 2)
        free(blocks[i]);
    printf("150 blocks: %d more\n", count_mappings() - start);
}
