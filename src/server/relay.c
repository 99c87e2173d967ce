/* SPDX-License-Identifier: MIT */
/*
 * One request's life.  Knows the order of things; what a request means is
 * translate's business, how it is tried is attempts'.
 */
#include "server/relay.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/admit.h"
#include "server/attempts.h"
#include "server/asking.h"
#include "server/cancel.h"
#include "server/capture.h"
#include "server/exchange.h"
#include "server/journal.h"
#include "server/log.h"
#include "server/memory.h"
#include "server/pool.h"
#include "server/prepare.h"
#include "server/ratelimit.h"
#include "server/request_log.h"
#include "server/routes.h"
#include "server/scales.h"
#include "server/secret.h"
#include "server/server.h"
#include "server/settings.h"
#include "server/spoken.h"
#include "server/stream_pipe.h"
#include "server/verbose.h"
#include "server/watch.h"
#include "translate/models.h"
#include "wire/anthropic.h"

#define MAX_DEPTH  512
#define MAX_VALUES 1000000
/* The longest model name we route. */
#define MAX_MODEL_BYTES 512

enum relay_state { RELAY_UNDECIDED, RELAY_STREAMING, RELAY_OVER };

struct relay {
	struct server *server;
	struct settings *settings;
	struct exchange *exchange; /* only on the connection's thread */
	int client_fd;
	/* The worker's own: the exchange may end before it does. */
	struct buf body;
	char *client_key, *session_id, *asked_model; /* or NULL */
	bool has_forgotten;
	bool is_cut; /* not all of an event could be written */
	unsigned deliveries;
	struct message_request request;
	struct json_doc extra; /* UPSTREAM_BODY */
	struct attempts attempts;
	struct cancel cancel;
	struct job job;
	char request_id[32], message_id[32];
	size_t in_bytes, out_bytes;
	struct journal_flight flight;
	struct spoken_answer *spoken; /* or NULL */

	/* between the worker and the connection's thread, under lock */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum relay_state state;
	int pipe_read, pipe_write; /* -1: not open */
	bool has_head; /* had it, when that was decided: it stays as it is */
	bool has_left; /* the connection: its socket may be another's now */
	int holders;   /* worker, connection */
};

/* -- making and freeing --------------------------------------------------- */

static void
random_text(void *cookie, char *out, size_t len)
{
	secret_random_text(out, len);
	capture_note(cookie, "random", out, len);
}

static struct relay *
relay_new(struct server *server, struct exchange *x)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	if (cancel_init(&r->cancel) == -1) {
		free(r);
		return NULL;
	}
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, NULL);
	r->server = server;
	r->settings = settings_hold((struct settings *)exchange_settings(x));
	r->exchange = x;
	exchange_claim_log(x); /* log_end() */
	r->client_fd = exchange_fd(x);
	memcpy(r->request_id, exchange_id(x), strlen(exchange_id(x)) + 1);
	r->flight = (struct journal_flight){
		.id = r->request_id,
		.route = routes_name(exchange_path(x)),
		.asked = "",
		.used = "",
		.chosen_by = "",
		.began_ms = exchange_started_ms(x),
	};
	memcpy(r->message_id, "msg_", 4);
	secret_random_text(r->message_id + 4, 24);
	r->pipe_read = r->pipe_write = -1;
	r->holders = 1;
	r->job.cancel = &r->cancel;
	server_add_job(server, &r->job);
	return r;
}

