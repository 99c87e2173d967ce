/* SPDX-License-Identifier: MIT */
/* links: server */
/* Calls over TLS, to a server whose certificate only SSL_CERT_FILE knows. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "loopback.h"
#include "server/cancel.h"
#include "server/settings.h"
#include "server/upstream.h"

static struct upstream *upstream;
static SSL_CTX *tls;
static char ca_file[] = "/tmp/test-upstream-ca-XXXXXX";

/* A certificate for 127.0.0.1, signed by itself. */
static X509 *
make_certificate(EVP_PKEY *key)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	X509_EXTENSION *san = X509V3_EXT_conf_nid(
	    NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	X509_add_ext(cert, san, -1);
	X509_EXTENSION_free(san);
	X509_sign(cert, key, EVP_sha256());
	return cert;
}

static int
start(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = make_certificate(key);
	FILE *file = fdopen(mkstemp(ca_file), "w");

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	if (file == NULL)
		return -1;
	PEM_write_X509(file, cert);
	fclose(file);
	tls = SSL_CTX_new(TLS_server_method());
	SSL_CTX_use_certificate(tls, cert);
	SSL_CTX_use_PrivateKey(tls, key);
	X509_free(cert);
	EVP_PKEY_free(key);
	return (upstream = upstream_new()) != NULL ? 0 : -1;
}

static int
end(void **state)
{
	(void)state;
	upstream_free(upstream);
	SSL_CTX_free(tls);
	return unlink(ca_file);
}

/* Reads one request; false at the end. */
static bool
hear_tls(struct loopback *l, SSL *ssl)
{
	char got[4096] = "";
	int have = 0, n;

	while (strstr(got, "\r\n\r\n{}") == NULL) {
		n = SSL_read(ssl, got + have, (int)sizeof(got) - 1 - have);
		if (n <= 0) {
			atomic_store(&l->closed_ms, now_ms());
			return false;
		}
		have += n;
		got[have] = '\0';
	}
	atomic_fetch_add(&l->requests, 1);
	return true;
}

static void
serve_tls(struct loopback *l, int fd)
{
	static const char ok[] = "HTTP/1.1 200 OK\r\n"
				 "Content-Length: 5\r\n\r\nhello";
	SSL *ssl = SSL_new(tls);

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1)
		while (hear_tls(l, ssl))
			SSL_write(ssl, ok, sizeof(ok) - 1);
	SSL_free(ssl);
}

static void
serve_tls_silence(struct loopback *l, int fd)
{
	SSL *ssl = SSL_new(tls);

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1)
		while (hear_tls(l, ssl))
			;
	SSL_free(ssl);
}

static void
ask(struct loopback *l, const char *ca, struct cancel *c,
    struct upstream_result *result)
{
	struct settings s = { .upstream.is_loopback = true,
		.upstream.is_https = true,
		.ssl_cert_file = (char *)ca,
		.connect_timeout_ms = 5000,
		.max_retries = 2 };
	char url[64];
	struct upstream_call call = { .settings = &s,
		.method = "POST",
		.url = url,
		.body = "{}",
		.body_len = 2,
		.cancel = c };

	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", l->port);
	upstream_perform(upstream, &call, result);
}

static void
an_unknown_certificate_is_refused_before_anything_is_sent(void **state)
{
	struct loopback *l = loopback_start(serve_tls);
	struct upstream_result result;

	(void)state;
	ask(l, NULL, NULL, &result);
	assert_int_equal(result.end, UPSTREAM_BROKEN);
	assert_int_equal(result.cause, CAUSE_TLS);
	assert_non_null(strstr(result.detail, "certificate"));
	assert_false(result.sent);
	assert_int_equal(l->requests, 0);
	loopback_stop(l);
}

static void
an_extra_file_of_certificates_is_trusted(void **state)
{
	struct loopback *l = loopback_start(serve_tls);
	struct upstream_result result;

	(void)state;
	for (int i = 0; i < 20; i++) {
		ask(l, ca_file, NULL, &result);
		assert_string_equal(result.detail, "");
		assert_int_equal(result.end, UPSTREAM_COMPLETE);
		assert_int_equal(result.reused, i > 0);
	}
	assert_int_equal(l->connections, 1);
	upstream_forget(upstream);
	loopback_stop(l);
}

static void
a_file_that_is_none_is_told(void **state)
{
	struct loopback *l = loopback_start(serve_tls);
	struct upstream_result result;

	(void)state;
	ask(l, "/nonexistent.pem", NULL, &result);
	assert_int_equal(result.end, UPSTREAM_BROKEN);
	assert_int_equal(result.cause, CAUSE_TLS);
	assert_false(result.sent);
	loopback_stop(l);
}

static void *
ask_many(void *arg)
{
	struct upstream_result result;

	for (int i = 0; i < 10; i++) {
		ask(arg, ca_file, NULL, &result);
		assert_int_equal(result.end, UPSTREAM_COMPLETE);
	}
	return NULL;
}

static void
threads_share_tls_sessions(void **state)
{
	struct loopback *l = loopback_start(serve_tls);
	pthread_t threads[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, ask_many, l);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(l->requests, 40);
	upstream_forget(upstream);
	loopback_stop(l);
}

struct later {
	struct cancel cancel;
	struct loopback *l;
	long long fired_ms;
};

static void *
fire_later(void *arg)
{
	struct later *later = arg;

	while (atomic_load(&later->l->requests) == 0)
		sleep_ms(1);
	sleep_ms(50);
	later->fired_ms = now_ms();
	cancel_fire(&later->cancel, CANCEL_CLIENT_GONE);
	return NULL;
}

static void
a_cancel_ends_a_call_over_tls_at_once(void **state)
{
	struct later later = { .l = loopback_start(serve_tls_silence) };
	struct upstream_result result;
	pthread_t thread;
	long long ended;

	(void)state;
	cancel_init(&later.cancel);
	pthread_create(&thread, NULL, fire_later, &later);
	ask(later.l, ca_file, &later.cancel, &result);
	ended = now_ms();
	pthread_join(thread, NULL);
	assert_in_range(ended - later.fired_ms, 0, 400);
	assert_int_equal(result.end, UPSTREAM_CANCELLED);
	assert_int_equal(later.l->requests, 1);
	assert_int_equal(later.l->connections, 1);
	cancel_clear(&later.cancel);
	loopback_stop(later.l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    an_unknown_certificate_is_refused_before_anything_is_sent),
		cmocka_unit_test(an_extra_file_of_certificates_is_trusted),
		cmocka_unit_test(a_file_that_is_none_is_told),
		cmocka_unit_test(threads_share_tls_sessions),
		cmocka_unit_test(a_cancel_ends_a_call_over_tls_at_once),
	};

	return cmocka_run_group_tests(tests, start, end);
}
