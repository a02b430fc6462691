/* Pairs of legs through a relay: one end sends the time, the other says how old it is when it comes. */
#include "fleet.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

typedef struct leg {
    watched socket;
    timer beat;
    SSL *tls;
    const char *who;
    int index, is_open, is_shaken;
} leg;

figures tunnel_delays;
int tunnels_broken;
static int waiting, gap;
static void (*when_open)(void);

static void beat(timer *at) {
    leg *one = (leg *)((char *)at - offsetof(leg, beat));
    uint64_t now = now_us();
    if (!write_all(one->tls, &now, sizeof now)) return;
    timer_set(at, now + (uint64_t)gap);
}

static void ask(leg *one) {
    char name[64];
    size_t length;
    snprintf(name, sizeof name, "%s.%d", one->who, one->index);
    char *head = read_file(name, &length);
    if (!head) die(name);
    write_all(one->tls, head, (int)length);
    free(head);
}

static void hear_tunnel(watched *socket) {
    leg *one = (leg *)socket;
    char data[RECORD];
    int length;
    if (!one->is_shaken) {
        enum step step = shake(one->tls, socket);
        if (step == BROKEN) die("a tunnel's handshake");
        if (step != DONE) return;
        one->is_shaken = 1;
        ask(one);
    }
    for (;;) {
        enum step step = read_record(one->tls, data, &length);
        if (step == MORE) return;
        if (step == BROKEN) {
            tunnels_broken++;
            timer_cancel(&one->beat);
            watch(socket, 0);
            return;
        }
        if (one->is_open) {
            for (int at = 0; at + 8 <= length; at += 8) {
                uint64_t sent;
                memcpy(&sent, data + at, 8);
                figures_add(&tunnel_delays, (double)(now_us() - sent));
            }
            continue;
        }
        if (strncmp(data, "HTTP/1.1 101", 12)) die("a tunnel was refused");
        one->is_open = 1;
        if (one->beat.fire) timer_set(&one->beat, now_us() + (uint64_t)(chance() * gap));
        if (!--waiting) when_open();
    }
}

static void open_leg(SSL_CTX *context, const char *who, int index, int port) {
    leg *one = calloc(1, sizeof *one);
    one->who = who, one->index = index;
    if (!strcmp(who, "specialist")) one->beat.fire = beat;
    one->socket = (watched){hear_tunnel, dial(port), 0};
    one->tls = SSL_new(context);
    SSL_set_fd(one->tls, one->socket.fd);
    SSL_set_connect_state(one->tls);
    SSL_set_tlsext_host_name(one->tls, server_name);
    SSL_set_alpn_protos(one->tls, (const unsigned char *)"\x10" "bedside-tunnel/1", 17);
    waiting++;
    watch(&one->socket, EPOLLOUT);
}

void open_tunnels(int port, int count, int gap_us, void (*done)(void)) {
    SSL_CTX *device = client_context("device"), *specialist = client_context("specialist");
    gap = gap_us, when_open = done;
    for (int i = 0; i < count; i++) open_leg(device, "device", i, port), open_leg(specialist, "specialist", i, port);
}