static void
relay_drop(struct relay *r)
{
	bool last;

	pthread_mutex_lock(&r->lock);
	last = --r->holders == 0;
	pthread_mutex_unlock(&r->lock);
	if (!last)
		return;
	server_remove_job(r->server, &r->job);
	capture_close(r->attempts.capture);
	attempts_clear(&r->attempts);
	message_request_clear(&r->request);
	json_doc_clear(&r->extra);
	buf_clear(&r->body);
	free(r->client_key);
	free(r->session_id);
	free(r->asked_model);
	cancel_clear(&r->cancel);
	settings_drop(r->settings);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* -- reading the request -------------------------------------------------- */

static bool
names_beta(struct exchange *x, const char *beta)
{
	struct buf all;
	bool found;

	buf_init(&all, 64 * 1024);
	exchange_header_all(x, "anthropic-beta", &all);
	found = strstr(buf_str(&all), beta) != NULL;
	buf_clear(&all);
	return found;
}

static const struct json_limits limits = { MAX_DEPTH, MAX_VALUES };

static int
parse(struct relay *r, bool count_only, struct fault *why)
{
	struct request_rules rules = {
		.json = limits,
		.count_only = count_only,
		.interleaved_thinking =
		    names_beta(r->exchange, "interleaved-thinking"),
	};
	const char *extra = r->settings->upstream_body, *body;

	exchange_move_body(r->exchange, &r->body);
	body = buf_str(&r->body);
	r->in_bytes = r->body.len;
	verbose_body(r->settings, "from client", body, r->in_bytes);
	r->attempts.capture =
	    capture_open(r->exchange, &r->body, r->message_id);
	if (message_request_parse(
		&r->request, body, r->in_bytes, &rules, why) == -1)
		return -1;
	if (strlen(r->request.model) > MAX_MODEL_BYTES)
		return fault_set(why, FAULT_BAD_REQUEST,
		    "model: String should have at most %d bytes",
		    MAX_MODEL_BYTES);
	if ((r->asked_model = strdup(r->request.model)) == NULL)
		return fault_no_memory(why);
	if (extra != NULL)
		return json_parse(
		    &r->extra, extra, strlen(extra), &limits, why);
	return 0;
}

/* Keeps what the head says to the worker.  0, or -1 with the fault. */
static int
keep_head(struct relay *r, struct fault *why)
{
	const char *key = admit_client_key(r->exchange);
	const char *session =
	    exchange_header(r->exchange, "x-claude-code-session-id");

	if ((key != NULL && (r->client_key = strdup(key)) == NULL) ||
	    (session != NULL && (r->session_id = strdup(session)) == NULL))
		return fault_no_memory(why);
	return 0;
}

/* Everything up to the upstream call. */
static int
prepare(struct relay *r, bool count_only)
{
	struct attempts *a = &r->attempts;
	struct message_request *req = &r->request;
	bool thinks;

	attempts_init(a, r->server, r->settings);
	if (parse(r, count_only, &a->fault) == -1 ||
	    keep_head(r, &a->fault) == -1)
		return -1;
	thinks = req->thinking == THINKING_ENABLED ||
		 req->thinking == THINKING_ADAPTIVE;
	a->request = req;
	a->cancel = &r->cancel;
	a->began_ms = r->flight.began_ms;
	a->client_key = r->client_key;
	a->context = (struct request_context){
		.model =
		    model_route(&r->settings->routes, r->asked_model, thinks),
		.session_id = r->session_id,
		.extra_body = r->extra.root,
		.extra_doc = &r->extra,
	};
	a->env = (struct stream_env){
		.message_id = r->message_id,
		.request_id = r->request_id,
		.random_text = random_text,
		.cookie = a->capture,
		.max_line_bytes = r->settings->max_line_bytes,
		.max_reply_bytes = r->settings->max_reply_bytes,
		.host = r->settings->upstream.host,
		.own_key = r->settings->upstream_key,
		.client_model = r->asked_model,
	};
	r->flight.asked = r->asked_model;
	r->flight.used = a->context.model;
	r->flight.chosen_by =
	    model_chosen_by(&r->settings->routes, req->model, thinks);
	r->flight.stream = req->stream;
	if (prepare_request(a) == -1)
		return -1;
	r->spoken =
	    spoken_begin(r->server->spoken, r->settings, r->request_id, req);
	journal_begin(r->server->journal, &r->flight);
	return 0;
}

/* Once, when what became of it is known. */
static void
log_end(struct relay *r)
{
	const struct request_facts facts = {
		.flight = &r->flight,
		.in_bytes = r->in_bytes,
		.out_bytes = r->out_bytes,
	};

	spoken_end(r->spoken, r->settings);
	r->spoken = NULL;
	request_log_end(&facts, &r->attempts);
}

static void
answer_fault(struct relay *r)
{
	const struct fault *why = &r->attempts.fault;
	struct buf body;

	if (r->attempts.capture != NULL) {
		buf_init(&body, 8 * FAULT_MESSAGE_MAX);
		fault_print(why, r->request_id, &body);
		capture_answer(r->attempts.capture, fault_status(why->kind),
		    buf_str(&body), body.len);
		buf_clear(&body);
	}
	exchange_answer_fault(r->exchange, why);
}

/* -- a plain answer ------------------------------------------------------- */

static void
run(struct relay *r)
{
	if (r->request.max_tokens == 0)
		attempts_say_nothing(&r->attempts);
	else
		attempts_run(&r->attempts);
}

static void
answer_message(struct relay *r)
{
	struct attempts *a = &r->attempts;
	struct buf body;

	buf_init(&body, SIZE_MAX / 2);
	if (a->fault.kind == FAULT_NONE &&
	    stream_message(a->stream, &body, &a->fault) == 0) {
		ratelimit_pass(r->exchange, &a->head);
		r->out_bytes = body.len;
		verbose_body(r->settings, "to client", body.data, body.len);
		if (r->spoken != NULL)
			spoken_add_message(r->spoken, &body);
		capture_answer(a->capture, 200, body.data, body.len);
		exchange_answer(r->exchange, 200, "application/json", &body);
	} else {
		ratelimit_pass(r->exchange, &a->head);
		answer_fault(r);
	}
	buf_clear(&body);
}

static void
serve_plain(struct relay *r)
{
	watch_add(r->server->watch, r->client_fd, &r->cancel);
	run(r);
	watch_remove(r->server->watch, r->client_fd, &r->cancel);
	if (!r->attempts.client_gone)
		answer_message(r);
	log_end(r);
}

/* -- a stream ------------------------------------------------------------- */

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
	run(r);
	log_end(r);
	log_set_request(NULL);
	if (r->is_cut)
		cut_client(r);
	close(r->pipe_write);
	decide(r, RELAY_OVER);
	relay_drop(r);
}

