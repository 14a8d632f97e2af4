/* pk.discovery/1: finds out which endpoints the host names of an upstream stand for (upstream
 * `discovery`), again and again.
 *
 * What was found stays in force until something else is found: a plugin that learns nothing says
 * so (`failed`) and takes nothing back. Endpoints that stay keep their connections, health and
 * counts, balancers begin anew; requests at those that go are finished there. The kernel logs what
 * came, what went, and each new reason of a failure. Finding may take as long as it likes: it
 * is no worker's business, so it runs on a thread of the plugin's own.
 */
#ifndef PKERNEL_ABI_DISCOVERY_H
#define PKERNEL_ABI_DISCOVERY_H

#include "pkernel/abi/base.h"
#include "pkernel/abi/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PK_DISCOVERY_ID "pk.discovery/1"

/* An endpoint of the config by name. Never "localhost", an IP address or a unix socket. */
typedef struct pk_discovery_entry {
    pk_str host;   /* lower case, without a dot at its end */
    uint32_t port; /* of those of its endpoints that have none */
    uint32_t reserved;
} pk_discovery_entry;

enum {
    /* One endpoint that goes by the config's name, with several addresses: the first that connects
     * serves (RFC 8305). Else it goes by its one address. */
    PK_DISCOVERED_NAMED = 1
};

/* One endpoint. Weight, backup, max_connections and state are those of the config's entry, and so
 * is the name that a transport must find there. */
typedef struct pk_discovered {
    uint32_t flags;              /* PK_DISCOVERED_... */
    uint32_t address_count;      /* 1, or with PK_DISCOVERED_NAMED up to 64 */
    const pk_address* addresses; /* family 4 or 6; port 0: the entry's */
} pk_discovered;

/* One upstream. The kernel's; from `watch` until `unwatch` has returned. */
typedef struct pk_discovery_upstream {
    uint32_t size;
    uint32_t reserved;
    pk_str name;
    const pk_discovery_entry* entries;
    uint32_t entry_count;
    uint32_t entry_stride;
    /* [any] Within `watch`, too. These are the endpoints of the entry from now on, all at once; 0
     * are an answer as well. Copied. Their order should not change without need. PK_INVALID, and
     * nothing changes: there is no such entry, more than 256 endpoints, or one that is wrong. */
    pk_status (*found)(const struct pk_discovery_upstream* u, uint32_t entry,
                       const pk_discovered* all, uint32_t count, uint32_t stride);
    /* [any] Nothing could be learnt: what was found before stays. `why` is for people; copied, cut
     * to 160 bytes. */
    void (*failed)(const struct pk_discovery_upstream* u, uint32_t entry, pk_str why);
} pk_discovery_upstream;

typedef struct pk_discovery {
    uint32_t size;
    uint32_t reserved;
    const pk_factory* factory;

    /* [control] After start. Finds out what the entries stand for, from now on; what is known is
     * told at once. The start of the engine and a reload wait half a second for the first word on
     * each entry, and go on without. There may be two at a time, while a reload goes over. */
    void (*watch)(void* instance, const pk_discovery_upstream* upstream);
    /* [control] Before stop. Nothing is told of it any more when this has returned. */
    void (*unwatch)(void* instance, const pk_discovery_upstream* upstream);
} pk_discovery;

#ifdef __cplusplus
}
#endif

#endif
