/* SPDX-License-Identifier: MIT */
/*
 * Clients that send one request again and again, each as soon as it has the
 * answer to the last: one thread, epoll.  See usage() for the options.
 * Prints a line for every figure, NAME=VALUE, times in microseconds; exits
 * with 2 if anything went wrong.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "client_body.h"
#include "load_conn.h"
#include "procs.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS	    1024
#define SAMPLE_NS   250000000u
#define CLIENTS_MAX 20000

struct options {
	const char *target, *path, *plan, *body_file;
	long clients, body_bytes;
	double warm_s, run_s, ramp; /* ramp: new clients a second, 0: all */
	struct queue headers;
	struct procs procs;
};

static struct load load = {
	.stream = true, .keep_alive = true, .status = 200, .max_requests = -1
};

static _Noreturn void
usage(void)
{
	die("usage: load -t host:port [-u path] [-c clients] [-d seconds]\n"
	    "  [-w seconds of warm-up] [-n requests at most]\n"
	    "  [-m plan for the mock, see mock_answer.h] [-N: not streamed]\n"
	    "  [-B bytes: a body like Claude Code's of that size]\n"
	    "  [-b file with the body] [-H 'Header: value'] [-A status]\n"
	    "  [-k 0: Connection: close] [-r new clients a second]\n"
	    "  [-P pid,…: measure these processes]");
}

static void
read_options(struct options *o, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "t:u:c:d:w:n:m:NB:b:H:A:k:r:P:")) !=
	       -1)
		switch (option) {
		case 't':
			o->target = optarg;
			break;
		case 'u':
			o->path = optarg;
			break;
		case 'c':
			o->clients = whole_number(optarg, "-c", 1, CLIENTS_MAX);
			break;
		case 'd':
			o->run_s = seconds(optarg, "-d");
			break;
		case 'w':
			o->warm_s = seconds(optarg, "-w");
			break;
		case 'n':
			load.max_requests =
			    whole_number(optarg, "-n", 1, 1000000000);
			break;
		case 'm':
			o->plan = optarg;
			break;
		case 'N':
			load.stream = false;
			break;
		case 'B':
			o->body_bytes =
			    whole_number(optarg, "-B", 1, 100000000);
			break;
		case 'b':
			o->body_file = optarg;
			break;
		case 'H':
			queue_add_text(&o->headers, optarg);
			queue_add_text(&o->headers, "\r\n");
			break;
		case 'A':
			load.status = (int)whole_number(optarg, "-A", 100, 599);
			break;
		case 'k':
			load.keep_alive = whole_number(optarg, "-k", 0, 1);
			break;
		case 'r':
			o->ramp = (double)whole_number(optarg, "-r", 1, 100000);
			break;
		case 'P':
			procs_parse(&o->procs, optarg);
			break;
		default:
			usage();
		}
	if (o->target == NULL || optind < argc)
		usage();
}

static void
resolve(const char *target)
{
	struct addrinfo hint = { .ai_socktype = SOCK_STREAM }, *found;
	const char *colon = strrchr(target, ':');
	char host[256];

	if (colon == NULL || (size_t)(colon - target) >= sizeof(host))
		die("-t host:port");
	if (*target == '[' && colon[-1] == ']')
		snprintf(host, sizeof(host), "%.*s", (int)(colon - target) - 2,
		    target + 1);
	else
		snprintf(
		    host, sizeof(host), "%.*s", (int)(colon - target), target);
	if (getaddrinfo(host, colon + 1, &hint, &found) != 0)
		die("there is no %s", target);
	memcpy(&load.address, found->ai_addr, found->ai_addrlen);
	load.address_len = found->ai_addrlen;
	freeaddrinfo(found);
}

static void
add_file(const char *path, struct queue *out)
{
	FILE *file = fopen(path, "rb");
	char bytes[65536];
	size_t n;

	if (file == NULL)
		die("%s: %s", path, strerror(errno));
	while ((n = fread(bytes, 1, sizeof(bytes), file)) > 0)
		queue_add(out, bytes, n);
	fclose(file);
}

static void
add_body(const struct options *o, struct queue *out)
{
	char model[256];

	snprintf(model, sizeof(model), "mock:%s", o->plan);
	if (o->body_file != NULL) {
		add_file(o->body_file, out);
	} else if (o->body_bytes > 0) {
		client_body_add(model, load.stream, (size_t)o->body_bytes, out);
	} else {
		queue_add_text(out, "{\"model\":\"");
		queue_add_text(out, model);
		queue_add_text(out, "\",\"max_tokens\":1024,\"stream\":");
		queue_add_text(out, load.stream ? "true" : "false");
		queue_add_text(out,
		    ",\"system\":\"You are terse.\",\"messages\":[{"
		    "\"role\":\"user\",\"content\":\"Say something.\"}]}");
	}
}

static void
make_request(const struct options *o)
{
	struct queue body = { 0 }, *request = &load.request;

	add_body(o, &body);
	queue_add_text(request, "POST ");
	queue_add_text(request, o->path);
	queue_add_text(request,
	    " HTTP/1.1\r\nHost: localhost\r\n"
	    "Content-Type: application/json\r\n"
	    "x-api-key: test\r\nanthropic-version: 2023-06-01\r\n");
	queue_add(request, o->headers.data != NULL ? o->headers.data : "",
	    o->headers.len);
	if (!load.keep_alive)
		queue_add_text(request, "Connection: close\r\n");
	queue_add_text(request, "Content-Length: ");
	queue_add_number(request, body.len);
	queue_add_text(request, "\r\n\r\n");
	queue_add(request, body.data, body.len);
	queue_clear(&body);
}

