/* A shared object, but no module. */
extern int nothing_here;
int nothing_here;
