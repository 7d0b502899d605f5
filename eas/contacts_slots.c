/* eas/contacts_slots.c - which property of a vCard is which field, as the programs of this world write them. */
#include <string.h>

#include "base/text.h"
#include "eas/contacts.h"

#define PART(id, element, s, i) [id] = { element, FIELD_PART, s, i }
#define VALUE(id, element, s, i) [id] = { element, FIELD_VALUE, s, i }

const struct contact_field contact_fields[C_FIELDS] = {
	PART(C_LAST, Contacts_LastName, SLOT_N, 0),
	PART(C_FIRST, Contacts_FirstName, SLOT_N, 1),
	PART(C_MIDDLE, Contacts_MiddleName, SLOT_N, 2),
	PART(C_TITLE, Contacts_Title, SLOT_N, 3),
	PART(C_SUFFIX, Contacts_Suffix, SLOT_N, 4),
	[C_FILEAS] = { Contacts_FileAs, FIELD_FILEAS, SLOT_FILEAS, 0 },
	VALUE(C_YOMI_FIRST, Contacts_YomiFirstName, SLOT_YOMI_FIRST, 0),
	VALUE(C_YOMI_LAST, Contacts_YomiLastName, SLOT_YOMI_LAST, 0),
	VALUE(C_YOMI_COMPANY, Contacts_YomiCompanyName, SLOT_YOMI_COMPANY, 0),
	PART(C_COMPANY, Contacts_CompanyName, SLOT_ORG, 0),
	PART(C_DEPARTMENT, Contacts_Department, SLOT_ORG, 1),
	VALUE(C_JOB, Contacts_JobTitle, SLOT_JOB, 0),
	PART(C_OFFICE, Contacts_OfficeLocation, SLOT_ADR_WORK, 1),
	VALUE(C_EMAIL1, Contacts_Email1Address, SLOT_EMAIL, 0),
	VALUE(C_EMAIL2, Contacts_Email2Address, SLOT_EMAIL, 1),
	VALUE(C_EMAIL3, Contacts_Email3Address, SLOT_EMAIL, 2),
	VALUE(C_MOBILE, Contacts_MobilePhoneNumber, SLOT_TEL_MOBILE, 0),
	VALUE(C_HOME, Contacts_HomePhoneNumber, SLOT_TEL_HOME, 0),
	VALUE(C_HOME2, Contacts_Home2PhoneNumber, SLOT_TEL_HOME, 1),
	VALUE(C_BUSINESS, Contacts_BusinessPhoneNumber, SLOT_TEL_WORK, 0),
	VALUE(C_BUSINESS2, Contacts_Business2PhoneNumber, SLOT_TEL_WORK, 1),
	VALUE(C_HOME_FAX, Contacts_HomeFaxNumber, SLOT_FAX_HOME, 0),
	VALUE(C_BUSINESS_FAX, Contacts_BusinessFaxNumber, SLOT_FAX_WORK, 0),
	VALUE(C_PAGER, Contacts_PagerNumber, SLOT_TEL_PAGER, 0),
	VALUE(C_CAR, Contacts_CarPhoneNumber, SLOT_TEL_CAR, 0),
	VALUE(C_RADIO, Contacts_RadioPhoneNumber, SLOT_TEL_RADIO, 0),
	VALUE(C_ASSISTANT_PHONE, Contacts_AssistantPhoneNumber, SLOT_TEL_ASSISTANT, 0),
	PART(C_HOME_STREET, Contacts_HomeAddressStreet, SLOT_ADR_HOME, 2),
	PART(C_HOME_CITY, Contacts_HomeAddressCity, SLOT_ADR_HOME, 3),
	PART(C_HOME_STATE, Contacts_HomeAddressState, SLOT_ADR_HOME, 4),
	PART(C_HOME_CODE, Contacts_HomeAddressPostalCode, SLOT_ADR_HOME, 5),
	PART(C_HOME_COUNTRY, Contacts_HomeAddressCountry, SLOT_ADR_HOME, 6),
	PART(C_BUSINESS_STREET, Contacts_BusinessAddressStreet, SLOT_ADR_WORK, 2),
	PART(C_BUSINESS_CITY, Contacts_BusinessAddressCity, SLOT_ADR_WORK, 3),
	PART(C_BUSINESS_STATE, Contacts_BusinessAddressState, SLOT_ADR_WORK, 4),
	PART(C_BUSINESS_CODE, Contacts_BusinessAddressPostalCode, SLOT_ADR_WORK, 5),
	PART(C_BUSINESS_COUNTRY, Contacts_BusinessAddressCountry, SLOT_ADR_WORK, 6),
	PART(C_OTHER_STREET, Contacts_OtherAddressStreet, SLOT_ADR_OTHER, 2),
	PART(C_OTHER_CITY, Contacts_OtherAddressCity, SLOT_ADR_OTHER, 3),
	PART(C_OTHER_STATE, Contacts_OtherAddressState, SLOT_ADR_OTHER, 4),
	PART(C_OTHER_CODE, Contacts_OtherAddressPostalCode, SLOT_ADR_OTHER, 5),
	PART(C_OTHER_COUNTRY, Contacts_OtherAddressCountry, SLOT_ADR_OTHER, 6),
	[C_BIRTHDAY] = { Contacts_Birthday, FIELD_DATE, SLOT_BIRTHDAY, 0 },
	[C_ANNIVERSARY] = { Contacts_Anniversary, FIELD_DATE, SLOT_ANNIVERSARY, 0 },
	VALUE(C_SPOUSE, Contacts_Spouse, SLOT_SPOUSE, 0),
	VALUE(C_ASSISTANT, Contacts_AssistantName, SLOT_ASSISTANT, 0),
	VALUE(C_WEB, Contacts_WebPage, SLOT_URL, 0),
	VALUE(C_CUSTOMER, Contacts2_CustomerId, SLOT_CUSTOMER, 0),
	VALUE(C_GOVERNMENT, Contacts2_GovernmentId, SLOT_GOVERNMENT, 0),
	VALUE(C_IM1, Contacts2_IMAddress, SLOT_IM, 0),
	VALUE(C_IM2, Contacts2_IMAddress2, SLOT_IM, 1),
	VALUE(C_IM3, Contacts2_IMAddress3, SLOT_IM, 2),
	VALUE(C_MANAGER, Contacts2_ManagerName, SLOT_MANAGER, 0),
	VALUE(C_COMPANY_PHONE, Contacts2_CompanyMainPhone, SLOT_TEL_COMPANY, 0),
	VALUE(C_ACCOUNT, Contacts2_AccountName, SLOT_ACCOUNT, 0),
	VALUE(C_NICKNAME, Contacts2_NickName, SLOT_NICKNAME, 0),
	VALUE(C_MMS, Contacts2_MMS, SLOT_TEL_MMS, 0),
};

