/* t/unit/eas/model_class.h - a class of items for the model's runs: two fields and a date, as lines of text.
 *
 * It stands in for all classes of the product (it is linked instead of eas/item.c), so that the engine is tested by itself. On the wire x is
 * Calendar:Subject, y Calendar:Location, the date (days) Calendar:UID, which is sent by phones only.
 * A y below 0 cannot be kept.
 */
#ifndef T_UNIT_EAS_MODEL_CLASS_H
#define T_UNIT_EAS_MODEL_CLASS_H

#include "eas/item.h"

#define MODEL_DAY 86400

struct model_content {
	int64_t x, y; /* y counts what the server added (X-MEM-REWRITTEN), 1000 each */
	int64_t date; /* days since 1970 */
};

/* buf has MODEL_BYTES bytes. */
#define MODEL_BYTES 128
const char *model_bytes(const struct model_content *c, char *buf);
struct model_content model_parse(struct slice bytes);
/* Says of a key that its item cannot be translated. */
extern bool (*model_unreadable)(const char *key);
extern enum err model_refusal; /* how: INVALID */

#endif
