/* The console's live process as a relay sees it: one feed, batches taken in and counted.
 *
 * Assertions are not looked at: what is measured is the relay. Every relay that asks hears every offer.
 */
#define _GNU_SOURCE
#include "fleet.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { NEWS = 64 * 1024, FEEDS = 8 };

typedef struct feed {
    watched socket;
    timer over;
    SSL *tls;
    int is_shaken, asks;
    char *in;
    size_t in_count, in_room;
    char news[NEWS]; /* events that wait for the next question, joined by commas */
    size_t news_count;
} feed;

heard_counts heard;
static SSL_CTX *context;
static watched listener;
static feed *feeds[FEEDS];
static uint64_t cursor;

static void drop(feed *one) {
    for (int i = 0; i < FEEDS; i++) if (feeds[i] == one) feeds[i] = NULL;
    timer_cancel(&one->over);
    watch(&one->socket, 0);
    close(one->socket.fd);
    SSL_free(one->tls);
    free(one->in);
    free(one);
}

static int respond(feed *one, const char *body) {
    size_t length = strlen(body);
    char *text = malloc(length + 256);
    int head = sprintf(text, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n", length);
    memcpy(text + head, body, length);
    int sent = write_all(one->tls, text, head + (int)length);
    free(text);
    return sent;
}

static int respond_news(feed *one, const char *events, const char *is_snapshot) {
    char *body;
    if (asprintf(&body, "{\"cursor\":\"%" PRIu64 "\",\"events\":[%s],\"snapshot\":%s,\"v\":1}", ++cursor, events, is_snapshot) < 0)
        die("memory");
    int sent = respond(one, body);
    free(body);
    return sent;
}

static int tell_news(feed *one) {
    timer_cancel(&one->over);
    int sent = respond_news(one, one->news, "false");
    one->asks = 0, one->news_count = 0, one->news[0] = 0;
    return sent;
}

static void time_over(timer *over) {
    feed *one = (feed *)((char *)over - offsetof(feed, over));
    if (!tell_news(one)) drop(one);
}

static int ask(feed *one, const char *target) {
    const char *asked = strstr(target, "cursor=");
    const char *wait = strstr(target, "wait_s=");
    if (!asked || !wait) die("a feed without cursor or wait_s");
    if (asked[7] == '&' || asked[7] == ' ') {
        size_t count = 0;
        char *events = read_file("feed.json", &count);
        int sent = respond_news(one, events ? events : "", "true");
        free(events);
        return sent;
    }
    for (int i = 0; i < FEEDS; i++) if (!feeds[i] || feeds[i] == one) { feeds[i] = one; break; }
    one->asks = 1;
    if (one->news_count || !atoi(wait + 7)) return tell_news(one);
    timer_set(&one->over, now_us() + (uint64_t)atoi(wait + 7) * 1000000);
    return 1;
}

static uint64_t times(const char *body, size_t length, const char *word) {
    uint64_t found = 0;
    size_t size = strlen(word);
    for (const char *at = body; (at = memmem(at, length - (size_t)(at - body), word, size)); at += size) found++;
    return found;
}

static int take_batch(feed *one, const char *body, size_t length) {
    char reply[64];
    const char *sequence = NULL;
    for (const char *at = body; (at = memmem(at, length - (size_t)(at - body), "\"sequence\":", 11)); at += 11) sequence = at;
    if (!sequence) die("a batch without a sequence");
    heard.batches++;
    heard.presences += times(body, length, "\"kind\":\"presence\"");
    heard.delivered += times(body, length, "\"kind\":\"delivered\"");
    heard.absences += times(body, length, "\"kind\":\"absent\"");
    snprintf(reply, sizeof reply, "{\"sequence\":%d,\"v\":1}", atoi(sequence + 11));
    return respond(one, reply);
}

static int take_request(feed *one) { /* 1 when one was there and is answered or waits, 0 for more, -1 broken */
    char *end = memmem(one->in, one->in_count, "\r\n\r\n", 4);
    if (!end) return 0;
    char *sized = memmem(one->in, (size_t)(end - one->in), "content-length: ", 16);
    size_t head = (size_t)(end - one->in) + 4, body = sized ? (size_t)atoi(sized + 16) : 0;
    if (one->in_count < head + body) return 0;
    *end = 0;
    int done = !strncmp(one->in, "GET ", 4) ? ask(one, one->in) : take_batch(one, one->in + head, body);
    memmove(one->in, one->in + head + body, one->in_count -= head + body);
    return done ? 1 : -1;
}

static void hear_relay(watched *socket) {
    feed *one = (feed *)socket;
    if (!one->is_shaken) {
        enum step step = shake(one->tls, socket);
        if (step == BROKEN) drop(one);
        if (step != DONE) return;
        one->is_shaken = 1;
    }
    for (;;) {
        int length, done;
        if (one->in_room - one->in_count < RECORD) one->in = realloc(one->in, one->in_room += 4 * RECORD);
        enum step step = read_record(one->tls, one->in + one->in_count, &length);
        if (step == MORE) return;
        if (step == BROKEN) { drop(one); return; }
        one->in_count += (size_t)length;
        while ((done = take_request(one)) > 0) ;
        if (done < 0) { drop(one); return; }
    }
}

static void accept_relay(watched *socket) {
    int fd = accept4(socket->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    feed *one = calloc(1, sizeof *one);
    one->socket = (watched){hear_relay, fd, 0};
    one->over.fire = time_over;
    one->tls = SSL_new(context);
    SSL_set_fd(one->tls, fd);
    SSL_set_accept_state(one->tls);
    watch(&one->socket, EPOLLIN);
}

int start_console(void) {
    int port;
    context = server_context("console");
    listener = (watched){accept_relay, listen_anywhere(&port), 0};
    watch(&listener, EPOLLIN);
    return port;
}

void offer(const char *device, const char *id, const char *sealed) {
    for (int i = 0; i < FEEDS; i++) {
        feed *one = feeds[i];
        if (!one) continue;
        if (NEWS - one->news_count < 4 * ORDER_BYTES) die("a relay does not ask for news");
        one->news_count += (size_t)sprintf(
            one->news + one->news_count,
            "%s{\"device\":\"%s\",\"expires_ms\":%" PRIu64 ",\"id\":\"%s\",\"kind\":\"message\",\"message_kind\":\"order\",\"sealed\":\"%s\"}",
            one->news_count ? "," : "", device, ((uint64_t)time(NULL) + 600) * 1000, id, sealed);
        if (one->asks && !tell_news(one)) drop(one);
    }
}