/* Properties whose name alone says what they are; the first row of a slot is how cpush writes a new one. */
static const struct name_row {
	const char *name;
	enum slot slot;
} names[] = {
	{ "N", SLOT_N },
	{ "ORG", SLOT_ORG },
	{ "EMAIL", SLOT_EMAIL },
	{ "TITLE", SLOT_JOB },
	{ "NICKNAME", SLOT_NICKNAME },
	{ "URL", SLOT_URL },
	{ "NOTE", SLOT_NOTE },
	{ "PHOTO", SLOT_PHOTO },
	{ "BDAY", SLOT_BIRTHDAY },
	{ "CATEGORIES", SLOT_CATEGORIES },
	{ "X-ANNIVERSARY", SLOT_ANNIVERSARY },
	{ "ANNIVERSARY", SLOT_ANNIVERSARY },
	{ "X-EVOLUTION-ANNIVERSARY", SLOT_ANNIVERSARY },
	{ "X-MS-ANNIVERSARY", SLOT_ANNIVERSARY },
	{ "X-KADDRESSBOOK-X-ANNIVERSARY", SLOT_ANNIVERSARY },
	{ "X-SPOUSE", SLOT_SPOUSE },
	{ "X-EVOLUTION-SPOUSE", SLOT_SPOUSE },
	{ "X-MS-SPOUSE", SLOT_SPOUSE },
	{ "X-KADDRESSBOOK-X-SPOUSESNAME", SLOT_SPOUSE },
	{ "X-ASSISTANT", SLOT_ASSISTANT },
	{ "X-EVOLUTION-ASSISTANT", SLOT_ASSISTANT },
	{ "X-MS-ASSISTANT", SLOT_ASSISTANT },
	{ "X-KADDRESSBOOK-X-ASSISTANTSNAME", SLOT_ASSISTANT },
	{ "X-MANAGER", SLOT_MANAGER },
	{ "X-EVOLUTION-MANAGER", SLOT_MANAGER },
	{ "X-MS-MANAGER", SLOT_MANAGER },
	{ "X-KADDRESSBOOK-X-MANAGERSNAME", SLOT_MANAGER },
	{ "X-MS-CHILD", SLOT_CHILD },
	{ "X-CHILDREN", SLOT_CHILD },
	{ "X-PHONETIC-FIRST-NAME", SLOT_YOMI_FIRST },
	{ "X-PHONETIC-LAST-NAME", SLOT_YOMI_LAST },
	{ "X-PHONETIC-ORG", SLOT_YOMI_COMPANY },
	{ "X-CUSTOMER-ID", SLOT_CUSTOMER },
	{ "X-GOVERNMENT-ID", SLOT_GOVERNMENT },
	{ "X-ACCOUNT-NAME", SLOT_ACCOUNT },
	{ "X-MS-FILEAS", SLOT_FILEAS },
	{ "X-EVOLUTION-FILE-AS", SLOT_FILEAS },
	{ "X-MMS", SLOT_TEL_MMS },
};

