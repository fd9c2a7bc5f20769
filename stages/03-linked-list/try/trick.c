/* Frees a block that malloc never gave: a copy of a header inside a payload. A header has 48 bytes
 * on x86-64; data is 16 before its end, free 24. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *real = malloc(200);
    char *last = malloc(16); /* so that the false payload does not lie behind the last chunk */
    char *false_payload = real + 96;

    if (!real || !last)
        return 1;
    memcpy(false_payload - 48, real - 48, 48);
    memcpy(false_payload - 16, &false_payload, sizeof false_payload);
    free(false_payload);
    printf("the false header says that it is %s\n", false_payload[-24] ? "free" : "used");
    free(last);
}
