/* Moves bytes through what is measured: a writer and a reader thread per stream, TLS 1.3 on each leg.
 *
 *   splice pair    HOST PORT NAME STREAMS BYTES FOLDER   both legs dial; heads in FOLDER/{device,specialist}.I
 *   splice forward HOST PORT NAME STREAMS BYTES FOLDER   writers dial; readers are accepted on a port that is printed
 *
 * FOLDER holds ca.pem, {device,specialist}.{crt,key} and, for forward, sink.{crt,key}.
 * Every byte that arrives is compared with a counter pattern. Prints "ready", waits for a line on standard
 * input, then prints "SECONDS" once all bytes have arrived. Exit code 1 and a sentence when anything differs.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 32 * 1024, READ = 64 * 1024, PERIOD = 251 * 256, STREAMS = 64 };

static const char *host, *port, *name, *folder;
static long long total;
static int streams, forward, listener;
static SSL_CTX *device_context, *specialist_context, *sink_context;
static SSL *readers[STREAMS], *writers[STREAMS];
static unsigned char pattern[PERIOD + READ];

static void die(const char *what) {
    fprintf(stderr, "splice: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static SSL_CTX *context(const SSL_METHOD *method, const char *who) {
    char path[512];
    SSL_CTX *made = SSL_CTX_new(method);
    SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(made, "TLS_AES_256_GCM_SHA384");
    SSL_CTX_set_mode(made, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_num_tickets(made, 0);
    snprintf(path, sizeof path, "%s/%s.crt", folder, who);
    if (SSL_CTX_use_certificate_chain_file(made, path) != 1) die(path);
    snprintf(path, sizeof path, "%s/%s.key", folder, who);
    if (SSL_CTX_use_PrivateKey_file(made, path, SSL_FILETYPE_PEM) != 1) die(path);
    snprintf(path, sizeof path, "%s/ca.pem", folder);
    if (SSL_CTX_load_verify_locations(made, path, NULL) != 1) die(path);
    SSL_CTX_set_verify(made, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return made;
}

static int dial(void) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int one = 1, fd;
    if (getaddrinfo(host, port, &hints, &found)) die("address");
    fd = socket(found->ai_family, SOCK_STREAM, 0);
    if (connect(fd, found->ai_addr, found->ai_addrlen)) die("connect");
    freeaddrinfo(found);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static SSL *client(SSL_CTX *with) {
    static const unsigned char alpn[] = "\x10" "bedside-tunnel/1";
    SSL *tls = SSL_new(with);
    SSL_set_fd(tls, dial());
    SSL_set_tlsext_host_name(tls, name);
    SSL_set_alpn_protos(tls, alpn, sizeof alpn - 1);
    if (SSL_connect(tls) != 1) die("handshake");
    return tls;
}

static void send_head(SSL *tls, const char *who, int stream) {
    char path[512], head[4096];
    snprintf(path, sizeof path, "%s/%s.%d", folder, who, stream);
    FILE *file = fopen(path, "rb");
    if (!file) die(path);
    int length = (int)fread(head, 1, sizeof head, file);
    fclose(file);
    if (SSL_write(tls, head, length) != length) die("request");
}

static void read_answer(SSL *tls) {
    char answer[4096];
    int length = 0;
    while (length < (int)sizeof answer - 1) {
        if (SSL_read(tls, answer + length, 1) != 1) die("answer");
        answer[++length] = 0;
        if (length > 3 && !memcmp(answer + length - 4, "\r\n\r\n", 4)) break;
    }
    if (strncmp(answer, "HTTP/1.1 101", 12)) die(answer);
}

static void *write_all(void *argument) {
    SSL *tls = writers[(long)argument];
    for (long long sent = 0; sent < total;) {
        int count = total - sent < PIECE ? (int)(total - sent) : PIECE;
        if (SSL_write(tls, pattern + sent % PERIOD, count) != count) die("write");
        sent += count;
    }
    SSL_shutdown(tls);
    return NULL;
}

static void *read_all(void *argument) {
    static __thread unsigned char data[READ];
    SSL *tls = readers[(long)argument];
    long long got = 0;
    int count;
    while (got < total && (count = SSL_read(tls, data, READ)) > 0) {
        if (memcmp(data, pattern + got % PERIOD, count)) die("bytes differ");
        got += count;
    }
    if (got != total) die("the stream ended early");
    return NULL;
}

static int listen_anywhere(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, STREAMS)) die("listen");
    getsockname(fd, (struct sockaddr *)&address, &length);
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void *accept_reader(void *argument) {
    int one = 1, fd = accept(listener, NULL, NULL);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    SSL *tls = readers[(long)argument] = SSL_new(sink_context);
    SSL_set_fd(tls, fd);
    if (SSL_accept(tls) != 1) die("accept");
    return NULL;
}

static void connect_streams(void) {
    pthread_t threads[STREAMS];
    for (long i = 0; i < streams; i++) {
        if (forward) pthread_create(&threads[i], NULL, accept_reader, (void *)i);
        else send_head(readers[i] = client(device_context), "device", (int)i);
        writers[i] = client(specialist_context);
        if (!forward) send_head(writers[i], "specialist", (int)i);
        if (forward) pthread_join(threads[i], NULL);
        else read_answer(readers[i]), read_answer(writers[i]);
    }
}

int main(int argc, char **argv) {
    pthread_t threads[2 * STREAMS];
    struct timespec begin, end;
    char line[64];
    if (argc != 8) die("splice pair|forward HOST PORT NAME STREAMS BYTES FOLDER");
    signal(SIGPIPE, SIG_IGN);
    forward = !strcmp(argv[1], "forward");
    host = argv[2], port = argv[3], name = argv[4], folder = argv[7];
    streams = atoi(argv[5]), total = atoll(argv[6]) / streams;
    if (streams < 1 || streams > STREAMS) die("1 to 64 streams");
    for (int i = 0; i < (int)sizeof pattern; i++) pattern[i] = (unsigned char)(i % PERIOD % 251 + i % PERIOD / 251);
    specialist_context = context(TLS_client_method(), "specialist");
    if (forward) {
        sink_context = context(TLS_server_method(), "sink");
        listener = listen_anywhere();
        if (!fgets(line, sizeof line, stdin)) die("nobody to wait for"); /* the forwarder is up */
        port = strtok(line, "\n");
    } else device_context = context(TLS_client_method(), "device");
    connect_streams();
    puts("ready");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) die("nobody said go");
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (long i = 0; i < streams; i++) {
        pthread_create(&threads[2 * i], NULL, read_all, (void *)i);
        pthread_create(&threads[2 * i + 1], NULL, write_all, (void *)i);
    }
    for (int i = 0; i < 2 * streams; i++) pthread_join(threads[i], NULL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.6f\n", (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
    return 0;
}
