/* eas/compose_page.h - rows that shall be sent, fetched and rendered together, and the position moved behind each.
 * Private to compose. */
#ifndef EAS_COMPOSE_PAGE_H
#define EAS_COMPOSE_PAGE_H

#include "eas/compose.h"
#include "eas/mirror.h"

/* How the position moves once a row was looked at (sent or not), or at the end of a step. */
enum page_after {
	PAGE_CUT = 1,       /* the cut-off goes to (date, id + 1) */
	PAGE_CUT_DOWN = 2,  /* the cut-off goes to (date, id) */
	PAGE_C = 4,         /* c goes to the row's seq */
	PAGE_A = 8,         /* a goes to the row's created_seq */
	PAGE_AGAIN = 16,    /* it leaves `again`; where it was there, the answer confirms it */
	PAGE_HOLE = 32,     /* if it cannot be sent it becomes a hole */
	PAGE_FILLS = 64,    /* if it can, it is a hole no more */
	PAGE_TOLD = 128,    /* if it can, the answer confirms it */
	PAGE_FORCED = 256,  /* beyond the window, too */
	PAGE_CUT_TO = 512,  /* steps without a row */
	PAGE_C_TO = 1024,
	PAGE_A_TO = 2048,
};

struct planned {
	enum compose_kind kind;
	unsigned after;
	bool send;              /* false: only passed */
	struct state_item row;  /* or the values of a step: date, id, seq */
	enum err err;           /* of fetching or rendering */
	const char *why;        /* it cannot be sent, for the admin; NULL: not asked yet */
	bool fetched, went;     /* went: it is in the answer, with what was fetched */
	bool listed, gone;      /* it was missing, and a look says that it is there, or not */
	bool later;             /* it was fetched for its date alone, as the window seemed to be full */
	struct slice rendered;
	unsigned page_after;    /* code page */
};

struct page {
	struct compose *c;
	struct planned *list;
	size_t n, room;
	struct idset sent;      /* items whose Add or Change is in the answer */
	int64_t edge_date, edge_id; /* the cut-off that an item without a date is held against once it was fetched */
	bool outside;           /* some lay outside */
	struct mirror_date *dates; /* of those since the last flush */
	size_t n_dates, dates_room;
	unsigned looks;         /* at the backend, as an item was not there */
	bool failed;            /* memory */
};

void page_init(struct page *p, struct compose *c);
void page_add(struct page *p, enum compose_kind kind, const struct state_item *row, unsigned after);
void page_pass(struct page *p, const struct state_item *row, unsigned after);
void page_step(struct page *p, enum page_after what, int64_t to, int64_t id);
/* How many rows to read next, of which as many as the window still takes can be sent. */
size_t page_reach(const struct page *p);
/* Fetches, renders and writes what was planned, until the window or the bytes are full; the plan is empty
 * afterwards. */
enum err page_flush(struct page *p, struct error *e) NODISCARD;
enum err page_read_row(struct compose *c, int64_t id, struct state_items *rows_r, struct error *e) NODISCARD;

#endif
