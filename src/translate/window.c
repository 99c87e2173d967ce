/* SPDX-License-Identifier: MIT */
/* The context window against an estimate.  Pure arithmetic and one number. */
#include "translate/window.h"

#include <stdlib.h>

#include "wire/fault.h"

/* Per cent by which an estimate may be wrong. */
#define ERROR_AT_FIRST	 40
#define ERROR_CALIBRATED 10
#define CALIBRATED_AFTER 3

static int64_t
error_percent(unsigned samples)
{
	return samples >= CALIBRATED_AFTER ? ERROR_CALIBRATED : ERROR_AT_FIRST;
}

int
window_check(
    int64_t estimate, unsigned samples, int64_t window, struct fault *why)
{
	if (window <= 0 || window > INT64_MAX / 200 ||
	    estimate > INT64_MAX / 200 ||
	    estimate * 100 <= window * (100 + error_percent(samples)))
		return 0;
	return fault_set(why, FAULT_BAD_REQUEST,
	    "prompt is too long: %lld tokens > %lld maximum (estimated by the "
	    "proxy from the model's context window)",
	    (long long)estimate, (long long)window);
}

bool
window_lower_max_tokens(
    cJSON *body, int64_t estimate, unsigned samples, int64_t window)
{
	static const char *const names[] = { "max_tokens",
		"max_completion_tokens" };
	int64_t room;
	bool changed = false;

	if (window <= 0 || window > INT64_MAX / 200 ||
	    estimate > INT64_MAX / 200)
		return false;
	room = window - estimate * (100 + error_percent(samples)) / 100;
	if (room < 1)
		room = window - estimate;
	if (room < 1)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cJSON *item = cJSON_GetObjectItemCaseSensitive(body, names[i]);

		if (item == NULL || item->valuestring == NULL ||
		    strtoll(item->valuestring, NULL, 10) <= room)
			continue;
		cJSON_DeleteItemFromObjectCaseSensitive(body, names[i]);
		changed |= json_add_int(body, names[i], room);
	}
	return changed;
}
