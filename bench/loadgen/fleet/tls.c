/* TLS 1.3 with a certificate for each device, issued here in the shape of the house. */
#include "fleet.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

const char *folder, *server_name;

static const char *path(const char *name, const char *end) {
    static char text[1024];
    snprintf(text, sizeof text, "%s/%s%s", folder, name, end);
    return text;
}

char *read_file(const char *name, size_t *length) {
    FILE *file = fopen(path(name, ""), "rb");
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    *length = (size_t)ftell(file);
    rewind(file);
    char *data = calloc(1, *length + 1);
    if (fread(data, 1, *length, file) != *length) die(name);
    fclose(file);
    return data;
}

static SSL_CTX *context(const SSL_METHOD *method, const char *who) {
    SSL_CTX *made = SSL_CTX_new(method);
    SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION);
    SSL_CTX_set_mode(made, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    if (who && SSL_CTX_use_certificate_chain_file(made, path(who, ".crt")) != 1) die(who);
    if (who && SSL_CTX_use_PrivateKey_file(made, path(who, ".key"), SSL_FILETYPE_PEM) != 1) die(who);
    return made;
}

SSL_CTX *client_context(const char *who) {
    SSL_CTX *made = context(TLS_client_method(), who);
    if (SSL_CTX_load_verify_locations(made, path("ca", ".pem"), NULL) != 1) die("ca.pem");
    SSL_CTX_set_verify(made, SSL_VERIFY_PEER, NULL);
    return made;
}

SSL_CTX *server_context(const char *who) {
    SSL_CTX *made = context(TLS_server_method(), who);
    SSL_CTX_set_num_tickets(made, 0);
    return made;
}

/* ---- certificates ---- */

static X509 *authority;
static EVP_PKEY *authority_key;

static void read_authority(void) {
    FILE *file = fopen(path("ca", ".pem"), "r");
    authority = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    if (file) fclose(file);
    file = fopen(path("ca", ".key"), "r");
    authority_key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
    if (file) fclose(file);
    if (!authority || !authority_key) die("ca.pem or ca.key");
}

static void extend(X509 *certificate, int kind, const char *value) {
    X509V3_CTX about;
    X509V3_set_ctx(&about, authority, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &about, kind, value);
    if (!extension || !X509_add_ext(certificate, extension, -1)) die(value);
    X509_EXTENSION_free(extension);
}

identity issue(const char *device) {
    identity made = {X509_new(), EVP_EC_gen("P-256")};
    unsigned char serial[16];
    char uri[64];
    if (!authority) read_authority();
    RAND_bytes(serial, sizeof serial);
    serial[0] = (serial[0] & 0x3f) | 0x40;
    BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(made.certificate));
    BN_free(number);
    X509_set_version(made.certificate, 2);
    X509_set_issuer_name(made.certificate, X509_get_subject_name(authority));
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)"bedside", -1, -1, 0);
    X509_gmtime_adj(X509_getm_notBefore(made.certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made.certificate), 89L * 86400);
    X509_set_pubkey(made.certificate, made.key);
    snprintf(uri, sizeof uri, "URI:bedside:device/%s", device);
    extend(made.certificate, NID_subject_key_identifier, "hash");
    extend(made.certificate, NID_basic_constraints, "critical,CA:FALSE");
    extend(made.certificate, NID_key_usage, "critical,digitalSignature");
    extend(made.certificate, NID_ext_key_usage, "clientAuth");
    extend(made.certificate, NID_authority_key_identifier, "keyid:always");
    extend(made.certificate, NID_subject_alt_name, uri);
    if (!X509_sign(made.certificate, authority_key, EVP_sha256())) die("sign");
    return made;
}

/* ---- sockets ---- */

int dial(int port) {
    struct sockaddr_in there = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket: too few open files?");
    /* One address has fewer ports than a fleet in a storm: each connection comes from one of eight. */
    static unsigned turn;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + turn++ % 8)};
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&here, sizeof here)) die("bind");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (!connect(fd, (struct sockaddr *)&there, sizeof there) || errno == EINPROGRESS) return fd;
    close(fd);
    return -1;
}

int listen_anywhere(int *port) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&here, sizeof here) || listen(fd, 64)) die("listen");
    getsockname(fd, (struct sockaddr *)&here, &length);
    *port = ntohs(here.sin_port);
    return fd;
}

enum step shake(SSL *tls, watched *socket) {
    ERR_clear_error();
    int done = SSL_do_handshake(tls);
    if (done == 1) {
        watch(socket, EPOLLIN);
        return DONE;
    }
    int why = SSL_get_error(tls, done);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) return BROKEN;
    /* Until the connection stands, OpenSSL's first write fails with EAGAIN: it wants to write. */
    watch(socket, why == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT);
    return MORE;
}

enum step read_record(SSL *tls, char *data, int *length) {
    ERR_clear_error();
    *length = SSL_read(tls, data, RECORD);
    if (*length > 0) return DONE;
    return SSL_get_error(tls, *length) == SSL_ERROR_WANT_READ ? MORE : BROKEN;
}

int write_all(SSL *tls, const void *data, int length) {
    ERR_clear_error();
    int sent = SSL_write(tls, data, length);
    if (sent == length) return 1;
    if (SSL_get_error(tls, sent) == SSL_ERROR_WANT_WRITE) die("a socket is full");
    return 0;
}
