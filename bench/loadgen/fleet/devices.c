/* What a device does: dials, shakes hands, speaks, and hears what comes. */
#include "fleet.h"
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_US = 8 * 1000 * 1000 }; /* from dialling to being served; a device's own limit */

enum speech speech;
wire_counts counts;
device *devices;
int device_count, is_resuming;
void (*on_served)(device *);
void (*on_broken)(device *);
static SSL_CTX *context;

static void hear_relay(watched *socket);

static int keep_session(SSL *tls, SSL_SESSION *session) {
    device *one = SSL_get_app_data(tls);
    if (!is_resuming) return 0;
    SSL_SESSION_free(one->session);
    one->session = session;
    return 1;
}

static void give_up(timer *next) {
    device *one = (device *)((char *)next - offsetof(device, next));
    if (one->state == WAITING) { /* its ping, or what main.c wants of it */
        say_again(one);
        return;
    }
    counts.timed_out++;
    device_close(one);
    on_broken(one);
}

void make_devices(int first, int count) {
    context = client_context(NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keep_session);
    devices = calloc((size_t)count, sizeof *devices);
    device_count = count;
    for (device *one = devices; one < devices + count; one++) {
        unsigned char random[16];
        snprintf(one->name, sizeof one->name, "SIM-%06d", first + (int)(one - devices));
        one->self = issue(one->name);
        one->next.fire = give_up;
        RAND_bytes(random, sizeof random);
        for (int i = 0; i < 16; i++) sprintf(one->instance + 2 * i, "%02x", random[i]);
    }
}

void add_traffic(device *one) {
    struct tcp_info told;
    socklen_t length = sizeof told;
    if (getsockopt(one->socket.fd, IPPROTO_TCP, TCP_INFO, &told, &length)) return;
    counts.bytes_out += told.tcpi_bytes_sent;
    counts.bytes_in += told.tcpi_bytes_received;
    counts.segments_out += told.tcpi_segs_out;
    counts.segments_in += told.tcpi_segs_in;
}

void device_close(device *one) {
    if (one->state == AWAY) return;
    one->state = AWAY;
    timer_cancel(&one->next);
    watch(&one->socket, 0);
    /* A session is resumed only when its connection was not a failure. */
    if (one->tls && SSL_is_init_finished(one->tls)) SSL_shutdown(one->tls);
    add_traffic(one);
    SSL_free(one->tls);
    close(one->socket.fd);
    one->tls = NULL;
    one->order[0] = one->ack[0] = 0;
}

static void broken(device *one) {
    /* The relay's word before TLS that it has no turn for anybody now. */
    one->is_busy = one->state == SHAKING && ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_TLSV1_ALERT_INTERNAL_ERROR;
    if (one->is_busy) counts.turned_away++;
    else if (one->state == WAITING) counts.broken++;
    else counts.refused++;
    device_close(one);
    on_broken(one);
}

static void refused_at_once(timer *next) {
    device *one = (device *)((char *)next - offsetof(device, next));
    one->next.fire = give_up;
    counts.refused++;
    on_broken(one);
}

void device_dial(device *one, int port) {
    int fd = dial(port);
    one->dialled = now_us();
    one->is_busy = 0;
    if (fd < 0) { /* said later: whoever dials is not told in the middle of it */
        one->next.fire = refused_at_once;
        timer_set(&one->next, one->dialled);
        return;
    }
    one->next.fire = give_up;
    one->socket = (watched){hear_relay, fd, 0};
    one->tls = SSL_new(context);
    SSL_set_app_data(one->tls, one);
    SSL_set_fd(one->tls, fd);
    SSL_set_connect_state(one->tls);
    SSL_set_tlsext_host_name(one->tls, server_name);
    SSL_set1_host(one->tls, server_name);
    SSL_use_certificate(one->tls, one->self.certificate);
    SSL_use_PrivateKey(one->tls, one->self.key);
    if (speech == POLLS) SSL_set_alpn_protos(one->tls, (const unsigned char *)"\x08http/1.1", 9);
    if (is_resuming && one->session) SSL_set_session(one->tls, one->session);
    one->state = SHAKING;
    timer_set(&one->next, one->dialled + PATIENCE_US);
    watch(&one->socket, EPOLLOUT);
}

void device_say(device *one, const char *text, int length) {
    /* A broken connection is found when it is read. */
    write_all(one->tls, text, length);
}

static void hear_relay(watched *socket) {
    device *one = (device *)socket;
    char data[RECORD];
    int length;
    if (one->state == SHAKING) {
        enum step step = shake(one->tls, socket);
        if (step == BROKEN) broken(one);
        if (step != DONE) return;
        counts.handshakes++;
        counts.resumed += (uint64_t)SSL_session_reused(one->tls);
        one->state = GREETING;
        speak_first(one);
        if (one->state == AWAY) return;
    }
    for (;;) {
        enum step step = read_record(one->tls, data, &length);
        if (step == MORE) return;
        if (step == BROKEN) {
            broken(one);
            return;
        }
        if (hear(one, data, length)) on_served(one);
        if (one->state == AWAY || one->state == SHAKING) return;
    }
}
