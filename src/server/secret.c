/* SPDX-License-Identifier: MIT */
/* Keys and random text, by OpenSSL.  Knows nothing of HTTP. */
#include "server/secret.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

static const char base62[] = "0123456789"
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz";

/* Digests have one length, so that comparing them tells none. */
bool
secret_admits(char *const *keys, size_t n, const char *given)
{
	unsigned char want[SHA256_DIGEST_LENGTH], have[SHA256_DIGEST_LENGTH];
	unsigned differ, admits = 0;

	if (given == NULL || n == 0)
		return false;
	SHA256((const unsigned char *)given, strlen(given), have);
	for (size_t i = 0; i < n; i++) {
		SHA256((const unsigned char *)keys[i], strlen(keys[i]), want);
		differ = (unsigned)CRYPTO_memcmp(want, have, sizeof(want));
		admits |= differ == 0;
	}
	OPENSSL_cleanse(want, sizeof(want));
	OPENSSL_cleanse(have, sizeof(have));
	return admits != 0;
}

void
secret_fingerprint(const char *secret, char out[static 20])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	SHA256((const unsigned char *)secret, strlen(secret), digest);
	snprintf(out, 20, "sha256:%02x%02x%02x%02x", digest[0], digest[1],
	    digest[2], digest[3]);
	OPENSSL_cleanse(digest, sizeof(digest));
}

/* Without randomness there are no tokens, and guessable ones are worse than
 * none: the last resort is to stop. */
static void
random_bytes(unsigned char *out, size_t len)
{
	ssize_t got = -1;
	int fd;

	if (RAND_bytes(out, (int)len) == 1)
		return;
	if ((fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC)) != -1) {
		got = read(fd, out, len);
		close(fd);
	}
	if (got != (ssize_t)len)
		abort();
}

/*
 * Random bytes in store, since asking for a few costs as much as asking for
 * many, and OpenSSL keeps a generator for each thread that asks.  What was
 * used is wiped; a child process starts with none.
 */
static struct {
	pthread_mutex_t lock;
	unsigned char bytes[1024];
	size_t left; /* at their beginning */
} store = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* A child must not find the lock taken by a thread that it has not. */
static void
lock_store(void)
{
	pthread_mutex_lock(&store.lock);
}

static void
unlock_store(void)
{
	pthread_mutex_unlock(&store.lock);
}

static void
forget_store(void)
{
	OPENSSL_cleanse(store.bytes, sizeof(store.bytes));
	store.left = 0;
	unlock_store();
}

static void
watch_forks(void)
{
	if (pthread_atfork(lock_store, unlock_store, forget_store) != 0)
		abort();
}

/* Under the lock. */
static unsigned char
random_byte(void)
{
	unsigned char byte;

	if (store.left == 0) {
		random_bytes(store.bytes, sizeof(store.bytes));
		store.left = sizeof(store.bytes);
	}
	byte = store.bytes[--store.left];
	store.bytes[store.left] = 0;
	return byte;
}

void
secret_random_text(char *out, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	size_t filled = 0;
	unsigned byte;

	pthread_once(&once, watch_forks);
	lock_store();
	while (filled < len) {
		byte = random_byte() & 63;
		/* Of 64 the last two go unused: no letter is favoured. */
		if (byte < 62)
			out[filled++] = base62[byte];
	}
	unlock_store();
}

void
secret_free(char *secret)
{
	if (secret == NULL)
		return;
	OPENSSL_cleanse(secret, strlen(secret));
	free(secret);
}
