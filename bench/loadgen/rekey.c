/* Asks a TLS server to take new keys, again and again, without a byte between.
 * rekey HOST PORT NAME CERTIFICATE KEY SOURCE SECONDS: prints how often it did. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what) {
    fprintf(stderr, "rekey: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static struct sockaddr_in address_of(const char *host, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) die("an address");
    return address;
}

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

int main(int count, char **words) {
    if (count != 8) die("HOST PORT NAME CERTIFICATE KEY SOURCE SECONDS");
    signal(SIGPIPE, SIG_IGN);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (SSL_CTX_use_certificate_chain_file(context, words[4]) != 1) die(words[4]);
    if (SSL_CTX_use_PrivateKey_file(context, words[5], SSL_FILETYPE_PEM) != 1) die(words[5]);
    int sock = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in from = address_of(words[6], 0), to = address_of(words[1], atoi(words[2]));
    if (bind(sock, (struct sockaddr *)&from, sizeof from)) die("bind");
    if (connect(sock, (struct sockaddr *)&to, sizeof to)) die("connect");
    SSL *tls = SSL_new(context);
    SSL_set_fd(tls, sock);
    SSL_set_tlsext_host_name(tls, words[3]);
    if (SSL_connect(tls) != 1) die("handshake");
    double end = now() + atof(words[7]);
    long done = 0;
    while (now() < end) {
        /* Not requested in return: an answer that nobody reads would end the game. */
        if (SSL_key_update(tls, SSL_KEY_UPDATE_NOT_REQUESTED) != 1 || SSL_do_handshake(tls) != 1) break;
        done++;
    }
    printf("%ld\n", done);
    return 0;
}
