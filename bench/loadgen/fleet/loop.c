/* One epoll loop, a heap of timers, figures. */
#define _GNU_SOURCE
#include "fleet.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <openssl/err.h>

static int epoll = -1;
static timer **heap;
static int heap_count, heap_room;

void die(const char *what) {
    fprintf(stderr, "fleet: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

uint64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

double chance(void) { return drand48(); }

/* ---- timers: a binary heap, each timer knows its place ---- */

static void put(int place, timer *one) {
    heap[place] = one;
    one->place = place;
}

static void rise(int place, timer *one) {
    while (place > 1 && heap[place / 2]->at > one->at) put(place, heap[place / 2]), place /= 2;
    put(place, one);
}

static void sink(int place, timer *one) {
    for (int child; (child = 2 * place) <= heap_count; place = child) {
        if (child < heap_count && heap[child + 1]->at < heap[child]->at) child++;
        if (heap[child]->at >= one->at) break;
        put(place, heap[child]);
    }
    put(place, one);
}

void timer_cancel(timer *one) {
    int place = one->place;
    if (!place) return;
    one->place = 0;
    timer *last = heap[heap_count--];
    if (last == one) return;
    if (place > 1 && heap[place / 2]->at > last->at) rise(place, last);
    else sink(place, last);
}

void timer_set(timer *one, uint64_t at) {
    timer_cancel(one);
    if (heap_count + 2 > heap_room) {
        heap_room = heap_room ? 2 * heap_room : 1024;
        heap = realloc(heap, (size_t)heap_room * sizeof *heap);
    }
    one->at = at;
    rise(++heap_count, one);
}

static void fire_timers(void) {
    uint64_t now = now_us();
    while (heap_count && heap[1]->at <= now) {
        timer *one = heap[1];
        timer_cancel(one);
        one->fire(one);
    }
}

/* ---- sockets ---- */

void watch(watched *socket, uint32_t wants) {
    struct epoll_event event = {.events = wants, .data.ptr = socket};
    if (epoll < 0) epoll = epoll_create1(EPOLL_CLOEXEC);
    if (socket->wants == wants) return;
    int what = !wants ? EPOLL_CTL_DEL : socket->wants ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(epoll, what, socket->fd, &event)) die("epoll");
    socket->wants = wants;
}

void run_loop(void) {
    struct epoll_event events[256];
    for (;;) {
        struct timespec wait, *limit = NULL;
        if (heap_count) {
            uint64_t now = now_us(), at = heap[1]->at;
            uint64_t left = at > now ? at - now : 0;
            wait.tv_sec = (time_t)(left / 1000000), wait.tv_nsec = (long)(left % 1000000) * 1000;
            limit = &wait;
        }
        int count = epoll_pwait2(epoll, events, 256, limit, NULL);
        for (int i = 0; i < count; i++) {
            watched *socket = events[i].data.ptr;
            if (socket->wants) socket->ready(socket); /* one before it may have closed this one */
        }
        fire_timers();
    }
}

/* ---- figures ---- */

void figures_add(figures *all, double value) {
    if (all->count == all->room) {
        all->room = all->room ? 2 * all->room : 1024;
        all->values = realloc(all->values, all->room * sizeof *all->values);
    }
    all->values[all->count++] = value;
}

static int compare(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

double figures_at(figures *all, double share) {
    if (!all->count) return 0;
    qsort(all->values, all->count, sizeof *all->values, compare);
    size_t place = (size_t)(share * (double)all->count);
    return all->values[place < all->count ? place : all->count - 1];
}

void answer(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}
