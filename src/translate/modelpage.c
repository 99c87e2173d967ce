/* SPDX-License-Identifier: MIT */
/* The list of models in Anthropic's shape.  Pure. */
#include "translate/modelpage.h"

#include <stdlib.h>
#include <string.h>

#include "wire/buf.h"
#include "wire/fault.h"
#include "wire/json.h"
#include "wire/words.h"

#define DEFAULT_LIMIT  20
#define MAX_LIMIT      1000
#define MAX_LIFECYCLES 3
#define LAST_SECOND    253402300799LL /* of the year 9999 */
#define DAY	       86400

/* What Claude Code calls its models today; those of a glob are offered. */
static const char *const claude_names[] = { "claude-opus-5-5",
	"claude-sonnet-5-5", "claude-haiku-5-5", "claude-fable-5-2" };
#define N_CLAUDE_NAMES (sizeof(claude_names) / sizeof(claude_names[0]))

/* -- names in URLs -------------------------------------------------------- */

static int
hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c);

	return c == '\0' || at == NULL ? -1 : (int)(at - digits);
}

int
model_id_decode(const char *text, char out[static MODEL_ID_MAX + 1])
{
	size_t n = 0;

	for (; *text != '\0' && n < MODEL_ID_MAX; text++) {
		int high, low;

		if (*text != '%') {
			out[n++] = *text;
			continue;
		}
		if ((high = hex_digit(text[1])) == -1 ||
		    (low = hex_digit(text[2])) == -1 || high + low == 0)
			break;
		out[n++] = (char)(high * 16 + low);
		text += 2;
	}
	out[*text == '\0' ? n : 0] = '\0';
	return *text == '\0' ? 0 : -1;
}

void
model_id_encode(const char *id, struct buf *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~";

	for (; *id != '\0'; id++) {
		if (strchr(plain, *id) != NULL)
			buf_add_char(out, *id);
		else
			buf_printf(out, "%%%02X", (unsigned char)*id);
	}
}

/* -- the query ------------------------------------------------------------ */

void
model_query_init(struct model_query *q)
{
	*q = (struct model_query){ .limit = DEFAULT_LIMIT };
}

static int
take_limit(struct model_query *q, const char *text, struct fault *why)
{
	char *end;

	q->limit = strtol(text, &end, 10); /* out of range is out of ours */
	if (end == text || *end != '\0')
		return fault_set(why, FAULT_BAD_REQUEST,
		    "limit: Input should be a valid integer, unable to parse "
		    "string as an integer");
	if (q->limit < 1)
		return fault_set(why, FAULT_BAD_REQUEST,
		    "limit: Input should be greater than or equal to 1");
	if (q->limit > MAX_LIMIT)
		return fault_set(why, FAULT_BAD_REQUEST,
		    "limit: Input should be less than or equal to %d",
		    MAX_LIMIT);
	return 0;
}

static int
take_lifecycle(struct model_query *q, const char *text, struct fault *why)
{
	int i = words_find("active|deprecated|retired", text);

	if (q->n_lifecycles == MAX_LIFECYCLES)
		return fault_set(why, FAULT_BAD_REQUEST,
		    "lifecycle: List should have at most %d items",
		    MAX_LIFECYCLES);
	if (i == -1)
		return fault_set(why, FAULT_BAD_REQUEST,
		    "lifecycle.%u: Input should be 'active', 'deprecated' or "
		    "'retired'",
		    q->n_lifecycles);
	q->n_lifecycles++;
	q->lifecycles |= 1u << i;
	return 0;
}

int
model_query_add(struct model_query *q, const char *name, const char *value,
    struct fault *why)
{
	char key[MODEL_ID_MAX + 1], text[MODEL_ID_MAX + 1];
	bool before;

	if (model_id_decode(name, key) == -1)
		return 0;
	if (model_id_decode(value, text) == -1)
		text[0] = '\0'; /* what no model is called, no limit is */
	if (strcmp(key, "limit") == 0)
		return take_limit(q, text, why);
	if (strcmp(key, "lifecycle[]") == 0 || strcmp(key, "lifecycle") == 0)
		return take_lifecycle(q, text, why);
	before = strcmp(key, "before_id") == 0;
	if (!before && strcmp(key, "after_id") != 0)
		return 0;
	if (q->has_cursor && q->backwards != before)
		return fault_set(why, FAULT_BAD_REQUEST,
		    "before_id: cannot be given together with after_id");
	q->has_cursor = true;
	q->backwards = before;
	memcpy(q->cursor, text, sizeof(text));
	return 0;
}

