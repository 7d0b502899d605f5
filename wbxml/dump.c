#include "base/text.h"
#include "wbxml/scan.h"

/* Deeper than this the dump ends; the reader's limit is far below. */
#define DUMP_DEPTH 64

struct dump {
	struct buf *out;
	enum wbxml_dump how;
	unsigned depth;
	bool fresh;    /* the start tag written last is still open: "<Name" */
	bool children; /* the element that ended last, or its like, was a child: the next end tag has a line of its own */
	struct scan_event stack[DUMP_DEPTH];
};

static void
indent(struct dump *d)
{
	if (d->out->len > 0)
		buf_add_byte(d->out, '\n');
	for (unsigned i = 0; i < d->depth; i++)
		buf_add_str(d->out, "  ");
}

static void
put_name(struct dump *d, const struct scan_event *tag)
{
	if (tag->tag == WBXML_UNKNOWN)
		buf_add_str(d->out, "unknown");
	else
		buf_add_str(d->out, wbxml_tag_name(tag->tag));
}

/* XML needs three characters escaped, and a carriage return, which a reader would take for a line end. */
static void
put_escaped(struct buf *out, const unsigned char *s, size_t n)
{
	size_t from = 0;
	for (size_t i = 0; i < n; i++) {
		const char *as = s[i] == '<'    ? "&lt;"
				 : s[i] == '>'  ? "&gt;"
				 : s[i] == '&'  ? "&amp;"
				 : s[i] == '\r' ? "&#13;"
						: NULL;
		if (!as)
			continue;
		text_add_utf8(out, s + from, i - from);
		buf_add_str(out, as);
		from = i + 1;
	}
	text_add_utf8(out, s + from, n - from);
}

/* Text that XML can hold as it is; opaque data that is not is shown as hex, so that nothing is lost. */
static bool
is_plain(struct slice data)
{
	for (size_t i = 0; i < data.len; i++) {
		unsigned char c = data.ptr[i];
		if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
			return false;
	}
	return text_is_utf8(data.ptr, data.len);
}

static void
put_hex(struct buf *out, struct slice data)
{
	for (size_t i = 0; i < data.len; i++)
		buf_printf(out, "%02X", data.ptr[i]);
}

/* Pages on which everything is of the protocol and nothing of the user. */
static bool
is_public_page(unsigned page)
{
	switch (page) {
	case WBXML_PAGE_AirSync:
	case WBXML_PAGE_AirNotify:
	case WBXML_PAGE_Move:
	case WBXML_PAGE_GetItemEstimate:
	case WBXML_PAGE_MeetingResponse:
	case WBXML_PAGE_Ping:
	case WBXML_PAGE_Provision:
		return true;
	default:
		return false;
	}
}

/* What a trace may show of other pages: what they share with the protocol, types, counts and times. Everything else becomes
 * its length, so that a tag nobody thought of shows nothing. */
static bool
is_public_tag(unsigned tag)
{
	switch (tag) {
	case FolderHierarchy_SyncKey:
	case FolderHierarchy_ServerId:
	case FolderHierarchy_ParentId:
	case FolderHierarchy_Type:
	case FolderHierarchy_Status:
	case FolderHierarchy_Count:
	case Search_Status:
	case Search_Name:
	case Search_Range:
	case Search_Total:
	case Search_LongId:
	case Search_DeepTraversal:
	case Search_RebuildResults:
	case Search_MaxSize:
	case Search_MaxPictures:
	case Find_Status:
	case Find_Range:
	case Find_Total:
	case Find_SearchId:
	case ItemOperations_Status:
	case ItemOperations_Store:
	case ItemOperations_Range:
	case ItemOperations_Total:
	case ItemOperations_Part:
	case ItemOperations_Version:
	case ItemOperations_DstFldId:
	case ItemOperations_DeleteSubFolders:
	case ComposeMail_Status:
	case ComposeMail_ClientId:
	case ComposeMail_FolderId:
	case ComposeMail_ItemId:
	case ComposeMail_LongId:
	case ComposeMail_InstanceId:
	case ComposeMail_SaveInSentItems:
	case ComposeMail_ReplaceMime:
	case Settings_Status:
	case Settings_OofState:
	case Settings_StartTime:
	case Settings_EndTime:
	case Settings_Enabled:
	case Settings_BodyType:
	case Settings_Model:
	case Settings_OS:
	case Settings_OSLanguage:
	case Settings_UserAgent:
	case Settings_EnableOutboundSMS:
	case ResolveRecipients_Status:
	case ResolveRecipients_RecipientCount:
	case ResolveRecipients_CertificateCount:
	case ResolveRecipients_Type:
	case ResolveRecipients_StartTime:
	case ResolveRecipients_EndTime:
	case ValidateCert_Status:
	case AirSyncBase_Type:
	case AirSyncBase_TruncationSize:
	case AirSyncBase_AllOrNone:
	case AirSyncBase_EstimatedDataSize:
	case AirSyncBase_Truncated:
	case AirSyncBase_FileReference:
	case AirSyncBase_Method:
	case AirSyncBase_IsInline:
	case AirSyncBase_NativeBodyType:
	case AirSyncBase_ContentType:
	case AirSyncBase_Status:
	case AirSyncBase_ClientId:
	case AirSyncBase_InstanceId:
	case Email_DateReceived:
	case Email_MessageClass:
	case Email_Importance:
	case Email_Read:
	case Email_InternetCPID:
	case Email_Status:
	case Email_ContentClass:
	case Email2_LastVerbExecuted:
	case Email2_LastVerbExecutionTime:
	case Email2_IsDraft:
	case Email2_MeetingMessageType:
	case Calendar_AllDayEvent:
	case Calendar_BusyStatus:
	case Calendar_DtStamp:
	case Calendar_EndTime:
	case Calendar_StartTime:
	case Calendar_ExceptionStartTime:
	case Calendar_Deleted:
	case Calendar_MeetingStatus:
	case Calendar_Reminder:
	case Calendar_Sensitivity:
	case Calendar_Timezone:
	case Calendar_Type:
	case Calendar_Interval:
	case Calendar_Occurrences:
	case Calendar_Until:
	case Calendar_DayOfWeek:
	case Calendar_DayOfMonth:
	case Calendar_WeekOfMonth:
	case Calendar_MonthOfYear:
	case Tasks_Complete:
	case Tasks_DateCompleted:
	case Tasks_DueDate:
	case Tasks_UtcDueDate:
	case Tasks_StartDate:
	case Tasks_UtcStartDate:
	case Tasks_Importance:
	case Tasks_ReminderSet:
	case Tasks_ReminderTime:
	case Tasks_Sensitivity:
		return true;
	default:
		return false;
	}
}

