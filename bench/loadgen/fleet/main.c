/* fleet polls|mqtt NAME FOLDER FIRST COUNT
 *
 * Makes COUNT devices (SIM-00FIRST and on) with certificates of FOLDER/ca.pem and ca.key that ask for the server
 * NAME; plays the console (FOLDER/console.crt, .key; FOLDER/feed.json is what its snapshot says). Prints
 * "ready CONSOLE_PORT", then does one command at a time from standard input and answers each with one line:
 *
 *   connect PORT AT_ONCE              all devices, held       connected S REFUSED TIMED_OUT
 *   idle S                            nothing but the fleet   idle ANSWERS BYTES_OUT BYTES_IN SEGMENTS_OUT SEGMENTS_IN
 *   wake COUNT GAP_US                 orders to some          wake P50_US P99_US MOST_US LOST
 *   saturate PORT S                   one poll after another  saturating, then: saturated ANSWERS
 *   return PORT S AT_ONCE RESUMED     connect, ask, close     returned HANDSHAKES RESUMED FAILED and the four of idle
 *   tunnels PORT COUNT GAP_US         pairs that are pinged   tunnels
 *   stalls                            since last asked        stalls P50_US P99_US MOST_US BROKEN
 *   storm LOST PORT OBEYS LIMIT_S     who loses LOST goes to  armed, then: storm BACK P50_S P99_S ALL_S REFUSED
 *                                       PORT, as dictated or      TIMED_OUT SHAKE_P50_MS SHAKE_MOST_MS TURNED_AWAY
 *                                       all at once
 *   heard                             by the console          heard PRESENCES DELIVERED ABSENCES BATCHES
 */
#include "fleet.h"
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

static int port, at_once, dialled, served, failed;
static uint64_t begun;
static timer over;

/* ---- connect ---- */

static void dial_next(void) {
    while (dialled < device_count && dialled - served - failed < at_once) device_dial(&devices[dialled++], port);
}

static void connect_ends(void) {
    if (served + failed < device_count) return;
    answer("connected %.3f %" PRIu64 " %" PRIu64, (double)(now_us() - begun) / 1e6, counts.refused, counts.timed_out);
}

static void served_in_turn(device *one) {
    (void)one;
    served++;
    dial_next();
    connect_ends();
}

static void failed_in_turn(device *one) {
    (void)one;
    failed++;
    dial_next();
    connect_ends();
}

static void connect_all(enum stance stance) {
    memset(&counts, 0, sizeof counts);
    begun = now_us(), dialled = served = failed = 0;
    on_served = served_in_turn, on_broken = failed_in_turn;
    for (int i = 0; i < device_count; i++) devices[i].stance = stance;
    dial_next();
}

/* ---- idle ---- */

static wire_counts before;

static void add_open_traffic(void) {
    for (int i = 0; i < device_count; i++) if (devices[i].state == WAITING) add_traffic(&devices[i]);
}

static void idle_ends(timer *at) {
    (void)at;
    uint64_t answers = counts.answers;
    memset(&counts, 0, sizeof counts);
    add_open_traffic();
    answer("idle %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, answers, counts.bytes_out - before.bytes_out,
           counts.bytes_in - before.bytes_in, counts.segments_out - before.segments_out,
           counts.segments_in - before.segments_in);
}

static void idle(double seconds) {
    memset(&counts, 0, sizeof counts);
    add_open_traffic();
    before = counts;
    memset(&counts, 0, sizeof counts);
    over.fire = idle_ends;
    timer_set(&over, now_us() + (uint64_t)(seconds * 1e6));
}

/* ---- wake ---- */

static figures delays;
static int orders, ordered, gap_us;
static timer next_order;
static char sealed[ORDER_BYTES + 1];
static uint64_t order_number;

static void wake_ends(timer *at) {
    timer_cancel(at);
    int lost = orders - (int)delays.count;
    answer("wake %.1f %.1f %.1f %d", figures_at(&delays, 0.5), figures_at(&delays, 0.99), figures_at(&delays, 1), lost);
}

/* An ULID: its time stands still, its second half counts, spread over the letters as random ones are. */
static void number_order(char *order) {
    static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t number = ++order_number * 0x9E3779B97F4A7C15u;
    memcpy(order, "01JDQK7V2M8ZXA", 14);
    for (int i = 14; i < ID; i++, number >>= 5) order[i] = letters[number & 31];
    order[ID] = 0;
}

