/* SPDX-License-Identifier: MIT */
#ifndef CONVERSION_H
#define CONVERSION_H

/* One request's translation in the making: what its stages share. */

#include "translate/dialect/dialect.h"
#include "translate/request/request.h"
#include "translate/request/tools.h"
#include "translate/request/turns.h"
#include "wire/anthropic.h"
#include "wire/json.h"

struct conversion {
	const struct message_request *req;
	const struct json_doc *doc; /* of req */
	const struct request_context *ctx;
	const struct profile *profile;
	struct turns turns;
	struct tool_set tools;
	struct translation *out;
};

#endif
