/* SPDX-License-Identifier: MIT */
/* Counts and keeps.  Knows no HTTP, and not who reads. */
#include "server/journal.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/server.h"
#include "wire/utf8.h"

#define MINUTE_MS 60000

const long journal_bounds_ms[JOURNAL_BOUNDS] = { 50, 100, 250, 500, 1000, 2500,
	5000, 10000, 30000, 60000, 120000, 300000 };

struct minute {
	long long number; /* of the monotonic clock */
	struct journal_minute counts;
};

struct journal {
	pthread_mutex_t lock;
	struct journal_totals totals;
	struct minute minutes[JOURNAL_MINUTES]; /* by number % how many */
	struct journal_entry recent[JOURNAL_RECENT];
	size_t n_ended; /* ever; the next goes to n_ended % how many */
	struct journal_flight *flights; /* newest first */
	atomic_ulong version;
};

static long long
unix_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct journal *
journal_new(void)
{
	struct journal *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return NULL;
	pthread_mutex_init(&j->lock, NULL);
	j->totals.since_unix_ms = unix_ms();
	memcpy(j->totals.other.name, "other", sizeof("other"));
	return j;
}

void
journal_free(struct journal *j)
{
	if (j == NULL)
		return;
	pthread_mutex_destroy(&j->lock);
	free(j);
}

/* How many of `len` bytes stand as they are: a run of ASCII. */
static size_t
plain_len(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && text[n] >= ' ' && text[n] < 0x7F)
		n++;
	return n;
}

void
journal_copy(char *out, size_t cap, const char *text)
{
	size_t left = strlen(text), at = 0, len, put;
	const char *from;

	for (; left > 0; text += len, left -= len, at += put) {
		size_t room = cap - 1 - at;

		from = text;
		len = put = plain_len(text, left < room ? left : room);
		if (len == 0)
			len = put =
			    utf8_char_len((const unsigned char *)text, left);
		if (len == 0 || iscntrl((unsigned char)*text)) {
			from = UTF8_REPLACEMENT;
			put = sizeof(UTF8_REPLACEMENT) - 1;
			len = 1;
		}
		if (put > room)
			break;
		memcpy(out + at, from, put);
	}
	out[at] = '\0';
}

static void
lock(struct journal *j)
{
	pthread_mutex_lock(&j->lock);
}

static void
unlock(struct journal *j)
{
	atomic_fetch_add_explicit(&j->version, 1, memory_order_relaxed);
	pthread_mutex_unlock(&j->lock);
}

/* -- what runs ------------------------------------------------------------ */

void
journal_begin(struct journal *j, struct journal_flight *flight)
{
	lock(j);
	flight->prev = NULL;
	flight->next = j->flights;
	if (flight->next != NULL)
		flight->next->prev = flight;
	j->flights = flight;
	flight->is_listed = true;
	j->totals.flights++;
	j->totals.streams += flight->stream;
	unlock(j);
}

static void
unlist(struct journal *j, struct journal_flight *flight)
{
	if (!flight->is_listed)
		return;
	if (flight->prev != NULL)
		flight->prev->next = flight->next;
	else
		j->flights = flight->next;
	if (flight->next != NULL)
		flight->next->prev = flight->prev;
	flight->is_listed = false;
	j->totals.flights--;
	j->totals.streams -= flight->stream;
}

/* -- what has ended ------------------------------------------------------- */

static void
count_answer(struct journal_totals *t, const char *route, int status)
{
	size_t i = 0;

	while (i < t->n_answers && (t->answers[i].status != status ||
				       strcmp(t->answers[i].route, route) != 0))
		i++;
	if (i == JOURNAL_ANSWERS) {
		i--;
	} else if (i == t->n_answers) {
		t->n_answers++;
		t->answers[i].route =
		    i == JOURNAL_ANSWERS - 1 ? "other" : route;
		t->answers[i].status = i == JOURNAL_ANSWERS - 1 ? 0 : status;
	}
	t->answers[i].n++;
}

static void
add_tokens(struct journal_tokens *sum, const struct journal_tokens *more)
{
	sum->input += more->input;
	sum->output += more->output;
	sum->cached += more->cached;
}

/* Only what was answered gets a place: a name that somebody made up must not
 * take one. */
static void
count_model(struct journal_totals *t, const struct journal_entry *e)
{
	struct journal_model *m = &t->other;
	size_t i = 0;

	while (i < t->n_models && strcmp(t->models[i].name, e->used) != 0)
		i++;
	if (i < t->n_models) {
		m = &t->models[i];
	} else if (i < JOURNAL_MODELS && strcmp(e->used, "other") != 0) {
		m = &t->models[t->n_models++];
		memcpy(m->name, e->used, sizeof(m->name));
	}
	m->requests++;
	add_tokens(&m->tokens, &e->tokens);
}

static void
count_time(struct journal_histogram *h, long ms)
{
	size_t i = 0;

	while (i < JOURNAL_BOUNDS && ms > journal_bounds_ms[i])
		i++;
	h->counts[i]++;
	h->sum_ms += (unsigned long long)ms;
}

