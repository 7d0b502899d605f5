#include "eas/item.h"

const struct item_class *
item_class(enum backend_class class)
{
	switch (class) {
	case BACKEND_MAIL:
		return &item_mail;
	case BACKEND_CALENDAR:
		return &item_calendar;
	case BACKEND_TASKS:
		return &item_tasks;
	case BACKEND_CONTACTS:
		return &item_contacts;
	case BACKEND_NOTES:
		return NULL;
	}
	return NULL;
}

bool
item_is_ghosted(const struct item_supported *s, unsigned tag)
{
	if (!s || !s->sent)
		return false;
	for (size_t i = 0; i < s->n; i++)
		if (s->tags[i] == tag)
			return false;
	return true;
}
