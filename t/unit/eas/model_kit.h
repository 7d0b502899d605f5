/* t/unit/eas/model_kit.h - items of the model's class in a test of Sync. */
#ifndef T_UNIT_EAS_MODEL_KIT_H
#define T_UNIT_EAS_MODEL_KIT_H

#include "model_class.h"
#include "sync_kit.h"

#define FOLDER "calendar"

/* Somebody makes or changes an item; age in days. */
void other_puts(const char *item_key, int64_t x, int64_t y, int64_t age);
/* What the backend holds of it. */
struct model_content stored(const char *item_key);
size_t stored_count(void);
/* The i-th item, oldest first. */
struct model_content stored_at(size_t i);

void ask_add(const char *client, int64_t x, int64_t y);
/* field: 'x' or 'y'. */
void ask_change(int64_t folder, int64_t item, char field, int64_t value);
void ask_delete(int64_t folder, int64_t item);
void ask_fetch(int64_t folder, int64_t item);
/* A Sync of one collection with these commands: ask_sync, ask_collection(key), options, Commands open. */
void ask_with_commands(int64_t folder, int conflict);
/* x of the Add or Change that was told of the item; -1: none. */
int64_t told_x(int64_t folder, int64_t item);
int64_t told_y(int64_t folder, int64_t item);

#endif
