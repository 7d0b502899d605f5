/* The example messages of t/data/wbxml and their XML, parsed by expat into a tree to compare with. */
#ifndef T_WBXML_SAMPLE_H
#define T_WBXML_SAMPLE_H

#include "base/arena.h"
#include "base/buf.h"

struct sample {
	const char *name;
	struct slice wbxml; /* with nothing behind it that may be read */
	struct slice xml;
};

/* An element; its text is that of all pieces together. */
struct xml_node {
	struct xml_node *parent, *child, *last, *next;
	const char *page; /* its namespace */
	const char *name;
	const char *opaque; /* "text" or "hex": the attribute that marks opaque data; NULL without */
	struct buf text;
};

/* All of them, in the order of their names. Exits with a message if there is anything wrong with the files. */
const struct sample *samples(size_t *count_r);
void samples_free(void);

/* NULL if it is not well-formed. The tree and its texts live in the arena. */
struct xml_node *xml_parse(struct arena *a, struct slice in);

#endif