/* Instant messaging from before IMPP; Apple writes both, so these count only where the card has no IMPP. */
static const char *const im_names[] = { "X-MS-IMADDRESS", "X-JABBER", "X-SKYPE", "X-SKYPE-USERNAME", "X-AIM", "X-ICQ",
	"X-MSN", "X-YAHOO", "X-GOOGLE-TALK", "X-GADUGADU", "X-GROUPWISE", "X-SAMETIME", "X-SIP", "X-QQ", "X-MATRIX" };

/* A TYPE, or what its label calls it. */
static bool
called(const struct vcard_prop *p, const char *label, const char *type)
{
	return vcard_has_type(p, type) || text_casecmp(label, type) == 0;
}

static const struct tel_row {
	const char *type;
	enum slot slot;
} tels[] = {
	/* More special ones first: an assistant's phone is a work phone too. */
	{ "x-assistant", SLOT_TEL_ASSISTANT }, { "assistant", SLOT_TEL_ASSISTANT },
	{ "AssistantPhone", SLOT_TEL_ASSISTANT }, { "x-evolution-assistant", SLOT_TEL_ASSISTANT },
	{ "x-company", SLOT_TEL_COMPANY }, { "x-evolution-company", SLOT_TEL_COMPANY }, { "main", SLOT_TEL_COMPANY },
	{ "x-radio", SLOT_TEL_RADIO }, { "x-evolution-radio", SLOT_TEL_RADIO }, { "radio", SLOT_TEL_RADIO },
	{ "x-mms", SLOT_TEL_MMS },
	{ "x-evolution-callback", SLOT_NONE }, { "x-evolution-telex", SLOT_NONE }, { "x-evolution-ttytdd", SLOT_NONE },
	{ "modem", SLOT_NONE }, { "bbs", SLOT_NONE }, { "isdn", SLOT_NONE }, { "textphone", SLOT_NONE },
	{ "car", SLOT_TEL_CAR }, { "pager", SLOT_TEL_PAGER },
	{ "homefax", SLOT_FAX_HOME }, { "workfax", SLOT_FAX_WORK },
};

#define TEL_ANY SLOTS          /* no type that says where: takes what is left, in the second pass */
#define TEL_ANY_FAX (SLOTS + 1)

