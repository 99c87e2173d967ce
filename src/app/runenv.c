/* SPDX-License-Identifier: MIT */
/* What a command is told of the proxy by its environment. */
#include "app/runenv.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/settings.h"
#include "translate/modelpage.h"
#include "wire/buf.h"

/* What Claude Code asks for of a model that it does not know. */
#define MAX_OUTPUT 32000
/* CLAUDE_CODE_AUTO_COMPACT_WINDOW takes these. */
#define MIN_COMPACT 100000
#define MAX_COMPACT 1000000
#define MODELS_TOLD 5
#define NO_MODEL                                                               \
	"!no model is chosen: start claude with --model NAME, or set "         \
	"MODEL_MAP='*=NAME'"

/* Our own, and what would lead Claude Code past the proxy. */
static const char *const secrets[] = { "UPSTREAM_API_KEY",
	"UPSTREAM_API_KEY_FILE", "OPENROUTER_API_KEY", "PROXY_API_KEY",
	"PROXY_API_KEY_FILE", "UPSTREAM_HEADERS", "UPSTREAM_BODY",
	"UPSTREAM_BASE_URL", "ANTHROPIC_PROXY_BASE_URL" };
static const char *const detours[] = { "ANTHROPIC_API_KEY",
	"CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX",
	"CLAUDE_CODE_USE_FOUNDRY" };

/* Each unless the user has set it. */
static const char *const quiet[] = { "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
	"CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL",
	"CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY" };

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* -- secrets -------------------------------------------------------------- */

void
runenv_hide_secrets(void)
{
	for (size_t i = 0; i < COUNT(secrets); i++) {
		char *value = getenv(secrets[i]);
		char *copy = value != NULL ? strdup(value) : NULL;

		/* Once replaced, the place of old is nobody's any more. */
		if (copy != NULL && setenv(secrets[i], copy, 1) == 0 &&
		    getenv(secrets[i]) != value)
			memset(value, 0, strlen(value));
		free(copy);
	}
}

/* -- models --------------------------------------------------------------- */

static const struct tier {
	const char *variable, *model;
	bool thinks;
} tiers[] = {
	{ "ANTHROPIC_DEFAULT_OPUS_MODEL", "claude-opus-5-5", true },
	{ "ANTHROPIC_DEFAULT_SONNET_MODEL", "claude-sonnet-5-5", true },
	{ "ANTHROPIC_DEFAULT_FABLE_MODEL", "claude-fable-5-2", true },
	{ "ANTHROPIC_DEFAULT_HAIKU_MODEL", "claude-haiku-5-5", false },
};

/* An upstream's names are what strangers wrote: none may break a line or move
 * a terminal's cursor. */
static bool
is_plain(const char *name)
{
	for (; *name != '\0'; name++)
		if ((unsigned char)*name <= ' ' || *name == 0x7f ||
		    (*name == '\xc2' && (unsigned char)name[1] < 0xa0))
			return false;
	return true;
}

/* The model that the user names, NULL if none or one of Claude Code's
 * aliases. */
static const char *
named_model(char *const *argv)
{
	static const char *const aliases[] = { "opus", "sonnet", "haiku",
		"fable", "best", "default", "opusplan" };
	const char *name = getenv("ANTHROPIC_MODEL");

	for (; *argv != NULL; argv++) {
		if (strcmp(*argv, "--model") == 0 && argv[1] != NULL)
			name = argv[1];
		else if (strncmp(*argv, "--model=", 8) == 0)
			name = *argv + 8;
	}
	if (name == NULL || *name == '\0' || !is_plain(name))
		return NULL;
	for (size_t i = 0; i < COUNT(aliases); i++)
		if (strncmp(name, aliases[i], strcspn(name, "[")) == 0)
			return NULL;
	return name;
}

/*
 * The name under which Claude Code is to ask for a tier: the upstream's own,
 * so that it does not take it for a model whose limits it knows.  NULL: its
 * own name is good, or nothing else is known.
 */
static const char *
pick(const struct model_offer *o, const struct tier *t, const char *fallback)
{
	const char *to = model_route(o->routes, t->model, t->thinks);

	if (strcmp(to, t->model) == 0)
		return model_list_find(o->listed, to) != NULL ? NULL : fallback;
	/* must lead there under its own name, too */
	return is_plain(to) &&
		       strcmp(model_route(o->routes, to, t->thinks), to) == 0
		   ? to
		   : NULL;
}

struct limits {
	int64_t window, output; /* 0: not known */
};

static void
lower(int64_t *limit, int64_t to)
{
	if (to > 0 && (*limit == 0 || to < *limit))
		*limit = to;
}

static void
see_limits(const struct model_offer *o, const char *name, struct limits *l)
{
	struct model_facts f = models_follow(o, name, true);

	lower(&l->window, f.window);
	lower(&l->output, f.listed != NULL ? f.listed->max_output : 0);
}

