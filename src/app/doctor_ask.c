/* SPDX-License-Identifier: MIT */
/* The questions and their answers.  Judges nothing: that is doctor_judge's. */
#include "app/doctor_ask.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/attempts.h"
#include "server/prepare.h"
#include "server/secret.h"
#include "server/server.h"
#include "server/settings.h"
#include "server/upstream.h"
#include "wire/buf.h"
#include "wire/sse.h"
#include "wire/utf8.h"
#include "wire/words.h"

#define MAX_ANSWER   ((size_t)4 * 1024 * 1024)
#define SHORTEST_KEY 4

/* What tools are offered, beside fields that some servers refuse. */
static const char offer[] =
    "\"tools\":[{\"name\":\"get_weather\",\"description\":\"Tells the weather "
    "of one city now.\",\"input_schema\":{\"$schema\":"
    "\"http://json-schema.org/draft-07/schema#\",\"type\":\"object\","
    "\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"],"
    "\"additionalProperties\":false}}],\"system\":\"You are a helpful "
    "assistant.\",\"temperature\":1,\"metadata\":{\"user_id\":\"doctor\"},";

#define USER(text) "\"messages\":[{\"role\":\"user\",\"content\":" text "}"
#define PICTURE                                                                \
	"iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAIAAAAlC+aJAAAAS0lEQVR42u3PQQkAAAgA" \
	"setfWiP4FgYrsKZeS0BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBA" \
	"QEBAQEBAQEBAQEDgsqnc8OJg6Ln3AAAAAElFTkSuQmCC"

#define TURNS                                                                  \
	USER("\"What is the weather in Paris?\"")                              \
	",{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\","        \
	"\"id\":\"toolu_01doctor\",\"name\":\"get_weather\",\"input\":{"       \
	"\"city\":\"Paris\"}}]},{\"role\":\"user\",\"content\":[{"             \
	"\"type\":\"tool_result\",\"tool_use_id\":\"toolu_01doctor\","         \
	"\"content\":\"sunny, 21 C\"},{\"type\":\"text\",\"text\":"            \
	"\"Answer in one word.\"}]},{\"role\":\"system\",\"content\":"         \
	"\"Be brief.\"}"
#define SUM USER("\"What is 17 times 23? Answer with the number.\"")

/* The questions, in the form of a client that has much to ask for; the
 * messages come last, and open. */
static const struct {
	const char *what, *body;
	bool has_tools;
	enum { PLAIN, ON, OFF } thinking;
	int max_tokens;
} questions[N_PROBES] = {
	[PROBE_LIST] = { .what = "the list of models" },
	[PROBE_CHAT] = { "a streamed word", USER("\"Say the one word: ok\""),
	    .max_tokens = 64 },
	[PROBE_TOOLS] = { "tools, two at once",
	    USER("\"What is the weather in Paris and in Rome? Ask for both at "
		 "once: call get_weather {\\\"city\\\":\\\"Paris\\\"} and call "
		 "get_weather {\\\"city\\\":\\\"Rome\\\"}\""),
	    true, PLAIN, 1024 },
	[PROBE_FORCED] = { "a forced tool",
	    "\"tool_choice\":{\"type\":\"tool\",\"name\":\"get_weather\","
	    "\"disable_parallel_tool_use\":true}," USER(
		"\"Hello from Paris!\""),
	    true, PLAIN, 1024 },
	[PROBE_RESULT] = { "the turn behind a tool", TURNS, true, ON, 2048 },
	[PROBE_IMAGE] = { "an image",
	    USER("[{\"type\":\"image\",\"source\":{\"type\":\"base64\","
		 "\"media_type\":\"image/png\",\"data\":\"" PICTURE
		 "\"}},{\"type\":\"text\",\"text\":\"Which colour is this? One "
		 "word.\"}]"),
	    .max_tokens = 1024 },
	[PROBE_THINKING] = { "reasoning", SUM, .thinking = ON,
	    .max_tokens = 2048 },
	[PROBE_QUIET] = { "reasoning switched off", SUM, .thinking = OFF,
	    .max_tokens = 1024 },
};

/* A question under way. */
struct listening {
	struct buf said;
	long long end_ms;
	bool is_late;
};

/* -- secrets -------------------------------------------------------------- */