static void
dump_start(struct dump *d, const struct scan_event *event)
{
	const struct scan_event *parent = d->depth ? &d->stack[d->depth - 1] : NULL;
	if (d->fresh)
		buf_add_byte(d->out, '>');
	indent(d);
	buf_add_byte(d->out, '<');
	put_name(d, event);
	if (event->tag == WBXML_UNKNOWN)
		buf_printf(d->out, " page=\"%u\" token=\"0x%02X\"", event->page, event->token);
	else if (!parent || parent->tag == WBXML_UNKNOWN || parent->page != event->page)
		buf_printf(d->out, " xmlns=\"%s\"", wbxml_page_name(event->page));
	d->fresh = event->content;
	d->children = !event->content;
	if (event->content)
		d->stack[d->depth++] = *event;
	else
		buf_add_str(d->out, "/>");
}

static void
dump_end(struct dump *d)
{
	const struct scan_event *tag = &d->stack[--d->depth];
	if (d->fresh) {
		buf_add_str(d->out, "/>");
	} else {
		if (d->children)
			indent(d);
		buf_add_str(d->out, "</");
		put_name(d, tag);
		buf_add_byte(d->out, '>');
	}
	d->fresh = false;
	d->children = true;
}

static void
dump_content(struct dump *d, const struct scan_event *event)
{
	unsigned tag = d->stack[d->depth - 1].tag;
	bool opaque = event->type == SCAN_OPAQUE;
	bool hidden = d->how == WBXML_DUMP_PRIVATE && !is_public_page(tag >> 8) && !is_public_tag(tag);
	bool hex = opaque && !is_plain(event->data);
	if (d->fresh) {
		if (opaque)
			buf_add_str(d->out, hex && !hidden ? " opaque=\"hex\"" : " opaque=\"text\"");
		buf_add_byte(d->out, '>');
		d->fresh = false;
	}
	d->children = false;
	if (hidden)
		buf_printf(d->out, "[%zu bytes]", event->data.len);
	else if (hex)
		put_hex(d->out, event->data);
	else
		put_escaped(d->out, event->data.ptr, event->data.len);
}

/* NULL while all is well, else why the dump ends here. */
static const char *
dump_event(struct dump *d, const struct scan_event *event, bool *done_r)
{
	if (d->depth == 0 && event->type != SCAN_START)
		return event->type == SCAN_EOF ? "the document is empty" : "content outside of the root element";
	switch (event->type) {
	case SCAN_START:
		if (d->depth == DUMP_DEPTH)
			return "elements nested too deep";
		dump_start(d, event);
		break;
	case SCAN_END:
		dump_end(d);
		break;
	case SCAN_TEXT:
	case SCAN_OPAQUE:
		dump_content(d, event);
		break;
	case SCAN_EOF:
		return "the document ends too early";
	}
	*done_r = d->depth == 0;
	return NULL;
}

static void
dump_reason(struct dump *d, const char *why)
{
	if (d->fresh)
		buf_add_byte(d->out, '>');
	d->depth = 0;
	indent(d);
	buf_printf(d->out, "<!-- %s -->", why);
}

void
wbxml_dump(struct slice in, enum wbxml_dump how, struct buf *out)
{
	struct dump d = { .out = out, .how = how };
	struct error e = { 0 };
	struct scan scan;
	bool done = false;
	enum err err = scan_begin(&scan, in, &e);
	while (err == ERR_OK && !done && buf_ok(out)) {
		struct scan_event event;
		err = scan_next(&scan, &event);
		const char *why = err == ERR_OK ? dump_event(&d, &event, &done) : NULL;
		if (why)
			err = scan_fail(&scan, ERR_INVALID, why);
	}
	if (err == ERR_OK && done && scan.pos != in.len)
		err = scan_fail(&scan, ERR_INVALID, "bytes behind the root element");
	if (err != ERR_OK)
		dump_reason(&d, e.text);
	buf_add_byte(out, '\n');
}
