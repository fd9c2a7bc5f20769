/* Frees a block that malloc never gave: a copy of a header inside a payload, with its mark made to
 * fit. A header has 48 bytes on x86-64; free is 24 before its end, the mark 16. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *real = malloc(200);
    char *last = malloc(16); /* so that the false payload does not lie behind the last chunk */
    char *false_payload = real + 96;
    uintptr_t mark;

    if (!real || !last)
        return 1;
    memcpy(false_payload - 48, real - 48, 48);
    memcpy(&mark, real - 16, sizeof mark);
    mark ^= (uintptr_t)(real - 48) ^ (uintptr_t)(false_payload - 48);
    memcpy(false_payload - 16, &mark, sizeof mark);
    free(false_payload);
    printf("the false header says that it is %s\n", false_payload[-24] ? "free" : "used");
    free(last);
}