/* From here on the worker leaves the client's socket alone. */
static void
leave(struct relay *r)
{
	pthread_mutex_lock(&r->lock);
	r->has_left = true;
	pthread_mutex_unlock(&r->lock);
	watch_remove(r->server->watch, r->client_fd, &r->cancel);
}

/* On the connection's thread: the last byte went out, or the client left. */
static void
stream_done(void *cookie)
{
	struct relay *r = cookie;

	leave(r);
	cancel_fire(&r->cancel, CANCEL_CLIENT_GONE);
	relay_drop(r);
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

/* Serves with the relay's hold of the connection. */
static void
serve_stream(struct relay *r)
{
	struct exchange *x = r->exchange;
	bool works;

	watch_add(r->server->watch, r->client_fd, &r->cancel);
	if (!(works = start_work(r) == 0))
		log_end(r);
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
			answer_fault(r);
	}
	leave(r);
	relay_drop(r);
}

/* -- the routes ----------------------------------------------------------- */

/* By itself, so that the room for its words is not on each stack. */
__attribute__((noinline)) static void
refuse(struct server *server, struct exchange *x)
{
	struct fault why = { 0 };

	fault_no_memory(&why);
	request_log_answered(server, x, &why);
	exchange_answer_fault(x, &why);
}

static struct relay *
begin(struct server *server, struct exchange *x)
{
	struct relay *r = relay_new(server, x);

	if (r == NULL)
		refuse(server, x);
	return r;
}

void
relay_messages(struct server *server, struct exchange *x)
{
	struct relay *r = begin(server, x);

	if (r == NULL)
		return;
	if (prepare(r, false) == -1) {
		log_end(r);
		answer_fault(r);
	} else if (r->flight.stream) {
		serve_stream(r);
		return;
	} else {
		serve_plain(r);
	}
	relay_drop(r);
}

/* As the upstream counts, where it can; else our estimate. */
static long long
count(struct relay *r)
{
	struct attempts *a = &r->attempts;
	int64_t tokens;

	watch_add(r->server->watch, r->client_fd, &r->cancel);
	tokens = asking_count(r->server, r->settings, a->translation.body,
	    prepare_key(a), &r->cancel);
	watch_remove(r->server->watch, r->client_fd, &r->cancel);
	if (tokens == -1)
		return a->translation.terms.input_tokens;
	scales_learn(r->server->scales, a->context.model, a->estimate, tokens);
	return tokens;
}

void
relay_count_tokens(struct server *server, struct exchange *x)
{
	struct relay *r = begin(server, x);
	struct buf body;
	long long tokens;

	if (r == NULL)
		return;
	if (prepare(r, true) == -1) {
		answer_fault(r);
	} else {
		tokens = count(r);
		buf_init(&body, 256);
		buf_printf(&body, "{\"input_tokens\":%lld", tokens);
		if (r->request.context_management)
			buf_printf(&body,
			    ",\"context_management\":{\"original_input_tokens"
			    "\":%lld}",
			    tokens);
		BUF_ADD_LIT(&body, "}");
		capture_answer(r->attempts.capture, 200, body.data, body.len);
		exchange_answer(x, 200, "application/json", &body);
	}
	log_end(r);
	relay_drop(r);
}
