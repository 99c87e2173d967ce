/* SPDX-License-Identifier: MIT */
/* The demo's wit.  Knows Chat Completions, not sockets. */
#include "app/demo_answer.h"

#include <ctype.h>
#include <string.h>

#include "wire/fault.h"
#include "wire/json.h"

#define CALLS_MAX  8
#define TRIES_MAX  100 /* a text full of half calls is no work for hours */
#define NAME_MAX   256
#define ECHO_MAX   ((size_t)2000)
#define QUOTE_MAX  ((size_t)500)
#define ANSWER_MAX ((size_t)4 * 1024 * 1024)

static const struct json_limits limits = { .max_depth = 512,
	.max_values = 2000000 };

struct call {
	const char *name, *arguments; /* borrowed; arguments are JSON */
	size_t name_len, arguments_len;
};

/* What is to be said, before it is put into one form or the other. */
struct speech {
	struct buf text;  /* decoded; empty when there are calls */
	struct buf heard; /* the last user's text; calls point into it */
	struct call calls[CALLS_MAX];
	size_t n_calls;
	const char *finish;
	long prompt_tokens, completion_tokens;
};

/* -- listening ----------------------------------------------------------------
 */

/* Appends the text of a content: a string, or parts of which texts count. */
static void
add_content(struct buf *out, const struct json_doc *doc, const cJSON *content,
    bool last_only)
{
	const cJSON *part;

	if (cJSON_IsString(content))
		json_unescape(out, json_body(doc, content));
	if (!cJSON_IsArray(content))
		return;
	cJSON_ArrayForEach(part, content) {
		if (!json_is(json_get(part, "type"), "text"))
			continue;
		if (last_only)
			buf_reset(out);
		json_unescape(out, json_body(doc, json_get(part, "text")));
	}
}

static const cJSON *
last_of(const cJSON *array)
{
	const cJSON *item, *last = NULL;

	cJSON_ArrayForEach(item, array)
		last = item;
	return last;
}

static const cJSON *
find_tool(const cJSON *root, const char *name, size_t len)
{
	const cJSON *tool;

	cJSON_ArrayForEach(tool, json_get(root, "tools")) {
		const char *offered =
		    json_get_string(json_get(tool, "function"), "name");

		if (offered != NULL && strlen(offered) == len &&
		    memcmp(offered, name, len) == 0)
			return tool;
	}
	return NULL;
}

/* The length of the JSON object that begins here, 0 if there is none. */
static size_t
object_length(const char *text, size_t len)
{
	bool in_string = false;
	size_t depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (in_string && text[i] == '\\') {
			i++;
		} else if (text[i] == '"') {
			in_string = !in_string;
		} else if (in_string) {
			continue;
		} else if (text[i] == '{') {
			depth++;
		} else if (text[i] == '}' && --depth == 0) {
			return json_check(text, i + 1, '{', &limits) == 0
				   ? i + 1
				   : 0;
		}
	}
	return 0;
}

static bool
is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

/* Reads `call NAME {json}`, whose `call ` stands there; its length, or 0. */
static size_t
read_call(const cJSON *root, const char *text, size_t len, struct call *call)
{
	size_t at = 5, name_at, arguments = 0;

	while (at < len && text[at] == ' ')
		at++;
	name_at = at;
	while (at < len && at - name_at < NAME_MAX && is_name_char(text[at]))
		at++;
	*call = (struct call){ text + name_at, "{}", at - name_at, 2 };
	if (find_tool(root, call->name, call->name_len) == NULL)
		return 0;
	while (at < len && isspace((unsigned char)text[at]))
		at++;
	if (at < len && text[at] == '{')
		arguments = object_length(text + at, len - at);
	if (arguments == 0)
		return 0;
	call->arguments = text + at;
	call->arguments_len = arguments;
	return at + arguments;
}

