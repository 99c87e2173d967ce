/* SPDX-License-Identifier: MIT */
/*
 * What is known of the upstreams before they answer: one table by host and
 * model.  Knows nothing of their answers (learn.c).
 */
#include "translate/dialect/dialect.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "translate/models.h"

#define OPENAI_HOSTS                                                           \
	"openai.com|openai.azure.com|cognitiveservices.azure."                 \
	"com|services.ai.azure.com"
#define AZURE_HOSTS                                                            \
	"openai.azure.com|cognitiveservices.azure.com|services.ai.azure.com"
#define DATABRICKS_HOSTS                                                       \
	"cloud.databricks.com|azuredatabricks.net|gcp.databricks.com"

/* Ranks of effort_word(). */
enum { EFFORT_MINIMAL = 1, EFFORT_LOW, EFFORT_HIGH = 4, EFFORT_XHIGH };

/*
 * Each rule fills what the rules above it and the operator left open, where
 * 0 is open.  Host: the name or a domain above it; model: a glob on the
 * lower-case name.  Either may be a list with bars, or NULL for any.
 * Source: the servers' documentation and what their users reported.
 */
/* clang-format off */
static const struct rule {
	const char *host, *model;
	struct {
#define X(NAME, member, words) unsigned member : 3;
		DIALECT_KNOBS(X)
#undef X
		unsigned max_effort : 3, off_effort : 3; /* ranks */
		bool is_gemini : 1, is_kimi : 1, prompt_cache_key : 1;
		bool fast_tier : 1;
	} says;
} rules[] = {
	/* Models that do not reason refuse the effort; the others refuse
	 * sampling and know only some of the words. */
	{ OPENAI_HOSTS, "*-search-preview*|*-search-api*", {
		.sampling = SAMPLING_DROP, .web_search = SEARCH_OPENAI,
		.reasoning_request = REASONING_NONE,
		.tools_need_effort_none = EFFORT_NONE_FALSE } },
	{ OPENAI_HOSTS, "gpt-3*|gpt-4*|chatgpt-*|gpt-5*-chat*|gpt-6*-chat*", {
		.reasoning_request = REASONING_NONE,
		.tools_need_effort_none = EFFORT_NONE_FALSE } },
	{ OPENAI_HOSTS, "o1*|o3*|o4*", { .sampling = SAMPLING_DROP,
		.max_effort = EFFORT_HIGH, .off_effort = EFFORT_LOW } },
	{ OPENAI_HOSTS, "gpt-5|gpt-5-*", { .sampling = SAMPLING_DROP,
		.max_effort = EFFORT_HIGH, .off_effort = EFFORT_MINIMAL } },
	{ OPENAI_HOSTS, "gpt-5.1-codex-max*", { .max_effort = EFFORT_XHIGH } },
	{ OPENAI_HOSTS, "gpt-5.1*", { .sampling = SAMPLING_DROP,
		.max_effort = EFFORT_HIGH } },
	{ OPENAI_HOSTS, "gpt-5.2*|gpt-5.3*|gpt-5.4*|gpt-5.5*", {
		.sampling = SAMPLING_DROP, .max_effort = EFFORT_XHIGH } },
	{ OPENAI_HOSTS, "gpt-5.*|gpt-6*", { .sampling = SAMPLING_DROP } },
	{ "openai.com", NULL, {
		.max_tokens_field = MAX_TOKENS_NEW, .user_field = USER_SAFETY,
		.reasoning_history = HISTORY_NONE, .prompt_cache_key = true,
		.fast_tier = true } },
	{ AZURE_HOSTS, NULL, {
		.max_tokens_field = MAX_TOKENS_NEW,
		.reasoning_history = HISTORY_NONE,
		.service_tier = TIER_DROP } },
	{ "models.github.ai|models.inference.ai.azure.com", NULL, {
		.service_tier = TIER_DROP, .user_field = USER_NONE } },

	{ "openrouter.ai", "anthropic/*|google/*|qwen/*", {
		.cache_hints = HINTS_OPENROUTER } },
	{ "openrouter.ai", NULL, {
		.reasoning_request = REASONING_OPENROUTER,
		.reasoning_history = HISTORY_DETAILS,
		.tools_need_effort_none = EFFORT_NONE_FALSE,
		.tool_id_mode = TOOL_ID_PASS, .top_k = TOP_K_PASS,
		.service_tier = TIER_DROP,
		.web_search = SEARCH_OPENROUTER } },
	{ "ai-gateway.vercel.sh", NULL, {
		.reasoning_request = REASONING_OPENROUTER,
		.tools_need_effort_none = EFFORT_NONE_FALSE,
		.service_tier = TIER_DROP } },
	{ "githubcopilot.com", "claude*|gemini*", {
		.reasoning_request = REASONING_NONE } },
	{ "githubcopilot.com", NULL, {
		.tools_need_effort_none = EFFORT_NONE_FALSE,
		.user_field = USER_NONE, .service_tier = TIER_DROP } },

	{ "api.deepseek.com", "*deepseek-r1*", {
		.reasoning_history = HISTORY_NONE } },
	{ "api.deepseek.com", NULL, {
		.reasoning_request = REASONING_DEEPSEEK,
		.reasoning_history = HISTORY_DEEPSEEK,
		.response_format = FORMAT_JSON_OBJECT,
		.strict_tools = STRICT_NEVER, .user_field = USER_NONE,
		.parallel_tool_calls = PARALLEL_DROP,
		.service_tier = TIER_DROP } },
	{ "moonshot.ai|moonshot.cn|api.kimi.com", "moonshot-v1*|kimi-k2-0*|"
	    "kimi-k2-turbo*|kimi-latest*", {
		.reasoning_request = REASONING_NONE,
		.reasoning_history = HISTORY_NONE } },
	{ "moonshot.ai|moonshot.cn|api.kimi.com", "kimi*", {
		.sampling = SAMPLING_DROP } },
	{ "moonshot.ai|moonshot.cn|api.kimi.com", NULL, {
		.reasoning_request = REASONING_DEEPSEEK,
		.reasoning_history = HISTORY_DEEPSEEK,
		.tool_schema = SCHEMA_KIMI, .is_kimi = true,
		.image_url = IMAGE_URL_REJECT, .strict_tools = STRICT_NEVER,
		.response_format = FORMAT_JSON_OBJECT,
		.user_field = USER_NONE, .service_tier = TIER_DROP } },
	{ "z.ai|bigmodel.cn", NULL, {
		.reasoning_request = REASONING_DEEPSEEK,
		.tool_choice = CHOICE_FORM_AUTO_ONLY,
		.include_usage = USAGE_FALSE, .strict_tools = STRICT_NEVER,
		.response_format = FORMAT_JSON_OBJECT,
		.parallel_tool_calls = PARALLEL_DROP,
		.user_field = USER_NONE, .service_tier = TIER_DROP } },
	{ "minimax.io|minimaxi.com|minimax.chat", NULL, {
		.reasoning_request = REASONING_NONE,
		.inline_system = INLINE_FOLD, .strict_tools = STRICT_NEVER,
		.parallel_tool_calls = PARALLEL_DROP,
		.user_field = USER_NONE, .service_tier = TIER_DROP } },
	{ "aliyuncs.com", NULL, {
		.reasoning_request = REASONING_NONE,
		.strict_tools = STRICT_NEVER,
		.user_field = USER_NONE, .service_tier = TIER_DROP } },
	{ "mistral.ai", NULL, {
		.reasoning_request = REASONING_NONE,
		.tool_id_mode = TOOL_ID_MISTRAL9,
		.user_after_tool = USER_AFTER_TOOL_FOLD,
		.inline_system = INLINE_FOLD, .include_usage = USAGE_FALSE,
		.tool_choice = CHOICE_FORM_ANY, .prefill = PREFILL_PREFIX,
		.user_field = USER_NONE, .service_tier = TIER_DROP } },
	{ "groq.com", "*gpt-oss*", {
		.reasoning_history = HISTORY_REASONING } },
	{ "groq.com", NULL, {
		.reasoning_history = HISTORY_NONE, .service_tier = TIER_DROP } },
	{ "groq.com|cerebras.ai|cloudflare.com|" DATABRICKS_HOSTS,
	    "*gpt-oss*", { .reasoning_request = REASONING_EFFORT } },
	{ "groq.com|cerebras.ai|cloudflare.com|" DATABRICKS_HOSTS, NULL, {
		.reasoning_request = REASONING_NONE } },
	{ "x.ai", "grok-2*|grok-3|grok-3-fast*|grok-3-latest|grok-4|grok-4-*|"
	    "grok-4.20*|grok-code*", {
		.reasoning_request = REASONING_NONE } },
	{ "x.ai", "grok-3-mini*|grok-4.3*|grok-4.4*|grok-4.5*", {
		.max_effort = EFFORT_HIGH } },
	{ "x.ai", NULL, { .off_effort = EFFORT_LOW,
		.reasoning_history = HISTORY_REASONING_CONTENT,
		.service_tier = TIER_DROP } },
	{ "googleapis.com", "*gemini-3*|*gemini-2.5-pro*", {
		.off_effort = EFFORT_LOW } },
	{ "googleapis.com", NULL, {
		.is_gemini = true, .tool_schema = SCHEMA_GEMINI,
		.max_effort = EFFORT_HIGH, .strict_tools = STRICT_NEVER,
		.reasoning_history = HISTORY_NONE,
		.parallel_tool_calls = PARALLEL_DROP,
		.user_field = USER_NONE, .service_tier = TIER_DROP } },
	{ "cerebras.ai", NULL, {
		.max_tokens_field = MAX_TOKENS_NEW,
		.reasoning_history = HISTORY_NONE,
		.strict_tools = STRICT_NEVER, .service_tier = TIER_DROP } },
	{ "together.xyz|together.ai|fireworks.ai", NULL, {
		.top_k = TOP_K_PASS, .service_tier = TIER_DROP } },
	{ "api.nvidia.com", NULL, {
		.reasoning_request = REASONING_VLLM,
		.strict_tools = STRICT_NEVER,
		.user_field = USER_NONE, .service_tier = TIER_DROP } },
	{ DATABRICKS_HOSTS, NULL, {
		.strict_tools = STRICT_NEVER,
		.parallel_tool_calls = PARALLEL_DROP,
		.user_field = USER_NONE, .service_tier = TIER_DROP } },
	{ "api.cloudflare.com", NULL, {
		.user_after_tool = USER_AFTER_TOOL_FOLD,
		.parallel_tool_calls = PARALLEL_DROP,
		.user_field = USER_NONE, .service_tier = TIER_DROP } },
	{ "ollama.com", NULL, { .image_url = IMAGE_URL_REJECT } },
	{ "amazonaws.com|perplexity.ai|huggingface.co", NULL, {
		.user_field = USER_NONE, .service_tier = TIER_DROP } },

	/* Models whose templates have rules of their own, wherever served. */
	{ NULL, "*mistral*|*mixtral*|*magistral*|*devstral*|*codestral*|"
	    "*ministral*|*pixtral*", { .tool_id_mode = TOOL_ID_MISTRAL9 } },
	{ NULL, "deepseek-reasoner*|*deepseek-v4*|*deepseek-v3.2*", {
		.reasoning_history = HISTORY_DEEPSEEK } },
	{ NULL, "*kimi*|*moonshot*", { .is_kimi = true } },
	{ NULL, "*gemini*", { .is_gemini = true } },
	{ NULL, "*gpt-oss*", { .max_effort = EFFORT_HIGH,
		.off_effort = EFFORT_LOW } },

	/* A server of which nothing is known. */
	{ NULL, NULL, {
		.max_tokens_field = MAX_TOKENS_OLD,
		.inline_system = INLINE_KEEP,
		.user_after_tool = USER_AFTER_TOOL_ALLOW,
		.reasoning_request = REASONING_EFFORT,
		.sampling = SAMPLING_PASS, .top_k = TOP_K_DROP,
		.tool_id_mode = TOOL_ID_PASS, .tool_schema = SCHEMA_PASS,
		.image_url = IMAGE_URL_PASS, .include_usage = USAGE_TRUE,
		.cache_hints = HINTS_NONE, .web_search = SEARCH_NONE,
		.tool_choice = CHOICE_FORM_OPENAI,
		.parallel_tool_calls = PARALLEL_SEND, .user_field = USER_USER,
		.service_tier = TIER_SEND,
		.response_format = FORMAT_JSON_SCHEMA } },
};
/* clang-format on */