/* Of a small window the answer may take an eighth: Claude Code sets aside as
 * much as it asks for. */
static void
put_limits(const struct limits *l, struct buf *out)
{
	int64_t output = l->output;

	lower(&output, l->window / 8);
	if (output > 0 && output < MAX_OUTPUT)
		buf_printf(out, "CLAUDE_CODE_MAX_OUTPUT_TOKENS=%lld\n",
		    (long long)output);
	if (l->window > 0)
		buf_printf(out, "CLAUDE_CODE_MAX_CONTEXT_TOKENS=%lld\n",
		    (long long)l->window);
	if (l->window > 0 && l->window < MAX_COMPACT)
		/* it takes some models for a variant with a million */
		BUF_ADD_LIT(out, "CLAUDE_CODE_DISABLE_1M_CONTEXT=1\n");
	if (l->window >= MIN_COMPACT && l->window <= MAX_COMPACT)
		buf_printf(out, "CLAUDE_CODE_AUTO_COMPACT_WINDOW=%lld\n",
		    (long long)l->window);
}

static void
tell_no_model(const struct model_list *listed, struct buf *out)
{
	size_t told = 0;

	BUF_ADD_LIT(out, NO_MODEL);
	for (size_t i = 0; i < listed->n && told < MODELS_TOLD; i++)
		if (is_plain(listed->models[i].id))
			buf_printf(out, "%s%s",
			    told++ == 0 ? " (the upstream has " : ", ",
			    listed->models[i].id);
	if (told > 0)
		buf_add_str(out, listed->n > told ? ", ...)" : ")");
	BUF_ADD_LIT(out, "\n");
}

void
runenv_choose(const struct settings *s, const struct model_list *listed,
    char *const *argv, struct buf *out)
{
	const struct model_offer offer = {
		.routes = &s->routes,
		.windows = s->context_windows,
		.n_windows = s->n_context_windows,
		.listed = listed,
	};
	const char *named = named_model(argv), *fallback = named;
	struct limits limits = { 0 };
	bool is_lost = false;

	if (fallback == NULL && listed->n == 1 &&
	    is_plain(listed->models[0].id))
		fallback = listed->models[0].id;
	for (size_t i = 0; i < COUNT(tiers); i++) {
		const struct tier *t = &tiers[i];
		const char *name = pick(&offer, t, fallback);

		if (name != NULL)
			buf_printf(out, "%s=%s\n", t->variable, name);
		else
			name = t->model;
		is_lost |= strcmp(model_route(&s->routes, name, t->thinks),
			       t->model) == 0 &&
			   model_list_find(listed, t->model) == NULL;
		if (t->thinks && named == NULL)
			see_limits(&offer, name, &limits);
	}
	if (named != NULL)
		see_limits(&offer, named, &limits);
	put_limits(&limits, out);
	if (is_lost)
		tell_no_model(listed, out);
}

/* -- the command's environment -------------------------------------------- */

/* A proxy of the user's must not get what is for this one. */
static void
bypass_proxies(void)
{
	static const char *const proxies[] = { "http_proxy", "HTTP_PROXY",
		"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" };
	static const char *const names[] = { "NO_PROXY", "no_proxy" };
	bool any = false;

	for (size_t i = 0; i < COUNT(proxies); i++)
		any |= getenv(proxies[i]) != NULL;
	for (size_t i = 0; any && i < COUNT(names); i++) {
		const char *old = getenv(names[i]);
		struct buf value;

		buf_init(&value, 64 * 1024);
		buf_printf(&value, "%s%s127.0.0.1,localhost",
		    old != NULL ? old : "", old != NULL && *old ? "," : "");
		if (!value.failed)
			(void)setenv(names[i], value.data, 1);
		buf_clear(&value);
	}
}

static void
take_lines(char *lines)
{
	char *end, *value;

	for (; (end = strchr(lines, '\n')) != NULL; lines = end + 1) {
		*end = '\0';
		if (*lines == '!') {
			fprintf(stderr, "anthropic-proxy: %s\n", lines + 1);
		} else if ((value = strchr(lines, '=')) != NULL) {
			*value = '\0';
			(void)setenv(lines, value + 1, 0);
		}
	}
}

void
runenv_set(const char *address, const char *token, char *lines)
{
	for (size_t i = 0; i < COUNT(secrets); i++)
		(void)unsetenv(secrets[i]);
	for (size_t i = 0; i < COUNT(detours); i++)
		(void)unsetenv(detours[i]);
	(void)setenv("ANTHROPIC_BASE_URL", address, 1);
	(void)setenv("ANTHROPIC_AUTH_TOKEN", token, 1);
	for (size_t i = 0; i < COUNT(quiet); i++)
		(void)setenv(quiet[i], "1", 0);
	bypass_proxies();
	take_lines(lines);
}
