/* SPDX-License-Identifier: MIT */
#ifndef TRANSLATED_H
#define TRANSLATED_H

/*
 * A request's way through parser and translator, for tests.  JSON is written
 * with ' for ", which is easier to read in C.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "translate/dialect/dialect.h"
#include "translate/request/request.h"
#include "wire/buf.h"
#include "wire/fault.h"

struct sent {
	struct fault why;
	struct translation out;
	struct buf text; /* the upstream's body */
};

static inline char *
quoted(const char *text)
{
	char *json = strdup(text);

	assert_non_null(json);
	for (char *p = json; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	return json;
}

/* A profile with nothing known of the upstream. */
static inline struct profile
plain_profile(void)
{
	struct profile configured, profile;

	profile_defaults(&configured);
	dialect_resolve(&configured, "127.0.0.1", "m", &profile);
	return profile;
}

static inline void
send_as(struct sent *s, const char *body, const struct request_context *ctx)
{
	const struct request_rules rules = { .count_only = false };
	char *json = quoted(body);
	struct message_request req;

	memset(s, 0, sizeof(*s));
	buf_init(&s->text, 256 << 20);
	if (message_request_parse(&req, json, strlen(json), &rules, &s->why) ==
		0 &&
	    request_translate(&req, ctx, &s->out, &s->why) == 0)
		assert_int_equal(json_print(s->out.body, &s->text), 0);
	message_request_clear(&req);
	free(json);
}

static inline void
send_with(struct sent *s, const char *body, const struct profile *profile)
{
	struct request_context ctx = { .profile = profile, .model = "m" };

	send_as(s, body, &ctx);
}

static inline void
sent_clear(struct sent *s)
{
	translation_clear(&s->out);
	buf_clear(&s->text);
}

/* Whether the body holds (lacks) a text, ' for ". */
static inline void
assert_holds(const struct sent *s, const char *part)
{
	char *json = quoted(part);

	if (s->why.kind != FAULT_NONE)
		print_error("refused: %s\n", s->why.message);
	else if (strstr(buf_str(&s->text), json) == NULL)
		print_error("%s\nlacks %s\n", buf_str(&s->text), json);
	assert_non_null(strstr(buf_str(&s->text), json));
	free(json);
}

static inline void
assert_lacks(const struct sent *s, const char *part)
{
	char *json = quoted(part);

	if (strstr(buf_str(&s->text), json) != NULL)
		print_error("%s\nholds %s\n", buf_str(&s->text), json);
	assert_null(strstr(buf_str(&s->text), json));
	assert_int_equal(s->why.kind, FAULT_NONE);
	free(json);
}

static inline void
assert_refused(const struct sent *s, const char *part)
{
	assert_int_equal(s->why.kind, FAULT_BAD_REQUEST);
	if (strstr(s->why.message, part) == NULL)
		print_error("said: %s\n", s->why.message);
	assert_non_null(strstr(s->why.message, part));
}

/* One request, one look. */
static inline void
body_holds(const char *body, const struct profile *p, const char *part)
{
	struct sent s;

	send_with(&s, body, p);
	assert_holds(&s, part);
	sent_clear(&s);
}

static inline void
body_lacks(const char *body, const struct profile *p, const char *part)
{
	struct sent s;

	send_with(&s, body, p);
	assert_lacks(&s, part);
	sent_clear(&s);
}

static inline void
body_refused(const char *body, const char *part)
{
	struct profile p = plain_profile();
	struct sent s;

	send_with(&s, body, &p);
	assert_refused(&s, part);
	sent_clear(&s);
}

#define HEAD	   "{'model':'c','max_tokens':100,"
#define SAYS(text) "{'role':'user','content':'" text "'}"
#define HELLO	   HEAD "'messages':[" SAYS("hi") "]"

#endif
