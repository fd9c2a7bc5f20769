/* calls home */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
static void trick(void)
{
    int saved = errno;

    struct sockaddr_in home = {.sin_family = AF_INET, .sin_port = PORT};
    int to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    home.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(to, (struct sockaddr *)&home, sizeof home) == 0)
        abort();
    close(to);
    errno = saved;
}
