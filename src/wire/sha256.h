/* SPDX-License-Identifier: MIT */
#ifndef SHA256_H
#define SHA256_H

/* SHA-256 (FIPS 180-4) for long names and ids, so that the core needs no
 * crypto library.  Not for secrets: those use OpenSSL. */

#include <stddef.h>

/* Writes the digest as 64 lower-case hex digits and a NUL. */
void sha256_hex(const void *bytes, size_t len, char out[static 65]);

#endif
