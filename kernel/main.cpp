#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "kernel/runtime/commands.hpp"

namespace {

// A closed stdin, stdout or stderr must not become the number of a socket that somebody prints to.
void hold_standard_descriptors() {
    int fd;
    do fd = ::open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= 2);
    if (fd > 2) ::close(fd);
}

}  // namespace

int main(int argc, char** argv) {
    hold_standard_descriptors();
    try {
        return pkernel::runtime::run_command_line(std::vector<std::string>(argv + 1, argv + argc));
    } catch (const std::exception& e) {
        std::fprintf(stderr, "pkernel: %s\n", e.what());
        return 4;
    }
}