static void
find_calls(struct speech *s, const cJSON *root)
{
	const char *text = s->heard.data;
	size_t most = CALLS_MAX, len = s->heard.len, used, tries = 0;

	if (cJSON_IsFalse(json_get(root, "parallel_tool_calls")))
		most = 1;
	for (size_t i = 0; i < len && s->n_calls < most; i += used) {
		bool is_start = (i == 0 || !is_name_char(text[i - 1])) &&
				len - i > 5 &&
				memcmp(text + i, "call ", 5) == 0;

		used = 0;
		if (is_start && tries++ < TRIES_MAX)
			used = read_call(
			    root, text + i, len - i, &s->calls[s->n_calls]);
		if (used > 0)
			s->n_calls++;
		else
			used = 1;
	}
}

/* tool_choice that demands a call which the user did not spell out. */
static void
obey_choice(struct speech *s, const cJSON *root)
{
	const cJSON *choice = json_get(root, "tool_choice");
	const char *name =
	    json_get_string(json_get(choice, "function"), "name");
	const cJSON *tools = json_get(root, "tools");

	if (name == NULL && json_is(choice, "required") && cJSON_IsArray(tools))
		name =
		    json_get_string(json_get(tools->child, "function"), "name");
	if (name == NULL)
		return;
	s->calls[0] = (struct call){ name, "{}", strlen(name), 2 };
	s->n_calls = 1;
}

/* -- thinking
 * ------------------------------------------------------------------ */

/* Appends at most max bytes, cut between characters. */
static void
add_cut(struct buf *out, const struct buf *text, size_t max)
{
	size_t len = text->len;

	if (len > max) {
		len = max;
		while (len > 0 && (text->data[len] & 0xC0) == 0x80)
			len--;
	}
	buf_add(out, text->data, len);
	if (len < text->len)
		buf_add_str(out, " [...]");
}

static void
quote_result(struct speech *s, const struct json_doc *doc, const cJSON *message)
{
	struct buf result;

	buf_init(&result, ANSWER_MAX);
	add_content(&result, doc, json_get(message, "content"), false);
	buf_add_str(&s->text, "The tool answered: \"");
	add_cut(&s->text, &result, QUOTE_MAX);
	buf_add_str(&s->text, "\". That is all I know.");
	buf_clear(&result);
}

static void
echo(struct speech *s)
{
	buf_add_str(&s->text, "This is the demo upstream. You said: ");
	add_cut(&s->text, &s->heard, ECHO_MAX);
}

/* Cuts the text after max words; how many there are then. */
static long
limit_words(struct speech *s, int64_t max)
{
	long words = 0;

	for (size_t i = 0; i < s->text.len; i++) {
		if (i > 0 &&
		    (s->text.data[i - 1] != ' ' || s->text.data[i] == ' '))
			continue;
		if (words == max) {
			s->text.len = i;
			s->finish = "length";
			break;
		}
		words++;
	}
	return words;
}

static int64_t
word_limit(const struct json_doc *doc)
{
	int64_t max;

	if (json_int64(doc, json_get(doc->root, "max_completion_tokens"),
		&max) == -1 &&
	    json_int64(doc, json_get(doc->root, "max_tokens"), &max) == -1)
		return INT64_MAX;
	return max < 1 ? 1 : max;
}

/* NULL, or what is wrong with the request. */
static const char *
think(struct speech *s, const struct json_doc *doc)
{
	const cJSON *messages = json_get(doc->root, "messages");
	const cJSON *last = last_of(messages), *message;

	if (!cJSON_IsArray(messages) || last == NULL)
		return "messages: a list that is not empty is required";
	s->finish = "stop";
	s->prompt_tokens = (long)(doc->len / 4) + 1;
	cJSON_ArrayForEach(message, messages) {
		if (!json_is(json_get(message, "role"), "user"))
			continue;
		buf_reset(&s->heard);
		add_content(&s->heard, doc, json_get(message, "content"), true);
	}
	if (json_is(json_get(last, "role"), "tool")) {
		quote_result(s, doc, last);
	} else if (!json_is(json_get(doc->root, "tool_choice"), "none") &&
		   json_get(doc->root, "tools") != NULL) {
		find_calls(s, doc->root);
		if (s->n_calls == 0)
			obey_choice(s, doc->root);
	}
	if (s->n_calls > 0)
		s->finish = "tool_calls";
	else if (s->text.len == 0)
		echo(s);
	s->completion_tokens =
	    limit_words(s, word_limit(doc)) + 8 * (long)s->n_calls;
	return NULL;
}