/* -- one model ------------------------------------------------------------ */

/* `near`: an entry that may be the one; or NULL. */
static struct model_facts
follow(const struct model_offer *offer, const char *id, bool thinks,
    const struct listed_model *near)
{
	struct model_facts f = { .model =
				     model_route(offer->routes, id, thinks) };

	if (near != NULL && strcmp(near->id, f.model) == 0)
		f.listed = near;
	else
		f.listed = model_list_find(offer->listed, f.model);
	if (f.listed != NULL)
		f.window = f.listed->window;
	for (size_t i = 0; i < offer->n_windows; i++)
		if (model_glob(offer->windows[i].glob, f.model)) {
			f.window = strtoll(offer->windows[i].model, NULL, 10);
			break;
		}
	return f;
}

struct model_facts
models_follow(const struct model_offer *offer, const char *id, bool thinks)
{
	return follow(offer, id, thinks, NULL);
}

/* RFC 3339.  Years begin in March here: a leap day is then a year's last. */
static void
put_time(struct buf *out, int64_t seconds)
{
	int64_t at = seconds > LAST_SECOND ? 0 : seconds;
	unsigned second = (unsigned)(at % DAY);
	unsigned day = (unsigned)(at / DAY) + 719468; /* since 1 March 0 */
	unsigned era = day / 146097, of_era = day % 146097; /* 400 years */
	unsigned year =
	    (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * of_year + 2) / 153;
	unsigned january = month > 9;

	buf_printf(out, "\"%04u-%02u-%02uT%02u:%02u:%02uZ\"",
	    era * 400 + year + january, month + 3 - 12 * january,
	    of_year - (153 * month + 2) / 5 + 1, second / 3600,
	    second / 60 % 60, second % 60);
}

static void
put_count(struct buf *out, int64_t n)
{
	if (n > 0)
		buf_add_int(out, n);
	else
		BUF_ADD_LIT(out, "null");
}

/* The name for people tells where an alias leads. */
static void
put_display_name(struct buf *out, const char *id, const struct model_facts *f)
{
	if (strcmp(id, f->model) == 0) {
		json_put_string(
		    out, f->listed != NULL && f->listed->name != NULL
			     ? f->listed->name
			     : id);
		return;
	}
	BUF_ADD_LIT(out, "\"");
	json_escape(out, id, strlen(id));
	BUF_ADD_LIT(out, " (");
	json_escape(out, f->model, strlen(f->model));
	BUF_ADD_LIT(out, ")\"");
}

static void
put_model(const struct model_offer *offer, const char *id,
    const struct listed_model *near, struct buf *out)
{
	struct model_facts f = follow(offer, id, false, near);
	struct model_facts thinking = follow(offer, id, true, f.listed);
	const struct listed_model *m = f.listed;

	/* A client plans with it: of two models the smaller one's. */
	if (f.window == 0 ||
	    (thinking.window > 0 && thinking.window < f.window))
		f.window = thinking.window;
	BUF_ADD_LIT(out, "{\"type\":\"model\",\"id\":");
	json_put_string(out, id);
	BUF_ADD_LIT(out, ",\"display_name\":");
	put_display_name(out, id, &f);
	BUF_ADD_LIT(out, ",\"created_at\":");
	put_time(out, m != NULL ? m->created : 0);
	BUF_ADD_LIT(out, ",\"lifecycle\":\"active\",\"deprecated_at\":null,"
			 "\"retires_at\":");
	if (m != NULL && m->retires[0] != '\0')
		buf_printf(out, "\"%sT00:00:00Z\"", m->retires);
	else
		BUF_ADD_LIT(out, "null");
	BUF_ADD_LIT(out, ",\"line\":null,\"max_input_tokens\":");
	put_count(out, f.window);
	BUF_ADD_LIT(out, ",\"max_tokens\":");
	put_count(out, m != NULL ? m->max_output : 0);
	BUF_ADD_LIT(out, ",\"capabilities\":null}");
}

