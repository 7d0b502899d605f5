/* eas/contacts.h - what the parts of the contacts mapping share. Private to eas/contacts*.c.
 *
 * A *field* is an element of EAS, a *slot* what one or more properties of a vCard stand for. contact_slots() gives each
 * property of a card its slot, from what the card says alone, so that the same card gives the same fields each time.
 * Fields name a slot and a place in it: the n-th property, or a part of the first one. Properties without a slot are
 * never touched.
 */
#ifndef EAS_CONTACTS_H
#define EAS_CONTACTS_H

#include "eas/item.h"
#include "eas/vcard.h"

#define CONTACT_LIST_MAX 300                /* Category and Child: MS-ASCNTC_R183, R194 */
#define CONTACT_PICTURE_MAX (48u * 1024)    /* of base64: MS-ASCNTC_R381 */
#define CONTACT_DATE_SIZE sizeof "1980-05-17"
#define CONTACT_NO_YEAR 1604                /* how Apple writes a birthday without a year; a leap year */

enum slot {
	SLOT_NONE,
	SLOT_N, SLOT_ORG, SLOT_ADR_HOME, SLOT_ADR_WORK, SLOT_ADR_OTHER,
	SLOT_EMAIL, SLOT_IM,
	SLOT_TEL_HOME, SLOT_TEL_WORK, SLOT_TEL_MOBILE, SLOT_FAX_HOME, SLOT_FAX_WORK, SLOT_TEL_PAGER, SLOT_TEL_CAR,
	SLOT_TEL_RADIO, SLOT_TEL_ASSISTANT, SLOT_TEL_COMPANY, SLOT_TEL_MMS,
	SLOT_BIRTHDAY, SLOT_ANNIVERSARY,
	SLOT_JOB, SLOT_NICKNAME, SLOT_URL, SLOT_SPOUSE, SLOT_ASSISTANT, SLOT_MANAGER, SLOT_CHILD,
	SLOT_YOMI_FIRST, SLOT_YOMI_LAST, SLOT_YOMI_COMPANY,
	SLOT_CUSTOMER, SLOT_GOVERNMENT, SLOT_ACCOUNT,
	SLOT_FILEAS, SLOT_CATEGORIES, SLOT_NOTE, SLOT_PHOTO,
	SLOTS,
};

/* Of a mark, beside its slot: */
#define CONTACT_GUEST 0x100u /* belongs to another slot that is full, and stands behind this one's own */
#define CONTACT_SPARE 0x200u /* there is no place left for it */

enum field_kind { FIELD_PART, FIELD_VALUE, FIELD_DATE, FIELD_FILEAS };

enum contact_id {
	C_TITLE, C_FIRST, C_MIDDLE, C_LAST, C_SUFFIX, C_FILEAS, C_YOMI_FIRST, C_YOMI_LAST, C_YOMI_COMPANY, C_COMPANY,
	C_DEPARTMENT, C_JOB, C_OFFICE, C_EMAIL1, C_EMAIL2, C_EMAIL3, C_MOBILE, C_HOME, C_HOME2, C_BUSINESS,
	C_BUSINESS2, C_HOME_FAX, C_BUSINESS_FAX, C_PAGER, C_CAR, C_RADIO, C_ASSISTANT_PHONE, C_HOME_STREET,
	C_HOME_CITY, C_HOME_STATE, C_HOME_CODE, C_HOME_COUNTRY, C_BUSINESS_STREET, C_BUSINESS_CITY, C_BUSINESS_STATE,
	C_BUSINESS_CODE, C_BUSINESS_COUNTRY, C_OTHER_STREET, C_OTHER_CITY, C_OTHER_STATE, C_OTHER_CODE,
	C_OTHER_COUNTRY, C_BIRTHDAY, C_ANNIVERSARY, C_SPOUSE, C_ASSISTANT, C_WEB, C_CUSTOMER, C_GOVERNMENT, C_IM1,
	C_IM2, C_IM3, C_MANAGER, C_COMPANY_PHONE, C_ACCOUNT, C_NICKNAME, C_MMS,
	C_FIELDS,
};

struct contact_field {
	unsigned tag;
	enum field_kind kind;
	enum slot slot;
	unsigned index; /* PART: of the value; VALUE: which property of the slot */
};

extern const struct contact_field contact_fields[C_FIELDS];

/* A contact as EAS sees it. Nothing in it is NULL; dates are YYYY-MM-DD. */
struct contact {
	const char *text[C_FIELDS];
	const char **children;
	const char **categories;
	const char *note;
	struct slice picture; /* decoded; empty where there is none, or none that a phone can have */
	bool borrowed_name;   /* the last name is what FN says: the card has no N */
};

/* Sets the mark of every property to its slot. Where there are more than have a place, those that are preferred come
 * first, and telephones go where there is a place left. */
void contact_slots(struct vcard *v);
/* The properties of a slot that have a place, its own in the order of the card and then its guests, at most max of
 * them; how many. */
size_t contact_props(const struct vcard *v, enum slot slot, struct vcard_prop **props, size_t max);
struct vcard_prop *contact_prop(const struct vcard *v, enum slot slot);
/* How many properties of the slot have a field. */
size_t contact_slot_size(enum slot slot);
/* A new property for the slot, where other clients look for it too. NULL where memory is short. */
struct vcard_prop *contact_new_prop(struct vcard *v, enum slot slot, const char *escaped);

/* What one property of a slot says to a phone, cleaned; "" where that is nothing. */
const char *contact_value(struct vcard *v, const struct vcard_prop *p, enum slot slot);
/* The same as its field says it: of dates the day. */
const char *contact_field_value(struct vcard *v, const struct vcard_prop *p, const struct contact_field *f);
/* One of the properties for instant messaging from before IMPP? */
bool contact_is_old_im(const struct vcard_prop *p);
/* Without CR, controls, and space at both ends. NULL gives "". */
const char *contact_clean(struct arena *a, const char *text);
/* name@host out of `Name <name@host>`; else as it is. */
const char *contact_address(struct arena *a, const char *text);
/* Fills *c_r from a card whose slots are set. ERR_NOMEM. */
enum err contact_read(struct vcard *v, struct contact *c_r) NODISCARD;

/* YYYY-MM-DD of what a card says (the year CONTACT_NO_YEAR where it has none); "" where it says no full day. */
const char *contact_date_of_card(struct arena *a, const char *value);
/* The same of what a phone sent; false if it is no date. */
bool contact_date_of_phone(const char *value, char date_r[CONTACT_DATE_SIZE]);
/* Writes the date into the property as its version has it. */
void contact_date_set(struct vcard *v, struct vcard_prop *p, const char *date);

/* What FN should be for it: how the old one was made from the old name, if that can be seen. fn: "" unknown. Never
 * "". */
const char *contact_full_name(struct arena *a, const struct contact *old, const char *fn, const struct contact *c);
/* FN of a contact without a name. */
const char *contact_nameless(const struct contact *c);
bool contact_has_name(const struct contact *c);
/* What an old filing string becomes under a new name, where it was made from the old one; else the same. */
const char *contact_refile(struct arena *a, const struct contact *old, const char *fileas, const struct contact *c);

/* Makes the card say what `want` says where that differs from `old`. True if anything did. */
bool contact_apply(struct vcard *v, const struct contact *old, const struct contact *want);

#endif