/* -- speaking
 * ------------------------------------------------------------------ */

static void
put_string(struct buf *out, const char *bytes, size_t len)
{
	buf_add_char(out, '"');
	json_escape(out, bytes, len);
	buf_add_char(out, '"');
}

static void
put_head(struct buf *out, const char *object, const char *model,
    const struct demo_clock *clock)
{
	buf_printf(out,
	    "{\"id\":\"chatcmpl-demo-%lu\",\"object\":\"%s\","
	    "\"created\":%lld,\"model\":",
	    clock->serial, object, clock->created);
	json_put_string(out, model);
}

static void
put_call_head(struct buf *out, const struct call *call, size_t index,
    const struct demo_clock *clock)
{
	buf_printf(out,
	    "\"id\":\"call_demo_%lu_%zu\",\"type\":\"function\","
	    "\"function\":{\"name\":",
	    clock->serial, index);
	put_string(out, call->name, call->name_len);
	BUF_ADD_LIT(out, ",\"arguments\":");
}

static void
put_usage(struct buf *out, const struct speech *s)
{
	buf_printf(out,
	    "\"usage\":{\"prompt_tokens\":%ld,\"completion_tokens\":%ld,"
	    "\"total_tokens\":%ld}",
	    s->prompt_tokens, s->completion_tokens,
	    s->prompt_tokens + s->completion_tokens);
}

static void
speak_whole(struct buf *out, const struct speech *s, const char *model,
    const struct demo_clock *clock)
{
	put_head(out, "chat.completion", model, clock);
	BUF_ADD_LIT(out, ",\"choices\":[{\"index\":0,\"message\":{\"role\":"
			 "\"assistant\",\"content\":");
	if (s->n_calls == 0)
		put_string(out, s->text.data, s->text.len);
	else
		BUF_ADD_LIT(out, "null,\"tool_calls\":[");
	for (size_t i = 0; i < s->n_calls; i++) {
		buf_add_str(out, i == 0 ? "{" : ",{");
		put_call_head(out, &s->calls[i], i, clock);
		put_string(
		    out, s->calls[i].arguments, s->calls[i].arguments_len);
		BUF_ADD_LIT(out, "}}");
	}
	buf_add_str(out, s->n_calls == 0 ? "" : "]");
	buf_printf(out, "},\"finish_reason\":\"%s\"}],", s->finish);
	put_usage(out, s);
	BUF_ADD_LIT(out, "}\n");
}

/* One stream in the making. */
struct stream {
	struct buf *out;
	const struct speech *s;
	const char *model;
	const struct demo_clock *clock;
};

static void
begin_chunk(const struct stream *st)
{
	BUF_ADD_LIT(st->out, "data: ");
	put_head(st->out, "chat.completion.chunk", st->model, st->clock);
	BUF_ADD_LIT(st->out, ",\"choices\":[{\"index\":0,\"delta\":{");
}

static void
end_chunk(const struct stream *st, const char *finish)
{
	if (finish == NULL)
		BUF_ADD_LIT(st->out, "},\"finish_reason\":null}]}\n\n");
	else
		buf_printf(
		    st->out, "},\"finish_reason\":\"%s\"}]}\n\n", finish);
}

static void
stream_text(const struct stream *st)
{
	const struct buf *text = &st->s->text;
	size_t from = 0;

	while (from < text->len) {
		size_t to = from;

		while (to < text->len && text->data[to] != ' ')
			to++;
		while (to < text->len && text->data[to] == ' ')
			to++;
		begin_chunk(st);
		BUF_ADD_LIT(st->out, "\"content\":");
		put_string(st->out, text->data + from, to - from);
		end_chunk(st, NULL);
		from = to;
	}
}

