/* SPDX-License-Identifier: MIT */
#ifndef IMAGE_H
#define IMAGE_H

/* How large a picture is, from the head of its file.  Decodes no pixels. */

#include <stddef.h>
#include <stdint.h>

/*
 * Reads width and height of a PNG or JPEG out of base64 text, which may hold
 * JSON escapes of its slashes.  Looks at its first 256 KiB at most.
 * Returns 0, or -1 for anything else.
 */
int
image_size(const char *base64, size_t len, uint32_t *width, uint32_t *height);

#endif