bool
models_print_one(
    const struct model_offer *offer, const char *id, struct buf *out)
{
	const struct listed_model *m = model_list_find(offer->listed, id);

	if (m == NULL && model_rules_find(offer->routes, id) == NULL)
		return false;
	put_model(offer, id, m, out);
	return true;
}

/* -- the list ------------------------------------------------------------- */

struct entry {
	const char *id;
	const struct listed_model *listed; /* NULL: not the upstream's */
};

struct entries {
	struct entry *list;
	size_t n, n_own; /* those that are ours come first */
};

static void
add_entry(struct entries *e, const char *id, const struct listed_model *listed)
{
	for (size_t i = 0; i < e->n_own; i++)
		if (strcmp(e->list[i].id, id) == 0)
			return;
	e->list[e->n++] = (struct entry){ id, listed };
	if (listed == NULL)
		e->n_own = e->n;
}

static int
collect(const struct model_offer *offer, struct entries *e, struct fault *why)
{
	const struct model_routes *r = offer->routes;
	size_t room = r->n_rules + N_CLAUDE_NAMES + offer->listed->n;

	*e = (struct entries){ .list = calloc(room, sizeof(*e->list)) };
	if (e->list == NULL)
		return fault_no_memory(why);
	for (size_t i = 0; i < r->n_rules; i++)
		if (strpbrk(r->rules[i].glob, "*?") == NULL)
			add_entry(e, r->rules[i].glob, NULL);
	for (size_t i = 0; i < N_CLAUDE_NAMES; i++)
		if (model_rules_find(r, claude_names[i]) != NULL)
			add_entry(e, claude_names[i], NULL);
	for (size_t i = 0; i < offer->listed->n; i++)
		add_entry(
		    e, offer->listed->models[i].id, &offer->listed->models[i]);
	return 0;
}

/*
 * The page's first entry and the one behind its last.  Of an id that comes
 * twice the one further on counts, so that paging always ends.
 */
static int
cut(const struct entries *e, const struct model_query *q, size_t *from,
    size_t *to, struct fault *why)
{
	size_t limit = (size_t)q->limit, at = e->n;

	for (size_t i = 0; q->has_cursor && i < e->n; i++)
		if (strcmp(e->list[i].id, q->cursor) == 0) {
			at = i;
			if (q->backwards)
				break;
		}
	if (q->has_cursor && at == e->n)
		return fault_set(why, FAULT_BAD_REQUEST,
		    "%s: no model has the id \"%s\"",
		    q->backwards ? "before_id" : "after_id", q->cursor);
	if (q->has_cursor && q->backwards) {
		*to = at;
		*from = at > limit ? at - limit : 0;
	} else {
		*from = q->has_cursor ? at + 1 : 0;
		*to = e->n - *from > limit ? *from + limit : e->n;
	}
	return 0;
}

int
models_print_page(const struct model_offer *offer, const struct model_query *q,
    struct buf *out, struct fault *why)
{
	struct entries e;
	size_t from = 0, to = 0;
	int rc = -1;

	if (collect(offer, &e, why) == -1 || cut(&e, q, &from, &to, why) == -1)
		goto out;
	if (q->lifecycles != 0 && (q->lifecycles & 1) == 0)
		to = from =
		    q->backwards ? 0 : e.n; /* all there are, are active */
	BUF_ADD_LIT(out, "{\"data\":[");
	for (size_t i = from; i < to; i++) {
		if (i > from)
			BUF_ADD_LIT(out, ",");
		put_model(offer, e.list[i].id, e.list[i].listed, out);
	}
	buf_printf(out, "],\"has_more\":%s,\"first_id\":",
	    (q->backwards ? from > 0 : to < e.n) ? "true" : "false");
	if (from == to) {
		BUF_ADD_LIT(out, "null,\"last_id\":null}");
	} else {
		json_put_string(out, e.list[from].id);
		BUF_ADD_LIT(out, ",\"last_id\":");
		json_put_string(out, e.list[to - 1].id);
		BUF_ADD_LIT(out, "}");
	}
	rc = out->failed ? fault_no_memory(why) : 0;
out:
	free(e.list);
	return rc;
}
