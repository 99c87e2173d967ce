/* SPDX-License-Identifier: MIT */
/* What a failed try means for the next one. */
#include "server/again.h"

#include <time.h>

#include "server/attempts.h"
#include "server/cancel.h"
#include "server/lessons.h"
#include "server/log.h"
#include "server/prepare.h"
#include "server/secret.h"
#include "server/server.h"
#include "server/settings.h"
#include "translate/dialect/learn.h"

/* Refusals of one request that are learned from before it is given up. */
#define MAX_LESSONS    6
#define BACKOFF_MS     500
#define MAX_BACKOFF_MS 8000
/* A longer retry-after is the client's business. */
#define MAX_RETRY_AFTER_MS 10000
#define WAIT_STEP_MS	   50

/* Statuses after which the same request may well succeed. */
static bool
is_transient_status(int status)
{
	static const int transient[] = { 408, 409, 429, 500, 502, 503, 529 };

	for (size_t i = 0; i < sizeof(transient) / sizeof(transient[0]); i++)
		if (status == transient[i])
			return true;
	return false;
}

static bool
is_transient_kind(enum fault_kind kind)
{
	return kind == FAULT_TIMEOUT || kind == FAULT_CONFLICT ||
	       kind == FAULT_RATE_LIMIT || kind == FAULT_INTERNAL ||
	       kind == FAULT_BAD_GATEWAY || kind == FAULT_OVERLOADED;
}

bool
again_is_worth(const struct attempts *a)
{
	if (a->fault.should_retry == FAULT_RETRY_NO ||
	    a->fault.retry_after_ms > MAX_RETRY_AFTER_MS ||
	    !is_transient_kind(a->fault.kind))
		return false;
	if (a->result.end == UPSTREAM_BROKEN)
		return a->result.cause != CAUSE_TIMEOUT &&
		       a->result.cause != CAUSE_TOO_LARGE;
	if (!a->has_head || a->result.end == UPSTREAM_CANCELLED)
		return false;
	if (attempts_is_success(a->head.status)) /* an error inside a 200 */
		return a->fault.kind == FAULT_RATE_LIMIT ||
		       a->fault.kind == FAULT_OVERLOADED;
	return is_transient_status(a->head.status);
}

static long
backoff_ms(const struct attempts *a)
{
	long wait = BACKOFF_MS;
	char dice[2];

	if (a->fault.retry_after_ms > 0)
		return a->fault.retry_after_ms;
	for (unsigned i = 0; i < a->retries && wait < MAX_BACKOFF_MS; i++)
		wait *= 2;
	if (wait > MAX_BACKOFF_MS)
		wait = MAX_BACKOFF_MS;
	secret_random_text(dice, sizeof(dice));
	return wait - wait * (dice[0] % 64) / 256; /* up to a quarter less */
}

bool
again_wait(struct attempts *a)
{
	long wait_ms = backoff_ms(a);
	long long end = server_now_ms() + wait_ms;
	struct timespec step = { 0, WAIT_STEP_MS * 1000000L };

	if (a->stage != NULL)
		return a->stage->waits(a->stage->cookie);
	if (a->deliver != NULL &&
	    end - a->began_ms > a->settings->ping_interval_ms)
		return false;
	log_say(LOG_INFO, "try %u failed, the next in %ld ms: %s: %s", a->tries,
	    wait_ms, fault_type(a->fault.kind), a->fault.message);
	while (server_now_ms() < end) {
		if (cancel_reason(a->cancel) != CANCEL_NONE)
			return false;
		nanosleep(&step, NULL);
	}
	return true;
}

/* The status of a refusal, also of one inside a 200; 0: it was none. */
static int
refusal_status(const struct attempts *a)
{
	if (!a->has_head)
		return 0;
	if (!attempts_is_success(a->head.status))
		return a->head.status;
	return a->refusal.len > 0 && a->fault.kind == FAULT_BAD_REQUEST ? 400
									: 0;
}

/* Keeps a lesson and mends the request.  0, or -1 with the fault. */
static int
take_lesson(struct attempts *a, const struct lesson *lesson)
{
	const struct upstream_target *up = &a->settings->upstream;
	char words[128];

	learn_print(lesson, words, sizeof(words));
	if (lessons_add(a->server->lessons, up->base, a->context.model, lesson,
		(long long)time(NULL)))
		log_say(LOG_INFO, "learned of %s model %s: %s", up->host,
		    a->context.model, words);
	learn_apply(lesson, &a->profile);
	fault_clear(&a->fault);
	return learn_mend(lesson, a->translation.body) ? 0 : prepare_again(a);
}

bool
again_learn(struct attempts *a)
{
	int status = refusal_status(a);
	const char *body = buf_str(&a->refusal);
	size_t len = a->refusal.len;
	struct lesson lesson;

	if (status == 0 || a->lessons >= MAX_LESSONS ||
	    a->translation.body == NULL ||
	    !learn_from_refusal(
		status, body, len, a->translation.body, &lesson))
		return false;
	a->lessons++;
	if (take_lesson(a, &lesson) == -1)
		return false;
	if (lesson.kind != LESSON_DROP && lesson.kind != LESSON_SCHEMA_KEYWORD)
		return true;
	for (size_t i = 1; i < LESSONS_PER_MODEL; i++)
		if (!learn_more_from_refusal(
			body, len, a->translation.body, &lesson) ||
		    take_lesson(a, &lesson) == -1)
			break;
	return a->fault.kind == FAULT_NONE;
}
