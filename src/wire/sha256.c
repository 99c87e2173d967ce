/* SPDX-License-Identifier: MIT */
/* SHA-256 as FIPS 180-4 section 6.2 describes it. */
#include "wire/sha256.h"

#include <stdint.h>
#include <string.h>

#define BLOCK 64

/* Section 4.2.2: fractions of the cube roots of the first 64 primes. */
static const uint32_t round_constants[64] = {
	/* clang-format off */
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
	/* clang-format on */
};

static uint32_t
rotated(uint32_t word, unsigned bits)
{
	return word >> bits | word << (32 - bits);
}

/* The message schedule of one block. */
static void
expand(const unsigned char *block, uint32_t w[static 64])
{
	for (size_t i = 0; i < 16; i++)
		w[i] = (uint32_t)block[4 * i] << 24 |
		       (uint32_t)block[4 * i + 1] << 16 |
		       (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
	for (size_t i = 16; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];

		w[i] = w[i - 16] + w[i - 7] +
		       (rotated(a, 7) ^ rotated(a, 18) ^ a >> 3) +
		       (rotated(b, 17) ^ rotated(b, 19) ^ b >> 10);
	}
}

static void
add_block(uint32_t state[static 8], const unsigned char *block)
{
	enum { A, B, C, D, E, F, G, H };
	uint32_t w[64], v[8], t1, t2;

	expand(block, w);
	memcpy(v, state, sizeof(v));
	for (size_t i = 0; i < 64; i++) {
		t1 =
		    v[H] +
		    (rotated(v[E], 6) ^ rotated(v[E], 11) ^ rotated(v[E], 25)) +
		    ((v[E] & v[F]) ^ (~v[E] & v[G])) + round_constants[i] +
		    w[i];
		t2 =
		    (rotated(v[A], 2) ^ rotated(v[A], 13) ^ rotated(v[A], 22)) +
		    ((v[A] & v[B]) ^ (v[A] & v[C]) ^ (v[B] & v[C]));
		memmove(v + 1, v, 7 * sizeof(v[0]));
		v[E] += t1;
		v[A] = t1 + t2;
	}
	for (size_t i = 0; i < 8; i++)
		state[i] += v[i];
}

/* The last bytes, a one bit, zeros and the length in bits. */
static void
add_tail(uint32_t state[static 8], const unsigned char *tail, size_t len,
    uint64_t total)
{
	unsigned char block[2 * BLOCK] = { 0 };
	size_t size = len + 9 > BLOCK ? 2 * BLOCK : BLOCK;
	uint64_t bits = total * 8;

	if (len > 0)
		memcpy(block, tail, len);
	block[len] = 0x80;
	for (size_t i = 1; i <= 8; i++, bits >>= 8)
		block[size - i] = (unsigned char)bits;
	for (size_t at = 0; at < size; at += BLOCK)
		add_block(state, block + at);
}

void
sha256_hex(const void *bytes, size_t len, char out[static 65])
{
	static const char digits[] = "0123456789abcdef";
	uint32_t state[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	const unsigned char *p = bytes;
	size_t left = len;

	for (; left >= BLOCK; left -= BLOCK, p += BLOCK)
		add_block(state, p);
	add_tail(state, p, left, len);
	for (size_t i = 0; i < 64; i++)
		out[i] = digits[state[i / 8] >> (28 - 4 * (i % 8)) & 15];
	out[64] = '\0';
}