static unsigned
tel_slot(struct vcard *v, const struct vcard_prop *p)
{
	const char *label = vcard_label(v, p);
	for (size_t i = 0; i < ARRAY_LEN(tels); i++)
		if (called(p, label, tels[i].type))
			return tels[i].slot;
	bool home = called(p, label, "home"), work = called(p, label, "work");
	if (vcard_has_type(p, "fax"))
		return work ? SLOT_FAX_WORK : home ? SLOT_FAX_HOME : TEL_ANY_FAX;
	if (vcard_has_type(p, "cell") || vcard_has_type(p, "iphone") || called(p, label, "mobile"))
		return SLOT_TEL_MOBILE;
	return work ? SLOT_TEL_WORK : home ? SLOT_TEL_HOME : TEL_ANY;
}

/* A person's name, not a link to another card. */
static bool
is_name(struct vcard *v, const struct vcard_prop *p)
{
	const char *kind = vcard_param(p, "VALUE");
	const char *text = vcard_value(v, p);
	return !(kind && text_casecmp(kind, "uri") == 0) && !text_casestarts(text, "urn:") && !strstr(text, "://");
}

static enum slot
related_slot(struct vcard *v, const struct vcard_prop *p)
{
	const char *label = vcard_label(v, p);
	if (!is_name(v, p))
		return SLOT_NONE;
	if (called(p, label, "spouse"))
		return SLOT_SPOUSE;
	if (called(p, label, "child"))
		return SLOT_CHILD;
	if (called(p, label, "agent") || called(p, label, "assistant") || called(p, label, "x-assistant"))
		return SLOT_ASSISTANT;
	return called(p, label, "x-manager") || called(p, label, "manager") ? SLOT_MANAGER : SLOT_NONE;
}

static enum slot
adr_slot(struct vcard *v, const struct vcard_prop *p)
{
	const char *label = vcard_label(v, p);
	return called(p, label, "work") ? SLOT_ADR_WORK : called(p, label, "home") ? SLOT_ADR_HOME : SLOT_ADR_OTHER;
}

static unsigned
slot_of(struct vcard *v, const struct vcard_prop *p)
{
	if (strcmp(p->name, "ADR") == 0)
		return adr_slot(v, p);
	if (strcmp(p->name, "TEL") == 0)
		return tel_slot(v, p);
	if (strcmp(p->name, "RELATED") == 0 || strcmp(p->name, "X-ABRELATEDNAMES") == 0)
		return related_slot(v, p);
	if (strcmp(p->name, "X-ABDATE") == 0)
		return text_casecmp(vcard_label(v, p), "anniversary") == 0 ? SLOT_ANNIVERSARY : SLOT_NONE;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(p->name, names[i].name) == 0)
			return names[i].slot;
	return SLOT_NONE;
}

/* An empty property takes no place from one that says something. Those with parts are kept for the parts that may
 * come. */
static bool
is_blank(struct vcard *v, const struct vcard_prop *p, enum slot slot)
{
	if (slot == SLOT_NONE || slot == SLOT_PHOTO || slot == SLOT_N || slot == SLOT_ORG)
		return false;
	return strcmp(p->name, "ADR") != 0 && !*contact_value(v, p, slot);
}

/* Of two slots the first with room left; n: how many properties each has. */
static enum slot
first_free(const size_t *n, enum slot a, enum slot b)
{
	return n[a] < contact_slot_size(a) ? a : n[b] < contact_slot_size(b) ? b : SLOT_NONE;
}

static bool
has_impp(struct vcard *v)
{
	for (struct vcard_prop *p = vcard_find(v, "IMPP"); p; p = vcard_next(p, "IMPP"))
		if (*vcard_text(v, p))
			return true;
	return false;
}

bool
contact_is_old_im(const struct vcard_prop *p)
{
	for (size_t i = 0; i < ARRAY_LEN(im_names); i++)
		if (strcmp(p->name, im_names[i]) == 0)
			return true;
	return false;
}

static bool
is_im(struct vcard *v, const struct vcard_prop *p, bool impp)
{
	return (strcmp(p->name, "IMPP") == 0 || (!impp && contact_is_old_im(p))) && *vcard_text(v, p);
}

