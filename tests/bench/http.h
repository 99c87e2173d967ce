/* SPDX-License-Identifier: MIT */
#ifndef HTTP_H
#define HTTP_H

/* The little of HTTP/1.1 that the mock and the load client must read. */

#include <stdbool.h>
#include <stddef.h>

/* The value of a header (not NUL-terminated: it ends with its line), or NULL.
 * `head` begins with the first line and ends behind the last newline. */
const char *http_header(const char *head, const char *end, const char *name);

/* Whether a header's value begins with `word`, in any case. */
bool http_header_is(
    const char *head, const char *end, const char *name, const char *word);

/* The bytes of a whole chunked body with its end, 0 if some are missing. */
size_t http_chunked_len(const char *body, size_t len);

#endif