/* Times in nanoseconds of now_ns(). */
struct run {
	uint64_t begun, measured, end, next_sample, next_repair;
	long opened;
	double cpu_s; /* when measuring began */
	struct procs_use before, peak;
};

static void
sample(const struct options *o, struct run *r, uint64_t now)
{
	struct procs_use use;

	if (o->procs.count == 0 || now < r->next_sample)
		return;
	r->next_sample = now + SAMPLE_NS;
	procs_use(&o->procs, &use);
	if (use.rss_kb > r->peak.rss_kb)
		r->peak.rss_kb = use.rss_kb;
	if (use.anon_kb > r->peak.anon_kb)
		r->peak.anon_kb = use.anon_kb;
	if (use.threads > r->peak.threads)
		r->peak.threads = use.threads;
	if (use.files > r->peak.files)
		r->peak.files = use.files;
}

/* Opens more clients, and those again whose connection broke. */
static void
open_clients(const struct options *o, struct run *r, struct client *clients,
    uint64_t now)
{
	double due = o->ramp > 0 ? (double)(now - r->begun) / 1e9 * o->ramp
				 : (double)o->clients;

	while (r->opened < o->clients && (double)r->opened < due)
		client_begin(&clients[r->opened++]);
	if (now < r->next_repair)
		return;
	r->next_repair = now + 50000000u;
	for (long i = 0; i < r->opened; i++)
		if (clients[i].fd == -1)
			client_begin(&clients[i]);
}

static void
run(const struct options *o, struct run *r, struct client *clients)
{
	static struct epoll_event events[EVENTS];
	uint64_t now = r->begun;
	int n;

	for (; now < r->end; now = now_ns()) {
		if (load.max_requests >= 0 &&
		    load.completed >= load.max_requests)
			return;
		if (!load.is_measuring && now >= r->measured) {
			load.is_measuring = true;
			r->cpu_s = procs_cpu_seconds(&o->procs);
			r->measured = now;
		}
		sample(o, r, now);
		open_clients(o, r, clients, now);
		n = epoll_wait(load.poller, events, EVENTS, 10);
		for (int i = 0; i < n; i++)
			client_go_on(events[i].data.ptr, events[i].events);
	}
}

static double
per(double sum, uint64_t count)
{
	return count > 0 ? sum / (double)count : 0;
}

static void
print_times(const char *name, const struct histogram *h)
{
	printf("%s_p50=%.1f\n%s_p90=%.1f\n%s_p99=%.1f\n%s_max=%.1f\n", name,
	    histogram_us(h, 0.5), name, histogram_us(h, 0.9), name,
	    histogram_us(h, 0.99), name, (double)h->max / 1000);
}

static void
report(const struct options *o, const struct run *r, double cpu_s, double run_s,
    long live)
{
	printf("seconds=%.2f\nlive=%ld\nanswers=%llu\nevents=%llu\n", run_s,
	    live, (unsigned long long)load.answers,
	    (unsigned long long)load.events);
	printf("answers_per_s=%.1f\nevents_per_s=%.1f\nstamps=%llu\n"
	       "mb_per_s=%.1f\n",
	    (double)load.answers / run_s, (double)load.events / run_s,
	    (unsigned long long)load.stamps, (double)load.bytes / run_s / 1e6);
	print_times("first_event", &load.first_event);
	print_times("delay", &load.delay);
	print_times("total", &load.total);
	printf("errors=%llu\nfirst_error=%s\n", (unsigned long long)load.errors,
	    load.first_error);
	if (o->procs.count == 0)
		return;
	printf("cpu_s=%.3f\ncpu_us_per_event=%.3f\ncpu_us_per_answer=%.3f\n",
	    cpu_s, per(cpu_s * 1e6, load.events),
	    per(cpu_s * 1e6, load.answers));
	printf("rss_before_kb=%ld\nrss_peak_kb=%ld\nanon_peak_kb=%ld\n"
	       "threads_peak=%ld\nfiles_peak=%ld\n",
	    r->before.rss_kb, r->peak.rss_kb, r->peak.anon_kb, r->peak.threads,
	    r->peak.files);
}

int
main(int argc, char **argv)
{
	struct options o = { .path = "/v1/messages",
		.plan = "n=20,d=1000",
		.clients = 1,
		.run_s = 5 };
	struct run r = { 0 };
	struct client *clients;
	uint64_t ended;
	double cpu_s;
	long live = 0;

	read_options(&o, argc, argv);
	raise_file_limit();
	signal(SIGPIPE, SIG_IGN);
	resolve(o.target);
	make_request(&o);
	clients = calloc((size_t)o.clients, sizeof(*clients));
	if (clients == NULL || (load.poller = epoll_create1(0)) == -1)
		die("out of memory");
	for (long i = 0; i < o.clients; i++)
		clients[i] = (struct client){ .load = &load, .fd = -1 };

	procs_use(&o.procs, &r.before);
	r.begun = now_ns();
	r.measured = r.begun + (uint64_t)(o.warm_s * 1e9);
	r.end = r.measured + (uint64_t)(o.run_s * 1e9);
	r.next_repair = r.begun + 50000000u;
	run(&o, &r, clients);
	ended = now_ns();
	cpu_s = procs_cpu_seconds(&o.procs) - r.cpu_s;
	r.next_sample = 0;
	sample(&o, &r, ended);
	for (long i = 0; i < o.clients; i++)
		live += clients[i].fd != -1;
	report(&o, &r, cpu_s, (double)(ended - r.measured) / 1e9, live);
	return load.errors > 0 ? 2 : 0;
}