static void order_one(timer *at) {
    device *one;
    do one = &devices[(int)(chance() * device_count)];
    while (one->state != WAITING || one->order[0]);
    number_order(one->order);
    one->order_sent = now_us();
    if (speech == MQTT) {
        memcpy(sealed, one->order, ID);
        publish(&devices[0], one, sealed, ORDER_BYTES);
    } else offer(one->name, one->order, sealed);
    if (++ordered < orders) timer_set(at, now_us() + (uint64_t)(gap_us * (0.5 + chance())));
    else timer_set(&over, now_us() + 5000000);
}

void device_delivered(device *one, const char *order) {
    if (strcmp(one->order, order)) return; /* said again */
    figures_add(&delays, (double)(now_us() - one->order_sent));
    one->order[0] = 0;
    if ((int)delays.count == orders) wake_ends(&over);
}

static void wake(int count, int gap) {
    delays.count = 0;
    orders = count, ordered = 0, gap_us = gap;
    memset(sealed, 'A', ORDER_BYTES);
    next_order.fire = order_one, over.fire = wake_ends;
    timer_set(&next_order, now_us() + (uint64_t)gap);
}

/* ---- saturate ---- */

static double seconds;

static void saturate_ends(timer *at) {
    (void)at;
    answer("saturated %" PRIu64, counts.answers);
    for (int i = 0; i < device_count; i++) device_close(&devices[i]);
}

static void served_together(device *one) {
    (void)one;
    if (++served < device_count) {
        dial_next();
        return;
    }
    counts.answers = 0;
    over.fire = saturate_ends;
    timer_set(&over, now_us() + (uint64_t)(seconds * 1e6));
    answer("saturating");
}

/* ---- return ---- */

static int returning;

static void return_again(device *one) {
    device *after = one + at_once; /* every device has its turn */
    if (after >= devices + device_count) after = devices + (one - devices) % at_once;
    if (returning) device_dial(after, port);
}

static void return_ends(timer *at) {
    (void)at;
    returning = 0;
    answer("returned %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, counts.answers + (speech == MQTT ? counts.handshakes : 0),
           counts.resumed, counts.refused + counts.timed_out, counts.bytes_out, counts.bytes_in, counts.segments_out,
           counts.segments_in);
    for (int i = 0; i < device_count; i++) device_close(&devices[i]);
}

static void start_returning(int with_sessions) {
    memset(&counts, 0, sizeof counts);
    is_resuming = with_sessions, returning = 1;
    on_served = on_broken = return_again;
    for (int i = 0; i < device_count; i++) devices[i].stance = RETURNING;
    for (int i = 0; i < at_once; i++) device_dial(&devices[i], port);
    over.fire = return_ends;
    timer_set(&over, now_us() + (uint64_t)(seconds * 1e6));
}

/* ---- storm ---- */

static int lost_port, obeys;
static uint64_t lost_first;
static figures backs, shakes;

static void storm_ends(timer *at) {
    timer_cancel(at);
    size_t back = backs.count;
    double last = figures_at(&backs, 1);
    while (backs.count < (size_t)device_count) figures_add(&backs, INFINITY); /* shares are of all */
    answer("storm %zu %.2f %.2f %.2f %" PRIu64 " %" PRIu64 " %.2f %.2f %" PRIu64, back, figures_at(&backs, 0.5) / 1e6,
           figures_at(&backs, 0.99) / 1e6, last / 1e6, counts.refused, counts.timed_out,
           figures_at(&shakes, 0.5) / 1e3, figures_at(&shakes, 1) / 1e3, counts.turned_away);
}

static void dial_lost(timer *next) { device_dial((device *)((char *)next - offsetof(device, next)), lost_port); }

static void dial_other(timer *next) { device_dial((device *)((char *)next - offsetof(device, next)), port); }

static void dial_later(device *one, void (*dial)(timer *), double reach_us) {
    one->next.fire = dial;
    timer_set(&one->next, now_us() + (uint64_t)(chance() * reach_us));
}

/* As any device backs off: full jitter, doubling. */
static double backoff_us(const device *one) { return (double)RETRY_US * (1 << (one->fails < 8 ? one->fails - 2 : 6)); }

