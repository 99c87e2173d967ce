/* SPDX-License-Identifier: MIT */
#ifndef SECRET_H
#define SECRET_H

/* Keys: compared in constant time, shown as fingerprints only. */

#include <stdbool.h>
#include <stddef.h>

/* Whether `given` equals one of the keys; time does not tell which or how
 * far it matched. */
bool secret_admits(char *const *keys, size_t n, const char *given);

/* "sha256:1a2b3c4d" of a secret, for config and logs. */
void secret_fingerprint(const char *secret, char out[static 20]);

/* Random bytes for ids and tokens; base62, NUL not added. */
void secret_random_text(char *out, size_t len);

/* Overwrites and frees. */
void secret_free(char *secret);

#endif
