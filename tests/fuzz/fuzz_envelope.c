/* SPDX-License-Identifier: MIT */
/*
 * Signatures that clients send back: whatever they hold is ours or foreign,
 * never a crash; what is ours prints to a signature that reads the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "translate/envelope.h"
#include "wire/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void
print_twice(const struct envelope *e)
{
	struct envelope again;
	struct buf first, second;

	buf_init(&first, 8 * 1024 * 1024);
	buf_init(&second, 8 * 1024 * 1024);
	envelope_print(e, &first);
	if (!first.failed && first.len < 1024 * 1024) {
		if (envelope_parse(first.data, first.len, &again) != 1)
			abort();
		envelope_print(&again, &second);
		if (second.len != first.len ||
		    memcmp(first.data, second.data, first.len) != 0)
			abort();
		envelope_clear(&again);
	}
	buf_clear(&first);
	buf_clear(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct envelope e;

	if (envelope_parse((const char *)bytes, len, &e) == 1)
		print_twice(&e);
	envelope_clear(&e);
	return 0;
}
