/* SPDX-License-Identifier: MIT */
/*
 * A stream's two threads: the worker makes the upstream call and owns the
 * pipe's write end, the connection's waits until the status is decided and
 * then sends what comes out of the pipe.
 */
#include "server/relaying.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/exchange.h"
#include "server/log.h"
#include "server/memory.h"
#include "server/pool.h"
#include "server/ratelimit.h"
#include "server/settings.h"
#include "server/spoken.h"
#include "server/stream_pipe.h"
#include "server/verbose.h"
#include "server/watch.h"

static void
decide(struct relay *r, enum relay_state state)
{
	pthread_mutex_lock(&r->lock);
	if (r->state == RELAY_UNDECIDED) {
		r->state = state;
		r->has_head = r->attempts.head.status != 0;
	}
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

/* The first events decide for a stream; the first of them may be pings. */
static void
note_first(struct relay *r, const struct buf *events)
{
	struct journal_flight *f = &r->flight;

	if (f->first_token_ms != 0)
		return;
	if (strstr(buf_str(events), "content_block_start") != NULL)
		f->first_token_ms = server_now_ms();
	if (f->first_byte_ms != 0)
		return;
	f->first_byte_ms = server_now_ms();
	decide(r, RELAY_STREAMING);
}

/* A long stream does not hold on to what it answers. */
static void
forget_request(struct relay *r)
{
	attempts_forget_request(&r->attempts);
	message_request_clear(&r->request);
	json_doc_clear(&r->extra);
	buf_clear(&r->body);
	r->has_forgotten = true;
}

/* On the worker. */
static int
deliver_events(void *cookie, struct buf *events)
{
	struct relay *r = cookie;
	int rc;

	note_first(r, events);
	verbose_body(r->settings, "to client", events->data, events->len);
	if (r->spoken != NULL)
		spoken_add_events(r->spoken, events);
	rc = stream_pipe_write(r->pipe_write, events->data, events->len,
	    r->settings->client_stall_timeout_ms, &r->cancel);
	r->is_cut |= rc == -1;
	r->out_bytes += events->len;
	buf_reset(events);
	if (!r->has_forgotten && attempts_is_answering(&r->attempts))
		forget_request(r);
	/* By now chunks repeat, and no deep parsing follows. */
	if (++r->deliveries == 2)
		memory_trim_stack();
	return rc;
}

/* A part of an event must not look like the end of an answer. */
static void
cut_client(struct relay *r)
{
	pthread_mutex_lock(&r->lock);
	if (!r->has_left)
		shutdown(r->client_fd, SHUT_RDWR);
	pthread_mutex_unlock(&r->lock);
}

static void
stream_work(void *cookie)
{
	struct relay *r = cookie;

	log_set_request(r->request_id);
	relaying_run(r);
	relaying_end(r);
	log_set_request(NULL);
	if (r->is_cut)
		cut_client(r);
	close(r->pipe_write);
	decide(r, RELAY_OVER);
	relaying_drop(r);
}

/* From here on the worker leaves the client's socket alone. */
static void
leave(struct relay *r)
{
	pthread_mutex_lock(&r->lock);
	r->has_left = true;
	pthread_mutex_unlock(&r->lock);
	watch_remove(r->server->watch, r->watched_fd, &r->cancel);
}

/* On the connection's thread: the last byte went out, or the client left. */
static void
stream_done(void *cookie)
{
	struct relay *r = cookie;

	leave(r);
	cancel_fire(&r->cancel, CANCEL_CLIENT_GONE);
	relaying_drop(r);
}

static enum relay_state
wait_for_decision(struct relay *r)
{
	enum relay_state state;

	pthread_mutex_lock(&r->lock);
	while (r->state == RELAY_UNDECIDED)
		pthread_cond_wait(&r->changed, &r->lock);
	state = r->state;
	pthread_mutex_unlock(&r->lock);
	return state;
}

/* Starts the worker; the fault is set where that cannot be done. */
static int
start_work(struct relay *r)
{
	int fds[2];

	if (stream_pipe_open(fds) == -1)
		return fault_set(&r->attempts.fault, FAULT_OVERLOADED,
		    "The proxy has no file descriptors left: try again.");
	r->pipe_read = fds[0];
	r->pipe_write = fds[1];
	r->attempts.deliver = deliver_events;
	r->attempts.cookie = r;
	r->holders++;
	if (pool_run(r->server->pool, stream_work, r) == 0)
		return 0;
	r->holders--;
	close(fds[1]);
	return fault_set(&r->attempts.fault, FAULT_OVERLOADED,
	    "The proxy has no threads left: try again.");
}

void
relay_stream(struct relay *r)
{
	struct exchange *x = r->exchange;
	bool works;

	watch_add(r->server->watch, r->watched_fd, &r->cancel);
	if (!(works = start_work(r) == 0))
		relaying_end(r);
	if (works && wait_for_decision(r) == RELAY_STREAMING) {
		if (r->has_head)
			ratelimit_pass(x, &r->attempts.head);
		if (exchange_answer_pipe(x, r->pipe_read, stream_done, r) ==
		    0) {
			memory_trim_stack();
			return;
		}
		cancel_fire(&r->cancel, CANCEL_CLIENT_GONE);
	} else {
		if (r->pipe_read != -1)
			close(r->pipe_read);
		if (r->has_head)
			ratelimit_pass(x, &r->attempts.head);
		if (!r->attempts.client_gone)
			relaying_answer_fault(r);
	}
	leave(r);
	relaying_drop(r);
}