static void
count_minute(struct journal *j, const struct journal_entry *e, bool failed)
{
	long long number = server_now_ms() / MINUTE_MS;
	struct minute *m = &j->minutes[number % JOURNAL_MINUTES];

	if (m->number != number)
		*m = (struct minute){ .number = number };
	m->counts.requests++;
	m->counts.errors += failed;
	m->counts.total_ms += (unsigned long long)e->total_ms;
	if (e->first_token_ms >= 0) {
		m->counts.streams++;
		m->counts.first_token_ms +=
		    (unsigned long long)e->first_token_ms;
	}
	add_tokens(&m->counts.tokens, &e->tokens);
}

static void
count(struct journal *j, const struct journal_entry *e)
{
	struct journal_totals *t = &j->totals;
	bool failed = e->error != NULL && e->error[0] != '\0';

	count_answer(t, e->route, e->status);
	t->requests++;
	t->errors += failed;
	t->clients_left += e->status == 499;
	t->retries += e->retries;
	t->repairs += e->repairs;
	t->lessons += e->lessons;
	add_tokens(&t->tokens, &e->tokens);
	count_time(&t->total, e->total_ms);
	if (e->first_byte_ms >= 0)
		count_time(&t->first_byte, e->first_byte_ms);
	if (e->tokens.input + e->tokens.output + e->tokens.cached > 0)
		count_model(t, e);
	count_minute(j, e, failed);
}

void
journal_end(struct journal *j, struct journal_flight *flight,
    const struct journal_entry *entry)
{
	lock(j);
	if (flight != NULL)
		unlist(j, flight);
	count(j, entry);
	j->recent[j->n_ended++ % JOURNAL_RECENT] = *entry;
	unlock(j);
}

void
journal_answered(struct journal *j, const char *route, int status)
{
	lock(j);
	count_answer(&j->totals, route, status);
	unlock(j);
}

void
journal_upstream_failed(
    struct journal *j, enum error_cause cause, enum fault_kind kind)
{
	lock(j);
	j->totals.upstream_errors[kind == FAULT_NONE ? (size_t)cause
						     : JOURNAL_CAUSES + kind]++;
	unlock(j);
}

const char *
journal_error_name(size_t error, char out[static 24])
{
	static const char *const names[JOURNAL_ERRORS] = {
		[CAUSE_CONNECT] = "connect",
		[CAUSE_DNS] = "dns",
		[CAUSE_TLS] = "tls",
		[CAUSE_RESET] = "reset",
		[CAUSE_TIMEOUT] = "silence",
		[CAUSE_EMPTY] = "empty",
		[CAUSE_TOO_LARGE] = "reply_too_large",
		[CAUSE_PROTOCOL] = "protocol",
		[JOURNAL_CAUSES] = "none",
#define X(name, status, type) [JOURNAL_CAUSES + FAULT_##name] = #name,
		FAULT_KINDS(X)
#undef X
	};
	size_t i = 0;

	for (; i < 23 && names[error][i] != '\0'; i++)
		out[i] = (char)tolower((unsigned char)names[error][i]);
	out[i] = '\0';
	return out;
}

/* -- reading -------------------------------------------------------------- */

static long
since(long long began_ms, long long at_ms)
{
	return at_ms != 0 ? (long)(at_ms - began_ms) : -1;
}

static void
copy_flight(const struct journal_flight *f, long long now_ms,
    long long now_unix_ms, struct journal_entry *e)
{
	*e = (struct journal_entry){
		.route = f->route,
		.chosen_by = f->chosen_by,
		.stream = f->stream,
		.began_unix_ms = now_unix_ms - (now_ms - f->began_ms),
		.first_byte_ms =
		    since(f->began_ms, atomic_load(&f->first_byte_ms)),
		.first_token_ms =
		    since(f->began_ms, atomic_load(&f->first_token_ms)),
		.total_ms = (long)(now_ms - f->began_ms),
		.error = "",
	};
	journal_copy(e->id, sizeof(e->id), f->id);
	journal_copy(e->asked, sizeof(e->asked), f->asked);
	journal_copy(e->used, sizeof(e->used), f->used);
}

static void
copy_minutes(const struct journal *j, long long now_ms,
    struct journal_minute out[static JOURNAL_MINUTES])
{
	long long last = now_ms / MINUTE_MS;

	for (int i = 0; i < JOURNAL_MINUTES; i++) {
		long long number = last - (JOURNAL_MINUTES - 1) + i;
		const struct minute *m =
		    &j->minutes[(number + JOURNAL_MINUTES) % JOURNAL_MINUTES];

		if (m->number == number)
			out[i] = m->counts;
	}
}

struct journal_snapshot *
journal_look(struct journal *j)
{
	struct journal_snapshot *s = calloc(1, sizeof(*s));
	long long now = server_now_ms(), now_unix = unix_ms();

	if (s == NULL)
		return NULL;
	pthread_mutex_lock(&j->lock);
	s->totals = j->totals;
	copy_minutes(j, now, s->minutes);
	while (s->n_recent < JOURNAL_RECENT && s->n_recent < j->n_ended) {
		s->recent[s->n_recent] =
		    j->recent[(j->n_ended - 1 - s->n_recent) % JOURNAL_RECENT];
		s->n_recent++;
	}
	for (const struct journal_flight *f = j->flights;
	     f != NULL && s->n_flights < JOURNAL_FLIGHTS; f = f->next)
		copy_flight(f, now, now_unix, &s->flights[s->n_flights++]);
	pthread_mutex_unlock(&j->lock);
	return s;
}

unsigned long
journal_version(struct journal *j)
{
	return atomic_load_explicit(&j->version, memory_order_relaxed);
}
