/* The words: Bedside's polls (docs/protocol/poll.md), and MQTT 3.1.1 for mosquitto. */
#define _GNU_SOURCE
#include "fleet.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PING_US = 30 * 1000 * 1000 };

/* ---- polls ---- */

static void poll_relay(device *one) {
    char body[1024], text[2048];
    int length = snprintf(
        body, sizeof body,
        "{\"acks\":[%s%s%s],\"activity\":\"idle\",\"configuration\":1,\"instance\":\"%s\",\"journal\":{\"head\":"
        "\"%064d\",\"size\":7},\"mode\":\"%s\",\"sequence\":%u,\"v\":1,\"version\":\"1.0\"}",
        one->ack[0] ? "\"" : "", one->ack, one->ack[0] ? "\"" : "", one->instance, 0,
        one->stance == HELD ? "held" : "interval", one->sequence++);
    length = snprintf(text, sizeof text,
                      "POST /v1/poll HTTP/1.1\r\nhost: %s\r\ncontent-type: application/json\r\n"
                      "content-length: %d\r\n\r\n%s",
                      server_name, length, body);
    one->ack[0] = 0;
    device_say(one, text, length);
}

static void take_order(device *one, const char *data, int length) {
    const char *order = memmem(data, (size_t)length, "\"id\":\"", 6);
    if (!order) return;
    memcpy(one->ack, order + 6, ID);
    one->ack[ID] = 0;
    device_delivered(one, one->ack);
}

static void take_spans(device *one, const char *data, int length) {
    const char *lost = memmem(data, (size_t)length, "\"lost_ms\":", 10);
    one->lost_ms = lost ? atoi(lost + 10) : LOST_MS;
}

static int hear_reply(device *one, const char *data, int length) {
    const char *body = memmem(data, (size_t)length, "\r\n\r\n", 4);
    const char *size = memmem(data, (size_t)length, "content-length: ", 16);
    if (!body || !size || body + 4 + atoi(size + 16) != data + length) die("an answer that is not one record");
    if (strncmp(data, "HTTP/1.1 200", 12)) {
        counts.refused++;
        device_close(one);
        on_broken(one);
        return 0;
    }
    counts.answers++;
    take_order(one, data, length);
    take_spans(one, data, length);
    if (one->stance == RETURNING) {
        device_close(one);
        return 1;
    }
    poll_relay(one);
    return 0;
}

/* ---- MQTT ---- */

static int packet_head(char *packet, int kind, int rest) {
    packet[0] = (char)kind;
    if (rest < 128) {
        packet[1] = (char)rest;
        return 2;
    }
    packet[1] = (char)(rest % 128 | 128), packet[2] = (char)(rest / 128);
    return 3;
}

static int text_field(char *at, const char *text) {
    int length = (int)strlen(text);
    at[0] = (char)(length / 256), at[1] = (char)(length % 256);
    memcpy(at + 2, text, (size_t)length);
    return 2 + length;
}

static void connect_broker(device *one) {
    static const char variable[] = "\0\4MQTT\4\2\0\132"; /* clean session, 90 s */
    char packet[128];
    int at = packet_head(packet, 0x10, 10 + 2 + (int)strlen(one->name));
    memcpy(packet + at, variable, 10);
    at += 10;
    at += text_field(packet + at, one->name);
    device_say(one, packet, at);
}

static void subscribe(device *one) {
    char packet[128];
    int at = packet_head(packet, 0x82, 2 + 2 + (int)strlen(one->name) + 1);
    packet[at] = 0, packet[at + 1] = 1;
    at += 2;
    at += text_field(packet + at, one->name);
    packet[at++] = 1; /* at least once, as a relay's messages */
    device_say(one, packet, at);
}

void publish(device *from, device *to, const char *payload, int length) {
    char packet[4096];
    int at = packet_head(packet, 0x32, 2 + (int)strlen(to->name) + 2 + length);
    at += text_field(packet + at, to->name);
    from->packet = from->packet % 60000 + 1;
    packet[at] = (char)(from->packet / 256), packet[at + 1] = (char)(from->packet % 256);
    memcpy(packet + at + 2, payload, (size_t)length);
    device_say(from, packet, at + 2 + length);
}

static void take_publish(device *one, const unsigned char *rest) {
    int topic = rest[0] * 256 + rest[1];
    char ack[4] = {0x40, 2, (char)rest[2 + topic], (char)rest[3 + topic]}, order[ID + 1] = {0};
    memcpy(order, rest + 4 + topic, ID);
    device_say(one, ack, 4);
    device_delivered(one, order);
}

static int hear_packets(device *one, const unsigned char *data, int length) {
    int served = 0;
    for (int at = 0; at < length && one->state != AWAY;) {
        int kind = data[at] >> 4, size = data[at + 1] & 127, head = 2;
        if (data[at + 1] & 128) size += data[at + 2] * 128, head = 3;
        if (at + head + size > length) die("a packet that is not one record");
        if (kind == 2 && data[at + 3]) die("the broker refused");
        if (kind == 2 && one->stance == HELD) subscribe(one);
        else if (kind == 2 && one->stance == SATURATED) device_say(one, "\300\0", 2), served = 1;
        else if (kind == 2) device_say(one, "\340\0", 2), device_close(one), served = 1;
        else if (kind == 9) served = 1;
        else if (kind == 3) take_publish(one, data + at + head);
        else if (kind == 13) {
            counts.answers++;
            if (one->stance == SATURATED) device_say(one, "\300\0", 2);
        }
        at += head + size;
    }
    if (served && one->state != AWAY) {
        one->state = WAITING;
        if (one->stance == HELD) timer_set(&one->next, now_us() + (uint64_t)(chance() * PING_US));
        else timer_cancel(&one->next);
    }
    return served;
}

/* ---- both ---- */

void speak_first(device *one) {
    if (speech == MQTT) {
        connect_broker(one);
        return;
    }
    poll_relay(one);
    if (one->stance == RETURNING) return;
    timer_cancel(&one->next); /* its poll is held: nothing else tells that it is served */
    one->state = WAITING;
    on_served(one);
}

void say_again(device *one) {
    if (speech != MQTT) return;
    device_say(one, "\300\0", 2);
    timer_set(&one->next, now_us() + PING_US);
}

int hear(device *one, const char *data, int length) {
    return speech == MQTT ? hear_packets(one, (const unsigned char *)data, length) : hear_reply(one, data, length);
}
