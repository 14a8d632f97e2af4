// The few socket calls that connections make, with their errors told apart.

#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "pkernel/abi/base.h"

namespace pkernel::net {

enum class io_status : std::uint8_t {
    done,  // `bytes` > 0
    would_block,
    end,    // read only: FIN
    failed  // errno tells
};

struct io_result {
    io_status status;
    std::size_t bytes;
};

io_result receive(int fd, char* at, std::size_t size) noexcept;
// `more`: further bytes follow at once, do not send a half-filled segment.
io_result send_some(int fd, const iovec* parts, int count, bool more) noexcept;

void set_no_delay(int fd) noexcept;
// Sends what waits for company (send_some's `more`, SPLICE_F_MORE); else the system does, but after
// 200 ms.
inline void push(int fd) noexcept {
    set_no_delay(fd);  // Setting it anew does just that (tcp(7)).
}
// Close so that the peer sees a reset.
void close_with_reset(int fd) noexcept;
// Bytes written that the peer has not yet taken.
std::size_t undelivered(int fd) noexcept;
// True when the peer has closed, or has sent something, on a connection that should be silent.
bool is_stale(int fd) noexcept;

// Begins to connect; the fd, or -1 with errno. *done: connected at once (unix sockets).
int connect_to(const sockaddr* to, socklen_t size, bool* done) noexcept;
// Whether an errno says that this system is short of something, descriptors or memory, which is no
// peer's fault.
bool is_shortage(int error) noexcept;
// The pending error of a connect that ended; 0: connected.
int connect_error(int fd) noexcept;

pk_address to_pk_address(const sockaddr_storage& from) noexcept;

}  // namespace pkernel::net