/* ---- more than have a place ---- */

#define PLACES_MAX 3 /* of a slot that has so few */

/* 1 is preferred most (RFC 6350 5.3; in 3.0 there is but yes and no), 101 says nothing of it. */
static uint64_t
preference(const struct vcard_prop *p)
{
	const char *pref = vcard_param(p, "PREF");
	uint64_t v;
	if (pref && text_to_u64(pref, &v) && v > 0 && v <= 100)
		return v;
	return vcard_has_type(p, "pref") ? 1 : 101;
}

static bool
is_among(struct vcard_prop *const *list, size_t n, const struct vcard_prop *p)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == p)
			return true;
	return false;
}

static struct vcard_prop *
most_preferred(struct vcard *v, enum slot slot, struct vcard_prop *const *but, size_t n)
{
	struct vcard_prop *best = NULL;
	for (struct vcard_prop *p = v->first; p; p = p->next)
		if (p->mark == slot && !is_among(but, n, p) && (!best || preference(p) < preference(best)))
			best = p;
	return best;
}

/* Where a telephone can go whose slot is full. One that stays there already, said twice, goes nowhere. */
static enum slot
elsewhere(struct vcard *v, const struct vcard_prop *p, enum slot slot, struct vcard_prop *const *stay, size_t n_stay,
	const size_t *n)
{
	for (size_t i = 0; i < n_stay; i++)
		if (strcmp(contact_value(v, stay[i], slot), contact_value(v, p, slot)) == 0)
			return SLOT_NONE;
	switch (slot) {
	case SLOT_TEL_MOBILE:
		return called(p, vcard_label(v, p), "work") ? first_free(n, SLOT_TEL_WORK, SLOT_TEL_HOME)
			: first_free(n, SLOT_TEL_HOME, SLOT_TEL_WORK);
	case SLOT_TEL_HOME:
	case SLOT_TEL_WORK:
		return first_free(n, SLOT_TEL_HOME, SLOT_TEL_WORK);
	case SLOT_FAX_HOME:
	case SLOT_FAX_WORK:
		return first_free(n, SLOT_FAX_HOME, SLOT_FAX_WORK);
	default:
		return SLOT_NONE;
	}
}

static void
relieve(struct vcard *v, enum slot slot, size_t *n)
{
	struct vcard_prop *stay[PLACES_MAX];
	size_t size = contact_slot_size(slot);
	if (n[slot] <= size || size > ARRAY_LEN(stay) || slot == SLOT_CATEGORIES)
		return;
	for (size_t i = 0; i < size; i++)
		stay[i] = most_preferred(v, slot, stay, i);
	for (struct vcard_prop *p = v->first; p; p = p->next) {
		if (p->mark != slot || is_among(stay, size, p))
			continue;
		enum slot to = elsewhere(v, p, slot, stay, size, n);
		p->mark = to == SLOT_NONE ? slot | CONTACT_SPARE : to | CONTACT_GUEST;
		n[to]++;
	}
}

void
contact_slots(struct vcard *v)
{
	size_t n[TEL_ANY_FAX + 1] = { 0 };
	bool impp = has_impp(v);
	for (struct vcard_prop *p = v->first; p; p = p->next) {
		p->mark = !*p->name ? SLOT_NONE : is_im(v, p, impp) ? SLOT_IM : slot_of(v, p);
		if (is_blank(v, p, p->mark))
			p->mark = SLOT_NONE;
		n[p->mark]++;
	}
	for (struct vcard_prop *p = v->first; p; p = p->next) {
		if (p->mark == TEL_ANY)
			p->mark = first_free(n, SLOT_TEL_HOME, SLOT_TEL_WORK);
		else if (p->mark == TEL_ANY_FAX)
			p->mark = first_free(n, SLOT_FAX_WORK, SLOT_FAX_HOME);
		else
			continue;
		n[p->mark]++;
	}
	for (unsigned slot = SLOT_NONE + 1; slot < SLOTS; slot++)
		relieve(v, slot, n);
}