/* The arguments come in two pieces, as clients must expect them to. */
static void
stream_call(const struct stream *st, size_t index)
{
	const struct call *call = &st->s->calls[index];
	size_t half = call->arguments_len / 2;

	while (half > 0 && (call->arguments[half] & 0xC0) == 0x80)
		half--;
	begin_chunk(st);
	buf_printf(st->out, "\"tool_calls\":[{\"index\":%zu,", index);
	put_call_head(st->out, call, index, st->clock);
	BUF_ADD_LIT(st->out, "\"\"}}]");
	end_chunk(st, NULL);
	for (int piece = 0; piece < 2; piece++) {
		begin_chunk(st);
		buf_printf(st->out,
		    "\"tool_calls\":[{\"index\":%zu,\"function\":{"
		    "\"arguments\":",
		    index);
		put_string(st->out, call->arguments + (piece ? half : 0),
		    piece ? call->arguments_len - half : half);
		BUF_ADD_LIT(st->out, "}}]");
		end_chunk(st, NULL);
	}
}

static void
speak_stream(const struct stream *st, bool usage)
{
	begin_chunk(st);
	BUF_ADD_LIT(st->out, "\"role\":\"assistant\",\"content\":\"\"");
	end_chunk(st, NULL);
	if (st->s->n_calls == 0)
		stream_text(st);
	for (size_t i = 0; i < st->s->n_calls; i++)
		stream_call(st, i);
	begin_chunk(st);
	end_chunk(st, st->s->finish);
	if (usage) {
		BUF_ADD_LIT(st->out, "data: ");
		put_head(
		    st->out, "chat.completion.chunk", st->model, st->clock);
		BUF_ADD_LIT(st->out, ",\"choices\":[],");
		put_usage(st->out, st->s);
		BUF_ADD_LIT(st->out, "}\n\n");
	}
	BUF_ADD_LIT(st->out, "data: [DONE]\n\n");
}

static void
fail(struct demo_answer *a, const char *message)
{
	a->status = 400;
	a->is_stream = false;
	demo_answer_error(&a->body, message);
}

void
demo_answer_make(struct demo_answer *a, const char *body, size_t len,
    const struct demo_clock *clock)
{
	struct speech s = { .n_calls = 0 };
	struct fault why = { 0 };
	struct json_doc doc;
	const char *wrong = NULL, *model;

	*a = (struct demo_answer){ .status = 200 };
	buf_init(&a->body, ANSWER_MAX);
	buf_init(&s.text, ANSWER_MAX);
	buf_init(&s.heard, len + 1);
	if (json_parse(&doc, body, len, &limits, &why) == -1) {
		wrong = why.message;
	} else if ((wrong = think(&s, &doc)) == NULL) {
		model = json_get_string(doc.root, "model");
		if (model == NULL)
			model = DEMO_MODEL;
		a->is_stream = json_get_true(doc.root, "stream");
		if (a->is_stream)
			speak_stream(
			    &(struct stream){ &a->body, &s, model, clock },
			    json_get_true(json_get(doc.root, "stream_options"),
				"include_usage"));
		else
			speak_whole(&a->body, &s, model, clock);
		if (a->body.failed || s.text.failed || s.heard.failed)
			wrong = "the answer grew too large";
	}
	if (wrong != NULL) {
		buf_reset(&a->body);
		fail(a, wrong);
	}
	json_doc_clear(&doc);
	buf_clear(&s.text);
	buf_clear(&s.heard);
}

void
demo_answer_clear(struct demo_answer *a)
{
	buf_clear(&a->body);
}

void
demo_answer_models(struct buf *out, const struct demo_clock *clock)
{
	buf_printf(out,
	    "{\"object\":\"list\",\"data\":[{\"id\":\"" DEMO_MODEL
	    "\",\"object\":\"model\",\"created\":%lld,\"owned_by\":\"demo\"}]"
	    "}\n",
	    clock->created);
}

void
demo_answer_error(struct buf *out, const char *message)
{
	BUF_ADD_LIT(out, "{\"error\":{\"message\":");
	json_put_string(out, message);
	BUF_ADD_LIT(out, ",\"type\":\"invalid_request_error\",\"param\":null,"
			 "\"code\":null}}\n");
}