/* The plan of src/bedside/agent/poll_plan.py: once more where it was, then the span, then as told. */
static void lost_in_storm(device *one) {
    uint64_t now = now_us();
    double span_us = (one->lost_ms ? one->lost_ms : LOST_MS) * 1e3;
    if (!lost_first) lost_first = now;
    one->fails++;
    if (!obeys && one->fails == 1) one->fails = 2, dial_later(one, dial_other, 0);
    else if (one->fails == 1) {
        one->leave_by = now + (uint64_t)(0.9 * span_us); /* the rest is for handshakes that wait */
        dial_later(one, dial_lost, 0.9 * span_us < RETRY_US ? 0.9 * span_us : RETRY_US);
    } else if (one->fails == 2 && obeys) {
        counts.refused--; /* nobody is there: that is no handshake */
        dial_later(one, dial_other, one->leave_by > now ? (double)(one->leave_by - now) : 0);
    } else if (obeys && one->is_busy) {
        if (!one->told_first) one->told_first = now;
        double waited_us = (double)(now - one->told_first);
        if (waited_us > RETRY_MOST_US) waited_us = RETRY_MOST_US;
        dial_later(one, dial_other, waited_us > span_us ? waited_us : span_us);
    } else dial_later(one, dial_other, backoff_us(one));
}

static void back_from_storm(device *one) {
    if (!one->fails) return;
    one->fails = 0, one->told_first = 0;
    uint64_t now = now_us();
    figures_add(&backs, (double)(now - lost_first));
    figures_add(&shakes, (double)(now - one->dialled));
    if ((int)backs.count == device_count) timer_set(&over, now + 2000000); /* whether they all stay */
}

static void arm(double limit_s) {
    memset(&counts, 0, sizeof counts);
    lost_first = 0, backs.count = shakes.count = 0;
    on_served = back_from_storm, on_broken = lost_in_storm;
    over.fire = storm_ends;
    timer_set(&over, now_us() + (uint64_t)(limit_s * 1e6));
    answer("armed");
}

/* ---- commands ---- */

static void tunnels_open(void) { answer("tunnels"); }

static void say_stalls(void) {
    answer("stalls %.1f %.1f %.1f %d", figures_at(&tunnel_delays, 0.5), figures_at(&tunnel_delays, 0.99),
           figures_at(&tunnel_delays, 1), tunnels_broken);
    tunnel_delays.count = 0;
}

static void obey(const char *line) {
    double a = 0, b = 0, c = 0, d = 0;
    char word[16] = "";
    sscanf(line, "%15s %lf %lf %lf %lf", word, &a, &b, &c, &d);
    if (!strcmp(word, "connect")) port = (int)a, at_once = (int)b, connect_all(HELD);
    else if (!strcmp(word, "idle")) idle(a);
    else if (!strcmp(word, "wake")) wake((int)a, (int)b);
    else if (!strcmp(word, "saturate")) {
        port = (int)a, seconds = b, at_once = 32;
        connect_all(SATURATED);
        on_served = served_together;
    } else if (!strcmp(word, "return")) port = (int)a, seconds = b, at_once = (int)c, start_returning((int)d);
    else if (!strcmp(word, "tunnels")) open_tunnels((int)a, (int)b, (int)c, tunnels_open);
    else if (!strcmp(word, "storm")) lost_port = (int)a, port = (int)b, obeys = (int)c, arm(d);
    else if (!strcmp(word, "stalls")) say_stalls();
    else if (!strcmp(word, "heard"))
        answer("heard %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, heard.presences, heard.delivered, heard.absences, heard.batches);
    else die(line);
}

static void hear_commands(watched *input) {
    static char text[4096];
    static size_t count;
    ssize_t more = read(input->fd, text + count, sizeof text - count - 1);
    if (more <= 0) exit(0);
    text[count += (size_t)more] = 0;
    for (char *end; (end = strchr(text, '\n'));) {
        *end = 0;
        obey(text);
        memmove(text, end + 1, count -= (size_t)(end + 1 - text));
        text[count] = 0;
    }
}

int main(int argc, char **argv) {
    struct rlimit files;
    static watched input = {hear_commands, 0, 0};
    if (argc != 6) die("fleet polls|mqtt NAME FOLDER FIRST COUNT");
    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    srand48(getpid());
    speech = strcmp(argv[1], "mqtt") ? POLLS : MQTT;
    server_name = argv[2], folder = argv[3];
    make_devices(atoi(argv[4]), atoi(argv[5]));
    int console = start_console();
    watch(&input, EPOLLIN);
    answer("ready %d", console);
    run_loop();
}
