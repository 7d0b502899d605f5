/* t/unit/eas/model_phone.h - a phone of the model's runs. Private to model.c and model_phone.c. */
#ifndef T_UNIT_EAS_MODEL_PHONE_H
#define T_UNIT_EAS_MODEL_PHONE_H

#include "model.h"

#define PHONE_ITEMS 512
#define PHONE_COMMANDS 16
#define PHONE_CHANGES 64

struct phone_command {
	enum { VERB_ADD = 1, VERB_CHANGE, VERB_DELETE } verb;
	char client[24];    /* Add */
	int64_t item;       /* Change, Delete */
	int64_t x, y;       /* Add: both; Change: the one that `field` names */
	char field;         /* 'x', 'y' */
	int64_t date;       /* days; -1: not sent */
};

struct phone_held {
	int64_t item, x, y;
	bool told;          /* as the server told it last, not as the phone made or changed it since */
};

/* One answer, as far as the phone cares. */
struct phone_answer {
	bool retry;         /* try again later */
	unsigned status;    /* of the collection */
	char key[64];
	bool more;
	struct phone_response {
		char client[24];
		int64_t item;
		unsigned status;
	} responses[PHONE_COMMANDS];
	size_t n_responses;
	struct phone_change {
		char kind;      /* 'a', 'c', 'd', 's' */
		int64_t item, x, y;
	} changes[PHONE_CHANGES];
	size_t n_changes;
};

struct phone {
	const char *name;
	struct world *world;
	struct rng *rng;
	int64_t folder;
	unsigned filter;    /* FilterType */
	bool calm;
	char key[64];
	struct phone_held items[PHONE_ITEMS];
	size_t n_items;
	int64_t dropped[PHONE_ITEMS], refused[PHONE_ITEMS];
	size_t n_dropped, n_refused;
	struct phone_command pending[PHONE_COMMANDS];
	size_t n_pending;
	bool waiting;       /* for the answer to `pending` */
	char *why;          /* what broke; "" */
	size_t why_size;
};

/* What a run does between its requests, and around them. */
struct phone_trouble {
	bool die;           /* arm the death of the process in this request */
	bool twice, lost;
};

void phone_reset(struct phone *p);
struct phone_held *phone_find(struct phone *p, int64_t item);
/* New commands, or what it says when it tries again. today: days. */
void phone_compose(struct phone *p, int64_t today);
void phone_repeat(struct phone *p, int64_t today);
/* One request and its answer. */
void phone_ask(struct phone *p, bool getchanges, bool client_wins, struct phone_answer *answer_r);
/* Believes an answer; true: there is more to do. Sets why where the answer cannot be believed. */
bool phone_take(struct phone *p, const struct phone_answer *answer);
void phone_fail(struct phone *p, const char *what, int64_t item);

#endif
