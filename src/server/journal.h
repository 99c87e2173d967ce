/* SPDX-License-Identifier: MIT */
#ifndef JOURNAL_H
#define JOURNAL_H

/*
 * What has become of each request: totals since the start, the last hour by
 * minutes, the latest exchanges and those that run.  For /metrics, the
 * status page and `status`.  Bounded; kept in memory alone; no text of a
 * prompt or an answer, and no key.
 *
 * One lock, taken twice for a request and once for each failed try; a reader
 * takes a copy.  Texts in an entry are valid UTF-8 without control characters,
 * but still what strangers wrote: escape them.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "translate/error/errors.h"
#include "wire/fault.h"

#define JOURNAL_RECENT	64 /* exchanges that have ended */
#define JOURNAL_FLIGHTS 64 /* shown of those that run */
#define JOURNAL_MINUTES 60
#define JOURNAL_MODELS	32 /* the rest are counted as "other" */
#define JOURNAL_ANSWERS 128
#define JOURNAL_NAME	96 /* bytes of a model's name and its NUL */
#define JOURNAL_CAUSE	200

/* Bounds of the histograms, in ms; the bucket behind the last has none. */
#define JOURNAL_BOUNDS	12
#define JOURNAL_BUCKETS (JOURNAL_BOUNDS + 1)
extern const long journal_bounds_ms[JOURNAL_BOUNDS];

/* Kinds of upstream errors: no answer, by cause; else by fault. */
#define JOURNAL_CAUSES (CAUSE_PROTOCOL + 1)
#define JOURNAL_ERRORS (JOURNAL_CAUSES + FAULT_OVERLOADED + 1)

struct journal;

struct journal_tokens {
	/* Input includes neither what was read from a cache nor what was
	 * written to one. */
	unsigned long long input, output, cached;
};

/* One exchange; while it runs (status 0) what is not known yet is 0 or "". */
struct journal_entry {
	char id[32];
	const char *route;	  /* a path of ours, "other" for any else */
	char asked[JOURNAL_NAME]; /* the model */
	char used[JOURNAL_NAME];
	const char *chosen_by; /* the setting that chose it; "" */
	bool stream;
	int status; /* 499: the client left */
	long long began_unix_ms;
	long first_byte_ms;  /* until the first event; -1: none */
	long first_token_ms; /* until the first that is no ping; -1: none */
	long total_ms;	     /* so far, while it runs */
	struct journal_tokens tokens;
	unsigned tries, retries, repairs, lessons;
	char stop[32];		   /* stop reason; "" */
	const char *error;	   /* Anthropic's type of it; "": none */
	char cause[JOURNAL_CAUSE]; /* in words, no secrets */
};

/* A request while it runs: in its owner's storage, borrowing its texts. */
struct journal_flight {
	const char *id, *route, *asked, *used, *chosen_by;
	bool stream;
	long long began_ms; /* monotonic */
	/* Set by the owner at any time, without the lock; 0: not yet. */
	_Atomic long long first_byte_ms, first_token_ms;

	struct journal_flight *prev, *next; /* private */
	bool is_listed;
};

struct journal_minute {
	uint32_t requests, errors;		     /* that ended in it */
	uint32_t streams;			     /* with a first token */
	unsigned long long total_ms, first_token_ms; /* sums */
	struct journal_tokens tokens;
};

struct journal_model {
	char name[JOURNAL_NAME];
	unsigned long long requests; /* answered */
	struct journal_tokens tokens;
};

struct journal_histogram {
	unsigned long long counts[JOURNAL_BUCKETS]; /* each for itself */
	unsigned long long sum_ms;
};

/* Since the start. */
struct journal_totals {
	long long since_unix_ms;
	unsigned long long requests, errors; /* of /v1/messages and below */
	unsigned long long retries, repairs, lessons, clients_left;
	struct journal_tokens tokens;
	unsigned long long upstream_errors[JOURNAL_ERRORS];
	struct journal_histogram first_byte, total; /* of streams; of all */
	unsigned flights, streams;		    /* that run */
	struct journal_model models[JOURNAL_MODELS], other;
	size_t n_models;
	/* Every answer, of any route; the last place takes what finds none. */
	struct {
		const char *route;
		int status;
		unsigned long long n;
	} answers[JOURNAL_ANSWERS];
	size_t n_answers;
};

struct journal_snapshot {
	struct journal_totals totals;
	struct journal_minute minutes[JOURNAL_MINUTES]; /* the last is now's */
	struct journal_entry recent[JOURNAL_RECENT];	/* newest first */
	struct journal_entry flights[JOURNAL_FLIGHTS];
	size_t n_recent, n_flights;
};

/* NULL: no memory. */
struct journal *journal_new(void);
void journal_free(struct journal *j);

/* A request begins to ask the upstream; its texts must live until its end. */
void journal_begin(struct journal *j, struct journal_flight *flight);

/*
 * A request of /v1/messages or of counting is over, also where it never
 * began; the entry is copied.  `flight` is not touched again.
 */
void journal_end(struct journal *j, struct journal_flight *flight,
    const struct journal_entry *entry);

/* Any other request was answered: it is counted, no more. */
void journal_answered(struct journal *j, const char *route, int status);

/* A try at the upstream failed: without an answer by the cause alone (kind
 * NONE), else by what its answer said. */
void journal_upstream_failed(
    struct journal *j, enum error_cause cause, enum fault_kind kind);

/* The label of an upstream error: "connect", "rate_limit", … */
const char *journal_error_name(size_t error, char out[static 24]);

/* A copy of all, to be freed with free(); NULL: no memory. */
struct journal_snapshot *journal_look(struct journal *j);

/* Grows with each change: whether it is worth looking again.  No lock. */
unsigned long journal_version(struct journal *j);

/* Copies as much of a text as fits, in whole characters; what is no character
 * or controls a terminal becomes U+FFFD. */
void journal_copy(char *out, size_t cap, const char *text);

#endif