static void
hide_one(char *text, const char *secret, size_t len)
{
	static const char stars[] = "***";

	if (len < SHORTEST_KEY)
		return;
	for (char *p = text; *p != '\0'; p++) {
		if (strncmp(p, secret, len) != 0)
			continue;
		memmove(p + 3, p + len, strlen(p + len) + 1);
		memcpy(p, stars, 3);
		p += 2;
	}
}

/* Servers repeat in their complaints what they were sent: our keys must not
 * stand in a text that is made to be shown. */
static void
hide_secrets(const struct prober *p, char *text)
{
	static const char plain[] =
	    "accept|content-type|user-agent|accept-encoding";
	const char *q = p->settings->upstream.query;

	if (p->settings->upstream_key != NULL)
		hide_one(text, p->settings->upstream_key,
		    strlen(p->settings->upstream_key));
	for (size_t i = 0; i < p->headers.n; i++) {
		const struct header *h = &p->headers.list[i];

		if (words_find_any_case(plain, h->name, strlen(h->name)) == -1)
			hide_one(text, h->value, strlen(h->value));
	}
	q += *q == '?';
	while (*q != '\0') {
		size_t name = strcspn(q, "=&"), len = strcspn(q, "&");

		if (len > name && strncmp(q, "api-version=", 12) != 0)
			hide_one(text, q + name + 1, len - name - 1);
		q += len + (q[len] == '&');
	}
}

void
doctor_note_fault(
    const struct prober *p, const struct fault *fault, struct probe *out)
{
	char text[FAULT_MESSAGE_MAX];
	size_t len;

	memcpy(text, fault->message, sizeof(text));
	hide_secrets(p, text);
	len = strlen(text);
	if (len >= sizeof(out->message))
		len = utf8_cut(text, sizeof(out->message) - 1);
	out->kind = fault->kind;
	snprintf(out->message, sizeof(out->message), "%.*s", (int)len, text);
}

/* -- the answer ----------------------------------------------------------- */

/* Takes the events; the limit is on the whole of an answer. */
static int
take_events(void *cookie, struct buf *events)
{
	struct listening *l = cookie;

	buf_add(&l->said, events->data, events->len);
	buf_reset(events);
	l->is_late = server_now_ms() >= l->end_ms;
	return l->said.failed || l->is_late ? -1 : 0;
}

static void
read_signature(const char *text, struct probe *out)
{
	struct envelope e = { 0 };

	if (text != NULL && envelope_parse(text, strlen(text), &e) == 1 &&
	    e.form != FORM_NONE)
		out->form = e.form;
	envelope_clear(&e);
}

static void
read_event(const cJSON *event, struct probe *out, struct buf *text)
{
	const cJSON *block = json_get(event, "content_block");
	const cJSON *delta = json_get(event, "delta");
	const cJSON *kind = json_get(block, "type");
	const char *piece = json_get_string(delta, "text");

	if (json_is(kind, "tool_use"))
		out->calls++;
	if (json_is(kind, "thinking") || json_is(kind, "redacted_thinking"))
		out->thinks = true;
	read_signature(json_get_string(block, "data"), out);
	read_signature(json_get_string(delta, "signature"), out);
	if (piece != NULL)
		buf_add_str(text, piece);
}

static bool
has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = text; *p != '\0'; p++)
		if (strncasecmp(p, word, n) == 0 &&
		    (p == text || !isalpha((unsigned char)p[-1])) &&
		    !isalpha((unsigned char)p[n]))
			return true;
	return false;
}

/* The events as the client would have got them. */
static void
read_answer(const struct buf *said, struct probe *out)
{
	struct sse_event event;
	struct json_doc doc;
	struct buf text;
	struct sse in;

	buf_init(&text, MAX_ANSWER);
	sse_init(&in, MAX_ANSWER);
	if (said->len > 0 && sse_push(&in, said->data, said->len) == 0)
		while (sse_next(&in, &event) == 1) {
			if (json_parse(
				&doc, event.data, event.len, NULL, NULL) == 0)
				read_event(doc.root, out, &text);
			json_doc_clear(&doc);
		}
	out->says_red = has_word(buf_str(&text), "red");
	sse_clear(&in);
	buf_clear(&text);
}

