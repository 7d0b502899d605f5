#include "eas/rule.h"

#ifdef CPUSH_FAILPOINTS
unsigned rules_off;
_Bool rule_die;
#endif
