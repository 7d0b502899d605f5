#include "fcgi/early.h"

#include <errno.h>
#include <fastcgi.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "wbxml/wbxml.h"

#define HEAD                                                                                                                        \
	"Status: 200 OK\r\nMS-Server-ActiveSync: 16.1\r\nCache-Control: private\r\nContent-Type: application/vnd.ms-sync.wbxml\r\n" \
	"X-Accel-Buffering: no\r\n\r\n"

static struct {
	pthread_mutex_t lock;
	LIST_HEAD(, request) list;
} early = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct request *
request_of(struct eas_request *e)
{
	return (struct request *)(void *)((char *)e - offsetof(struct request, eas));
}

static int64_t
start_ms(const struct request *r)
{
	return (int64_t)r->generation->server.early_seconds * 1000;
}

void
early_allow(struct eas_request *e)
{
	struct request *r = request_of(e);

	pthread_mutex_lock(&early.lock);
	if (!r->early.listed) {
		r->early.listed = true;
		r->early.due = r->early.begun ? monotonic_ms() : r->run_since + start_ms(r);
		LIST_INSERT_HEAD(&early.list, r, early.link);
	}
	pthread_mutex_unlock(&early.lock);
}

bool
early_end(struct request *r)
{
	pthread_mutex_lock(&early.lock);
	if (r->early.listed)
		LIST_REMOVE(r, early.link);
	r->early.listed = false;
	pthread_mutex_unlock(&early.lock);
	return r->early.begun;
}

bool
early_has_begun(struct eas_request *e)
{
	return early_end(request_of(e));
}

/* One record, whole or not at all: 1 sent, 0 not now, -1 the peer is gone. */
static int
send_record(const struct request *r, const void *p, size_t n)
{
	unsigned char record[sizeof(FCGI_Header) + 512] = { FCGI_VERSION_1, FCGI_STDOUT,
		(unsigned char)(r->fcgx.requestId >> 8), (unsigned char)r->fcgx.requestId, (unsigned char)(n >> 8),
		(unsigned char)n };
	ssize_t sent;

	memcpy(record + sizeof(FCGI_Header), p, n);
	n += sizeof(FCGI_Header);
	sent = send(request_fd(r), record, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent == (ssize_t)n)
		return 1;
	if (sent < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (sent > 0) /* half a record: whatever followed would be garbage */
		shutdown(request_fd(r), SHUT_RDWR);
	return -1;
}

static void
send_due(struct request *r, int64_t now)
{
	int sent = r->early.begun ? send_record(r, WBXML_NO_OP, WBXML_NO_OP_LEN)
		: send_record(r, HEAD WBXML_HEADER, sizeof HEAD - 1 + WBXML_HEADER_LEN);

	if (sent > 0 && !r->early.begun) {
		r->early.begun = true;
		log_debug(&r->eas.log, "a slow answer begins early");
	}
	r->early.due = sent < 0 ? INT64_MAX : now + (start_ms(r) + 1) / 2;
}

int64_t
early_tick(int64_t now)
{
	struct request *r;
	int64_t next = INT64_MAX;

	pthread_mutex_lock(&early.lock);
	LIST_FOREACH(r, &early.list, early.link)
	{
		if (r->early.due <= now)
			send_due(r, now);
		if (r->early.due < next)
			next = r->early.due;
	}
	pthread_mutex_unlock(&early.lock);
	return next;
}
