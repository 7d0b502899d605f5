/* Would a Sync send something? The same steps, without fetching and rendering. */
#include "eas/sync_collection.h"

enum err
sync_would_send(struct eas_request *r, const struct state_folder *f, const struct state_collection *stored,
	unsigned *adds_r, unsigned *changes_r, struct error *e)
{
	const struct state_answer *newest = key_newest(stored);
	const struct item_class *class = item_class((enum backend_class)f->class);
	struct state_folder folder = *f;
	struct item_options options;
	struct idset added, touched;
	struct compose k;
	struct buf none;
	enum err err;

	*adds_r = *changes_r = 0;
	if (!newest || !class || !sync_options_parse(r->arena, stored->options, &options))
		return ERR_OK;
	idset_init(&added, r->arena);
	idset_init(&touched, r->arena);
	buf_init(&none, 1);
	k = (struct compose){ .r = r, .folder = &folder, .class = class, .view = { .options = &options },
		.me = stored->epoch,
		.target = sync_filter_date(class->class, options.filter), .get_changes = true, .looked = true,
		.window = UINT32_MAX,
		.dry = true, .probe = true,
		.added = &added, .touched = &touched, .out = &none };
	position_load(&k.pos, r->arena, &newest->pos);
	idset_load(&k.told, r->arena, newest->told, newest->n_told);
	err = compose(&k, e);
	*adds_r = k.n_adds;
	*changes_r = k.n_changes;
	return err;
}