/* The length of the item that a list with bars begins with. */
static size_t
item_len(const char *list)
{
	const char *bar = strchr(list, '|');

	return bar != NULL ? (size_t)(bar - list) : strlen(list);
}

static bool
is_host(const char *host, size_t len, const char *list)
{
	size_t n;

	for (;; list += n + 1) {
		n = item_len(list);
		if (n <= len && memcmp(host + len - n, list, n) == 0 &&
		    (n == len || host[len - n - 1] == '.'))
			return true;
		if (list[n] == '\0')
			return false;
	}
}

static bool
is_model(const char *model, const char *list)
{
	char item[80];
	size_t n;

	if (list == NULL)
		return true;
	for (;; list += n + 1) {
		n = item_len(list);
		if (n < sizeof(item) &&
		    (*list == *model || *list == '*' || *list == '?')) {
			memcpy(item, list, n);
			item[n] = '\0';
			if (model_glob(item, model))
				return true;
		}
		if (list[n] == '\0')
			return false;
	}
}

static void
fill(struct profile *p, const struct rule *rule)
{
#define X(NAME, member, words) rule->says.member,
	const unsigned char says[N_KNOBS] = { DIALECT_KNOBS(X) };
#undef X

	for (size_t i = 0; i < N_KNOBS; i++)
		if (p->knobs[i] == 0)
			p->knobs[i] = says[i];
	p->is_gemini |= rule->says.is_gemini;
	p->is_kimi |= rule->says.is_kimi;
	p->prompt_cache_key |= rule->says.prompt_cache_key;
	p->fast_tier |= rule->says.fast_tier;
	if (p->max_effort == NULL && rule->says.max_effort != 0)
		p->max_effort = effort_word(rule->says.max_effort);
	if (p->off_effort == NULL && rule->says.off_effort != 0)
		p->off_effort = effort_word(rule->says.off_effort);
}

