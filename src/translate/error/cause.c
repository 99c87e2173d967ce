/* SPDX-License-Identifier: MIT */
/* No answer at all: what happened to the connection, in words. */
#include <string.h>

#include "translate/error/errors.h"
#include "wire/utf8.h"

void
error_from_cause(enum error_cause cause, const char *detail,
    const struct error_context *ctx, struct fault *out)
{
	static const struct {
		enum fault_kind kind;
		const char *says;
	} causes[] = {
		[CAUSE_CONNECT] = { FAULT_BAD_GATEWAY,
		    "The upstream cannot be reached" },
		[CAUSE_DNS] = { FAULT_BAD_GATEWAY,
		    "The upstream's name cannot be resolved" },
		[CAUSE_TLS] = { FAULT_BAD_GATEWAY,
		    "No secure connection to the upstream" },
		[CAUSE_RESET] = { FAULT_BAD_GATEWAY,
		    "The upstream broke the connection" },
		[CAUSE_TIMEOUT] = { FAULT_TIMEOUT,
		    "The upstream did not answer in time" },
		[CAUSE_EMPTY] = { FAULT_BAD_GATEWAY,
		    "The upstream closed the connection without an answer" },
		[CAUSE_TOO_LARGE] = { FAULT_BAD_GATEWAY,
		    "The upstream's answer is too large" },
		[CAUSE_PROTOCOL] = { FAULT_BAD_GATEWAY,
		    "The upstream's answer breaks HTTP" },
	};
	char scrubbed[512] = "";
	size_t len;

	if (detail != NULL) {
		len = strlen(detail);
		if (len >= sizeof(scrubbed))
			len = utf8_cut(detail, sizeof(scrubbed) - 1);
		memcpy(scrubbed, detail, len);
		scrubbed[error_scrub(scrubbed, len, ctx->own_key)] = '\0';
	}
	fault_set(out, causes[cause].kind, "%s%s%s%s%s%s", causes[cause].says,
	    ctx->host != NULL ? " (" : "", ctx->host != NULL ? ctx->host : "",
	    ctx->host != NULL ? ")" : "", scrubbed[0] != '\0' ? ": " : "",
	    scrubbed);
}
