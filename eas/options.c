/* Options of a collection or of a Fetch [MS-ASCMD 2.2.3.125], and what they mean where they say nothing. */
#include "eas/item.h"

static bool
ranged(const struct wbxml_node *node, unsigned tag, int64_t fallback, int64_t max, unsigned *v_r)
{
	int64_t v = wbxml_int(node, tag, fallback, -1);

	if (v < 0 || v > max)
		return false;
	*v_r = (unsigned)v;
	return true;
}

static bool
parse_pref(const struct wbxml_node *node, struct item_body_pref *p_r)
{
	unsigned truncation;

	*p_r = (struct item_body_pref){ .truncation = UINT32_MAX };
	if (!ranged(node, AirSyncBase_Type, -1, 4, &p_r->type) || p_r->type == 0)
		return false;
	if (!ranged(node, AirSyncBase_Preview, 0, 255, &p_r->preview))
		return false;
	if (!ranged(node, AirSyncBase_TruncationSize, UINT32_MAX, UINT32_MAX, &truncation))
		return false;
	p_r->truncation = truncation;
	/* AllOrNone says nothing without a TruncationSize [MS-ASAIRS 2.2.2.3]. */
	p_r->all_or_none = truncation != UINT32_MAX && wbxml_bool(node, AirSyncBase_AllOrNone, false);
	return true;
}

/* One per Type; the first counts. */
static bool
add_pref(const struct wbxml_node *node, struct item_body_pref *list, unsigned *n, unsigned max)
{
	struct item_body_pref p;

	if (!parse_pref(node, &p))
		return false;
	for (unsigned i = 0; i < *n; i++) {
		if (list[i].type == p.type)
			return true;
	}
	if (*n < max)
		list[(*n)++] = p;
	return true;
}

bool
item_options_parse(const struct wbxml_node *options, struct item_options *o_r)
{
	*o_r = (struct item_options){ 0 };
	if (!ranged(options, AirSync_FilterType, 0, 8, &o_r->filter)
		|| !ranged(options, AirSync_Conflict, 1, 1, &o_r->conflict)
		|| !ranged(options, AirSync_MIMESupport, 0, 2, &o_r->mime_support)
		|| !ranged(options, AirSync_MIMETruncation, 8, 8, &o_r->mime_truncation)
		|| !ranged(options, AirSync_MaxItems, 0, INT32_MAX, &o_r->max_items))
		return false;
	for (const struct wbxml_node *n = options ? options->child : NULL; n; n = n->next) {
		if (n->tag == AirSyncBase_BodyPreference
			&& !add_pref(n, o_r->prefs, &o_r->n_prefs, ARRAY_LEN(o_r->prefs)))
			return false;
		if (n->tag == AirSyncBase_BodyPartPreference
			&& !add_pref(n, o_r->part_prefs, &o_r->n_part_prefs, ARRAY_LEN(o_r->part_prefs)))
			return false;
	}
	return true;
}

bool
item_options_parts_ok(const struct wbxml_node *options, unsigned version)
{
	const struct wbxml_node *n = version < 141 ? NULL : wbxml_child(options, AirSyncBase_BodyPartPreference);

	for (; n; n = wbxml_next(n, AirSyncBase_BodyPartPreference)) {
		if (wbxml_int(n, AirSyncBase_Type, 2, -1) != 2)
			return false;
	}
	return true;
}
