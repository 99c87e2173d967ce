/* SPDX-License-Identifier: MIT */
/* One request while it is served.  Knows no threads and no pipe. */
#include "server/relaying.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/admit.h"
#include "server/capture.h"
#include "server/exchange.h"
#include "server/prepare.h"
#include "server/request_log.h"
#include "server/routes.h"
#include "server/secret.h"
#include "server/settings.h"
#include "server/spoken.h"
#include "server/verbose.h"
#include "translate/models.h"

#define MAX_DEPTH  512
#define MAX_VALUES 1000000
/* The longest model name we route. */
#define MAX_MODEL_BYTES 512
/* Kept when their requests are over.  AddressSanitizer is to see who uses one
 * that is gone. */
#ifdef __SANITIZE_ADDRESS__
#define MAX_SPARE 0
#else
#define MAX_SPARE 16
#endif

/* -- spare ones: pieces of 4 kB, for which the C library first tidies up
 * among its small ones ----------------------------------------------------- */

/* All zero; NULL if there is none. */
static struct relay *
take_spare(struct server *server)
{
	struct relay *r;

	pthread_mutex_lock(&server->lock);
	if ((r = server->spare_relays) != NULL) {
		server->spare_relays = r->next;
		server->n_spare_relays--;
		r->next = NULL;
	}
	pthread_mutex_unlock(&server->lock);
	return r;
}

/* Nothing of a request outlives it. */
static void
keep_spare(struct server *server, struct relay *r)
{
	*r = (struct relay){ 0 };
	pthread_mutex_lock(&server->lock);
	if (server->n_spare_relays < MAX_SPARE) {
		r->next = server->spare_relays;
		server->spare_relays = r;
		server->n_spare_relays++;
		r = NULL;
	}
	pthread_mutex_unlock(&server->lock);
	free(r);
}

void
relaying_trim(struct server *server)
{
	struct relay *r;

	while ((r = take_spare(server)) != NULL)
		free(r);
}

/* -- life ----------------------------------------------------------------- */

static void
random_text(void *cookie, char *out, size_t len)
{
	secret_random_text(out, len);
	capture_note(cookie, "random", out, len);
}

struct relay *
relaying_new(struct server *server, struct exchange *x)
{
	struct relay *r = take_spare(server);

	if (r == NULL && (r = calloc(1, sizeof(*r))) == NULL)
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
	exchange_claim_log(x); /* relaying_end() */
	r->client_fd = exchange_fd(x);
	r->watched_fd = exchange_watched_fd(x);
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

void
relaying_drop(struct relay *r)
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
	keep_spare(r->server, r);
}

/* -- reading the request -------------------------------------------------- */

static void
see_header(void *cookie, const char *name, const char *value)
{
	bool *interleaves = cookie;

	if (strcasecmp(name, "anthropic-beta") == 0 &&
	    strstr(value, "interleaved-thinking") != NULL)
		*interleaves = true;
}

static const struct json_limits limits = { MAX_DEPTH, MAX_VALUES };

static int
parse(struct relay *r, bool count_only, struct fault *why)
{
	struct request_rules rules = {
		.json = limits,
		.count_only = count_only,
	};
	const char *extra = r->settings->upstream_body, *body;

	exchange_each_header(
	    r->exchange, see_header, &rules.interleaved_thinking);
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

int
relaying_prepare(struct relay *r, bool count_only)
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

void
relaying_end(struct relay *r)
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

void
relaying_answer_fault(struct relay *r)
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

void
relaying_run(struct relay *r)
{
	if (r->request.max_tokens == 0)
		attempts_say_nothing(&r->attempts);
	else
		attempts_run(&r->attempts);
}
