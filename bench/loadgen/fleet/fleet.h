/* A fleet of devices, each with its own certificate, on one epoll loop; and the console's stand-in.
 *
 * The parts: loop.c (epoll, timers, figures), tls.c (contexts, certificates), console.c (feed and batch),
 * devices.c (what a device does), speech.c (the words of polls and of MQTT), tunnels.c (pairs that are
 * pinged), main.c (the commands). All latencies are microseconds of one monotonic clock.
 */
#ifndef FLEET_H
#define FLEET_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

enum { RECORD = 16 * 1024, ORDER_BYTES = 1024, ID = 26 };
enum { LOST_MS = 30000, RETRY_US = 2000000, RETRY_MOST_US = 120000000 }; /* what a relay dictates that says nothing (13.10) */

/* ---- loop.c ---- */

typedef struct timer {
    uint64_t at;
    int place; /* in the heap, counted from 1; 0 is nowhere */
    void (*fire)(struct timer *);
} timer;

/* What epoll wakes: the first member of whatever owns a socket. */
typedef struct watched {
    void (*ready)(struct watched *);
    int fd;
    uint32_t wants;
} watched;

uint64_t now_us(void);
void die(const char *what) __attribute__((noreturn));
void timer_set(timer *, uint64_t at);
void timer_cancel(timer *);
void watch(watched *, uint32_t wants); /* EPOLLIN, EPOLLOUT; 0 forgets it */
void run_loop(void);
double chance(void); /* from 0 to below 1 */

typedef struct {
    double *values;
    size_t count, room;
} figures;

void figures_add(figures *, double value);
double figures_at(figures *, double share); /* 0.5 is the median; 0 when there are none */
void answer(const char *format, ...) __attribute__((format(printf, 1, 2))); /* a line for whoever commands */

/* ---- tls.c ---- */

extern const char *folder, *server_name;

typedef struct {
    X509 *certificate;
    EVP_PKEY *key;
} identity;

SSL_CTX *client_context(const char *who); /* FOLDER/who.crt and .key, or NULL for none yet */
SSL_CTX *server_context(const char *who);
identity issue(const char *device);          /* by FOLDER/ca.pem and ca.key */
int dial(int port);                          /* a non-blocking socket to the loopback; -1 when refused */
int listen_anywhere(int *port);
enum step { DONE, MORE, BROKEN };
enum step shake(SSL *, watched *);           /* one step of a handshake; sets what is watched */
enum step read_record(SSL *, char *, int *); /* one record of at most RECORD bytes */
int write_all(SSL *, const void *, int);     /* 1, or 0 when the connection is broken */
char *read_file(const char *name, size_t *length); /* of FOLDER; NULL when there is none */

/* ---- console.c ---- */

typedef struct {
    uint64_t presences, delivered, absences, batches;
} heard_counts;

extern heard_counts heard;
int start_console(void);                     /* returns its port */
void offer(const char *device, const char *id, const char *sealed);

/* ---- devices.c ---- */

typedef struct wire_counts {
    uint64_t answers, handshakes, resumed, refused, broken, timed_out, turned_away;
    uint64_t bytes_out, bytes_in, segments_out, segments_in;
} wire_counts;

enum speech { POLLS, MQTT };
enum stance { HELD, SATURATED, RETURNING }; /* one held poll; one after another; a connection for each */

typedef struct device {
    watched socket;
    timer next;
    SSL *tls;
    SSL_SESSION *session;
    identity self;
    enum { AWAY, SHAKING, GREETING, WAITING } state;
    enum stance stance;
    int fails, packet, is_busy;
    int lost_ms; /* over which the relay wants its devices to leave; 0 as long as it has not answered */
    uint64_t leave_by;   /* the end of that span, once the relay is lost */
    uint64_t told_first; /* when a relay first had no turn for it; 0 when one had */
    unsigned sequence;
    uint64_t dialled, order_sent;
    char name[24], instance[33], ack[ID + 1], order[ID + 1];
} device;

extern enum speech speech;
extern wire_counts counts;
extern device *devices;
extern int device_count, is_resuming;

void make_devices(int first, int count);
void device_dial(device *, int port);
void device_say(device *, const char *, int);
void device_delivered(device *, const char *order);
void device_close(device *);
void add_traffic(device *); /* this connection's bytes and segments so far, into `counts` */

/* What main.c hears of a device: it is served, or its connection broke. */
extern void (*on_served)(device *);
extern void (*on_broken)(device *);

/* ---- speech.c ---- */

void speak_first(device *);               /* after the handshake */
int hear(device *, const char *, int);    /* one record; 1 when the device is served by it */
void publish(device *from, device *to, const char *payload, int length); /* MQTT */
void say_again(device *);                 /* a poll, a ping */

/* ---- tunnels.c ---- */

void open_tunnels(int port, int count, int gap_us, void (*done)(void));
extern figures tunnel_delays;
extern int tunnels_broken;

#endif
