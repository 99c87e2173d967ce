/* SPDX-License-Identifier: MIT */
#ifndef UPSTREAM_FAILURE_H
#define UPSTREAM_FAILURE_H

/* For upstream.c: what an error of libcurl's means, in words. */

#include <stdbool.h>
#include <curl/curl.h>
#include "server/upstream.h"

struct failure {
	CURLcode code;
	const char *curl_error; /* CURLOPT_ERRORBUFFER's text, or "" */
	const char *url;
	bool has_asked;	   /* a connection stood and the request began */
	bool has_answered; /* bytes came back */
	long connect_timeout_ms;
};

/* Fills cause and detail; `easy` is asked for the system's error number. */
void failure_explain(
    const struct failure *f, CURL *easy, struct upstream_result *result);

/* Sets cause and a detail that begins with the URL's "HOST:PORT". */
void failure_say(struct upstream_result *result, enum error_cause cause,
    const char *url, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