/* -- a question ----------------------------------------------------------- */

void
doctor_tell_progress(struct prober *p, enum probe_name name)
{
	int n = ++p->n_asked;

	p->wanted->progress(
	    questions[name].what, n, n > N_PROBES ? n : N_PROBES);
}

static void
random_text(void *cookie, char *out, size_t len)
{
	(void)cookie;
	secret_random_text(out, len);
}

static void
take_outcome(const struct prober *p, struct attempts *a,
    const struct listening *l, struct probe *out)
{
	static const char *const fields[] = { "max_completion_tokens",
		"max_tokens" };
	struct fault late = { 0 };

	out->status = a->head.status;
	out->is_events =
	    strncmp(a->head.content_type, "text/event-stream", 17) == 0;
	for (size_t i = 0; i < 2; i++)
		if (json_get(a->translation.body, fields[i]) != NULL)
			out->token_field = fields[i];
	if (a->fault.kind == FAULT_NONE && a->client_gone) {
		fault_set(&late, l->is_late ? FAULT_TIMEOUT : FAULT_TOO_LARGE,
		    l->is_late ? "no end of the answer in %ld s"
			       : "the answer is longer than asked for",
		    p->settings->first_byte_timeout_ms / 1000);
		doctor_note_fault(p, &late, out);
		return;
	}
	doctor_note_fault(p, &a->fault, out);
	if (a->fault.kind != FAULT_NONE)
		return;
	out->has_usage = stream_usage(a->stream)->reported;
	read_answer(&l->said, out);
}

/* Sends one body the way that relay.c does. */
static void
ask(struct prober *p, const char *body, size_t len, bool show_all,
    struct probe *out)
{
	struct request_rules rules = { .json = { 64, 1000 } };
	const struct settings *s = p->settings;
	struct message_request request = { 0 };
	long long began = server_now_ms();
	struct listening l = { .end_ms = began + s->first_byte_timeout_ms };
	const char *extra = s->upstream_body;
	struct json_doc doc = { 0 };
	struct attempts a;

	buf_init(&l.said, MAX_ANSWER);
	attempts_init(&a, p->server, s);
	a.request = &request;
	a.cancel = &p->cancel;
	a.began_ms = began;
	a.deliver = take_events;
	a.cookie = &l;
	if (message_request_parse(&request, body, len, &rules, &a.fault) == 0 &&
	    (extra == NULL ||
		json_parse(&doc, extra, strlen(extra), NULL, &a.fault) == 0)) {
		a.context = (struct request_context){
			.model = p->f->model,
			.extra_body = doc.root,
			.extra_doc = &doc,
		};
		a.env = (struct stream_env){
			.message_id = "msg_doctor",
			.request_id = "req_doctor",
			.random_text = random_text,
			.max_line_bytes = s->max_line_bytes,
			.max_reply_bytes = s->max_reply_bytes,
			.host = s->upstream.host,
			.own_key = s->upstream_key,
			.client_model = request.model,
		};
		if (prepare_request(&a) == 0) {
			a.translation.terms.show_thinking |= show_all;
			attempts_run(&a);
		}
	}
	out->asked = true;
	out->took_ms = (long)(server_now_ms() - began);
	take_outcome(p, &a, &l, out);
	attempts_clear(&a);
	message_request_clear(&request);
	json_doc_clear(&doc);
	buf_clear(&l.said);
}

const struct probe *
doctor_ask(struct prober *p, enum probe_name name, struct probe *out)
{
	static const char *const thinking[] = { "",
		"\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024},",
		"\"thinking\":{\"type\":\"disabled\"}," };
	struct buf body;

	doctor_tell_progress(p, name);
	*out = (struct probe){ 0 };
	buf_init(&body, 16 * 1024);
	BUF_ADD_LIT(&body, "{\"stream\":true,\"model\":");
	json_put_string(&body, p->f->model);
	buf_printf(&body, ",\"max_tokens\":%d,%s%s%s]}",
	    questions[name].max_tokens, thinking[questions[name].thinking],
	    questions[name].has_tools ? offer : "", questions[name].body);
	/* a thought that nobody asked for is of interest here */
	ask(p, buf_str(&body), body.len, name == PROBE_QUIET, out);
	buf_clear(&body);
	return out;
}