/*
 * From gpt-5.2 on, function tools and reasoning together are refused on
 * Chat Completions, and leaving the effort out means the default one.
 */
static bool
refuses_tools_with_reasoning(const char *model)
{
	const char *slash = strrchr(model, '/');
	const char *name = slash == NULL ? model : slash + 1;
	char *end;
	long major, minor = 0;

	if (strncmp(name, "gpt-", 4) != 0 || !isdigit((unsigned char)name[4]))
		return false;
	major = strtol(name + 4, &end, 10);
	if (*end == '.' && isdigit((unsigned char)end[1]))
		minor = strtol(end + 1, NULL, 10);
	return major >= 6 || (major == 5 && minor >= 2);
}

void
dialect_resolve(const struct profile *configured, const char *host,
    const char *model, struct profile *out)
{
	size_t n = 0, host_len;
	bool is_here = false, has_domain;
	char name[256];

	for (; n < sizeof(name) - 1 && model[n] != '\0'; n++)
		name[n] = (char)tolower((unsigned char)model[n]);
	name[n] = '\0';
	*out = *configured;
	if (host == NULL)
		host = "";
	host_len = strlen(host);
	/* An address or a bare name is in nobody's domain. */
	has_domain = strchr(host, '.') != NULL &&
		     isalpha((unsigned char)host[host_len - 1]);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		/* Rules for the same hosts stand together. */
		if (i == 0 || rules[i].host != rules[i - 1].host)
			is_here = rules[i].host == NULL ||
				  (has_domain &&
				      is_host(host, host_len, rules[i].host));
		if (is_here && is_model(name, rules[i].model))
			fill(out, &rules[i]);
	}
	if (out->tools_need_effort_none == EFFORT_NONE_AUTO)
		out->tools_need_effort_none = refuses_tools_with_reasoning(name)
						  ? EFFORT_NONE_TRUE
						  : EFFORT_NONE_FALSE;
	/* There the signatures travel inside the reasoning details. */
	if (out->reasoning_history == HISTORY_DETAILS)
		out->is_gemini = false;
}
