/* malloc never comes back */
static void trick(void)
{
    for (;;)
        ;
}