size_t
contact_slot_size(enum slot slot)
{
	size_t n = slot == SLOT_CHILD ? CONTACT_LIST_MAX : 1;
	for (unsigned i = 0; i < C_FIELDS; i++)
		if (contact_fields[i].slot == slot && contact_fields[i].kind == FIELD_VALUE &&
		    contact_fields[i].index >= n)
			n = contact_fields[i].index + 1;
	return n;
}

static size_t
add_marked(const struct vcard *v, unsigned mark, struct vcard_prop **props, size_t n, size_t max)
{
	for (struct vcard_prop *p = v->first; p && n < max; p = p->next)
		if (p->mark == mark)
			props[n++] = p;
	return n;
}

size_t
contact_props(const struct vcard *v, enum slot slot, struct vcard_prop **props, size_t max)
{
	size_t n = add_marked(v, slot, props, 0, max);
	return add_marked(v, slot | CONTACT_GUEST, props, n, max);
}

struct vcard_prop *
contact_prop(const struct vcard *v, enum slot slot)
{
	struct vcard_prop *p = NULL;
	return contact_props(v, slot, &p, 1) ? p : NULL;
}

/* Where the name alone is not enough, and what 4.0 has a property for. */
static const struct new_row {
	enum slot slot;
	unsigned version; /* 0: any */
	const char *name;
	const char *types;
} news[] = {
	{ SLOT_ADR_HOME, 0, "ADR", "HOME" },
	{ SLOT_ADR_WORK, 0, "ADR", "WORK" },
	{ SLOT_ADR_OTHER, 0, "ADR", "" },
	{ SLOT_EMAIL, 40, "EMAIL", "" },
	{ SLOT_EMAIL, 0, "EMAIL", "INTERNET" },
	{ SLOT_TEL_HOME, 0, "TEL", "HOME VOICE" },
	{ SLOT_TEL_WORK, 0, "TEL", "WORK VOICE" },
	{ SLOT_TEL_MOBILE, 0, "TEL", "CELL" },
	{ SLOT_FAX_HOME, 0, "TEL", "HOME FAX" },
	{ SLOT_FAX_WORK, 0, "TEL", "WORK FAX" },
	{ SLOT_TEL_PAGER, 0, "TEL", "PAGER" },
	{ SLOT_TEL_CAR, 0, "TEL", "CAR" },
	{ SLOT_TEL_RADIO, 0, "TEL", "x-radio" },
	{ SLOT_TEL_ASSISTANT, 0, "TEL", "WORK x-assistant" },
	{ SLOT_TEL_COMPANY, 0, "TEL", "WORK x-company" },
	{ SLOT_TEL_MMS, 0, "TEL", "x-mms" },
	{ SLOT_ANNIVERSARY, 40, "ANNIVERSARY", "" },
	{ SLOT_SPOUSE, 40, "RELATED", "spouse" },
	{ SLOT_ASSISTANT, 40, "RELATED", "agent" },
	{ SLOT_CHILD, 40, "RELATED", "child" },
};

struct vcard_prop *
contact_new_prop(struct vcard *v, enum slot slot, const char *escaped)
{
	const char *name = NULL, *types = "";
	for (size_t i = 0; !name && i < ARRAY_LEN(news); i++)
		if (news[i].slot == slot && (!news[i].version || news[i].version == v->version)) {
			name = news[i].name;
			types = news[i].types;
		}
	for (size_t i = 0; !name && i < ARRAY_LEN(names); i++)
		if (names[i].slot == slot)
			name = names[i].name;
	/* An IMPP would hide the older ones that the card has. */
	if (slot == SLOT_IM)
		name = contact_prop(v, SLOT_IM) && !has_impp(v) ? im_names[0] : "IMPP";
	if (!name)
		return NULL;
	struct vcard_prop *p = vcard_add(v, name, types, escaped);
	if (!p)
		return NULL;
	p->mark = slot;
	if (strcmp(name, "RELATED") == 0)
		vcard_add_param(v, p, "VALUE", "text");
	return p;
}
