/* Built for another version of the interface. */
#define ABI 0
#define NAME "old_module"
#include "good_module.c"
