/* SPDX-License-Identifier: MIT */
#ifndef KINDS_H
#define KINDS_H

/* The kinds of values that variables.c gives its variables. */

#include <stdbool.h>
#include "app/variables.h"

/* kind_plain.c: numbers, words, texts */
extern const struct variable_kind kind_int, kind_bytes, kind_seconds;
extern const struct variable_kind kind_bool, kind_log_format, kind_knob;
extern const struct variable_kind kind_text;	  /* "" is none */
extern const struct variable_kind kind_folder;	  /* "" says something */
extern const struct variable_kind kind_passed_on; /* kept nowhere */

/* kind_address.c: where to listen, where to send */
extern const struct variable_kind kind_host, kind_base_url, kind_proxy_url;

/* kind_key.c: secrets */
extern const struct variable_kind kind_upstream_key, kind_proxy_keys;
extern const struct variable_kind kind_key_file;

/* kind_object.c: lists and JSON */
extern const struct variable_kind kind_model_map, kind_context_windows;
extern const struct variable_kind kind_headers, kind_body;

/* For the kinds themselves. */
int kind_refuse(char *err, size_t cap, const char *allowed); /* -1 */
void kind_show_raw(const struct variable *v, const struct settings *s,
    const char *raw, struct buf *out);

#endif
